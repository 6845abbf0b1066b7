/*
 * tests/monitor/test_monitor.c - the thread that watches a host with two cards (fake_nvml.c), into event files
 * and a file for Prometheus, read back.
 */
#include "config.h"
#include "base/clock.h"
#include "fake_nvml.h"
#include "monitor/monitor.h"
#include "report/event_test.h"
#include "report/report.h"
#include "tap.h"
#include "train/monitoring.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

static struct {
    struct rt_host_log *log;
    char prom[128];
    _Atomic int looks, failed;
    int same_thread;
    pthread_t main_thread;
} told;

static void tell(const struct rt_monitor_sample *sample, void *context)
{
    struct rt_host_value values[RT_HOST_VALUES];
    const struct rt_monitoring_progress progress = { 7, 10, 0.5, NAN, 1, 2 };
    (void)context;
    int n = rt_monitoring_values(sample, values);
    told.failed += rt_host_log_put(told.log, values, n, NULL) != RT_OK;
    n = rt_monitoring_progress(&progress, values, n);
    told.failed += rt_prom_write(told.prom, "node \"7\"", values, n, NULL) != RT_OK;
    told.same_thread = pthread_equal(pthread_self(), told.main_thread);
    told.looks++;
}

static void nap(double s)
{
    nanosleep(&(struct timespec){ (time_t)s, (long)((s - floor(s)) * 1e9) }, NULL);
}

/* A file's bytes, malloc'ed. */
static char *load(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1 << 20, 1);
    *bytes = f != NULL ? fread(text, 1, (1 << 20) - 1, f) : 0;
    if (f != NULL)
        fclose(f);
    return text;
}

static void read_folder(struct seen *seen, const char *folder, int *files, bool *whole)
{
    char path[512];
    DIR *d = opendir(folder);
    *files = 0;
    *whole = true;
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        size_t bytes;
        if (strstr(e->d_name, "tfevents") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        char *data = load(path, &bytes);
        *whole = read_events(seen, data, bytes) && *whole;
        free(data);
        ++*files;
    }
    if (d != NULL)
        closedir(d);
}

static int points(const struct seen *seen, const char *tag, double value, int64_t *first, bool *grows)
{
    int n = 0;
    int64_t last = -1;
    *grows = true;
    for (int i = 0; i < seen->points; i++) {
        if (strcmp(seen->point[i].tag, tag) != 0 || (!isnan(value) && seen->point[i].value != (float)value))
            continue;
        *grows = *grows && seen->point[i].step > last;
        last = seen->point[i].step;
        *first = n == 0 ? last : *first;
        n++;
    }
    return n;
}

static void try_prom(void)
{
    size_t bytes;
    int bad = 0, lines = 0;
    char *text = load(told.prom, &bytes), *rest = NULL;
    const bool ends = bytes > 0 && text[bytes - 1] == '\n';
    ok(strstr(text, "ranktune_gpu_memory_clock_mhz{host=\"node \\\"7\\\"\",gpu=\"1\"} 2619\n") != NULL &&
           strstr(text, "ranktune_step{host=\"node \\\"7\\\"\"} 7\n") != NULL &&
           strstr(text, "ranktune_loss{host=\"node \\\"7\\\"\"} 0.5\n") != NULL &&
           strstr(text, "# TYPE ranktune_gpu_percent gauge\n") != NULL && strstr(text, "tokens") == NULL,
       "gauges with host and GPU, and none of what is not known");
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest), lines++) {
        char name[96];
        double x;
        const char *end = strrchr(line, '}');
        const bool comment =
            strncmp(line, "# HELP ranktune_", 16) == 0 || strncmp(line, "# TYPE ranktune_", 16) == 0;
        if (!comment && (sscanf(line, "ranktune_%95[a-z0-9_]{host=", name) != 1 || end == NULL ||
                         sscanf(end, "} %lf", &x) != 1))
            bad++;
    }
    ok(ends && lines > 20 && bad == 0, "%d lines, each a comment or a gauge", lines);
    free(text);
}

static void watch(const char *folder, double seconds)
{
    char bus[2][24] = { "0000:1b:00.0", "0000:1c:00.0" };
    const int pid = (int)getpid();
    const struct rt_monitor_options opt = {
        .seconds = 0.2, .host = { NULL, &pid, NULL, 1 }, .bus = bus, .gpus = 2, .fn = tell
    };
    struct rt_error err = { .text = "" };
    struct rt_monitor *m = NULL;
    struct rt_monitor_totals t;
    sigset_t mine, now;
    ok(rt_host_log_open(&told.log, folder, "node7", &err) == RT_OK, "a run of the host %s", err.text);
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    told.looks = 0;
    const double start_s = rt_now_s();
    ok(rt_monitor_open(&m, &opt, &err) == RT_OK, "the thread starts %s", err.text);
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    int changed = 0;
    for (int number = 1; number < 32; number++)
        changed += sigismember(&mine, number) != sigismember(&now, number);
    ok(changed == 0, "the main thread's signals stay as they were");
    nap(seconds);
    rt_monitor_totals(m, &t);
    const double end_s = rt_now_s();
    rt_monitor_close(m);
    const double took_s = rt_now_s() - end_s;
    ok(!told.same_thread && told.failed == 0 && told.looks >= 2, "%d looks in %.1f s by another thread",
       told.looks, end_s - start_s);
    /* Its looks are 0.2 s apart here, 25 times closer than by default, so 0.1 % of a core at 5 s is 2.5 % of
     * it. The first look opens the library, which is not to count: 10 ms. */
    ok(t.cpu_s <= 0.010 + 0.025 * (end_s - start_s),
       "the thread has computed %.4f s of %.1f <= 0.1 %% of a core at 5 s", t.cpu_s, end_s - start_s);
    ok(t.gpu_percent_count >= 2 && t.gpu_percent_sum / t.gpu_percent_count == 90.5 &&
           t.gpu_memory_bytes == 1610612736.0 && t.host_bytes > 0,
       "mean use %g %%, peak %g bytes of a card and %g of the host", t.gpu_percent_sum / t.gpu_percent_count,
       t.gpu_memory_bytes, t.host_bytes);
    ok(t.energy_j > 0, "energy %g J", t.energy_j);
    ok(took_s < 5, "it ends within %.2f s", took_s);
    rt_host_log_close(told.log);
}

int main(int argc, char **argv)
{
    char folder[64], host[128], old[256];
    int files;
    bool whole, grows;
    int64_t first = -1;
    (void)argc;
    fake_nvml_use("fake", "xid=1:79", argv);
    told.main_thread = pthread_self();
    snprintf(folder, sizeof folder, "/tmp/test_monitor.%d", (int)getpid());
    snprintf(host, sizeof host, "%s/node7", folder);
    snprintf(told.prom, sizeof told.prom, "%s/x.prom", folder);
    mkdir(folder, 0777);
    struct seen *seen = calloc(1, sizeof *seen);
    watch(folder, 2.5);
    read_folder(seen, host, &files, &whole);
    ok(files == 1 && whole && seen->versions == 1, "one file, whole: %d events, %d points", seen->events,
       seen->points);
    int n = points(seen, "system/gpu1_memory_clock_mhz", 2619, &first, &grows);
    ok(n >= 2 && grows && first <= 1, "%d points of a tag, a second each at most, from %lld on", n,
       (long long)first);
    ok(points(seen, "system/gpu0_percent", 90, &first, &grows) >= 2 &&
           points(seen, "system/gpu1_percent", 91, &first, &grows) >= 2 &&
           points(seen, "system/gpu1_xid", 79, &first, &grows) >= 1 &&
           points(seen, "system/gpu0_xid", 0, &first, &grows) >= 2,
       "each card has tags of its own");
    ok(points(seen, "system/cpu_percent", NAN, &first, &grows) >= 1 &&
           points(seen, "system/memory_gib", NAN, &first, &grows) >= 2 &&
           points(seen, "step", NAN, &first, &grows) == 0,
       "and the host");
    try_prom();
    /* A run that goes on: its host's first file began 1000 s ago. */
    snprintf(old, sizeof old, "%s/events.out.tfevents.%010lld.node7.1.0", host, (long long)rt_wall_s() - 1000);
    fclose(fopen(old, "w"));
    memset(seen, 0, sizeof *seen);
    struct rt_host_log *log = NULL;
    const struct rt_host_value value = { "system/x", "x", -1, 3 };
    ok(rt_host_log_open(&log, folder, "node7", NULL) == RT_OK && rt_host_log_put(log, &value, 1, NULL) == RT_OK,
       "it goes on");
    rt_host_log_close(log);
    read_folder(seen, host, &files, &whole);
    n = points(seen, "system/x", 3, &first, &grows);
    ok(n == 1 && files == 3 && first >= 1000 && first < 1100, "in a new file, at second %lld of the run",
       (long long)first);
    char *path = rt_monitoring_path("a/%h/b.%h", "n1");
    ok(strcmp(path, "a/n1/b.n1") == 0, "a host's own file: %s", path);
    free(path);
    ok(rt_prom_write("/nowhere/x.prom", "h", &value, 1, NULL) == RT_ERR_OUTPUT,
       "a folder that is not there is told");
    free(seen);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 ? 1 : tap_done();
}
