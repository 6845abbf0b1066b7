/*
 * tests/monitor/test_monitor.c - the thread that watches a host with two cards (fake_nvml.c), into event files
 * and a file for Prometheus, read back.
 */
#include "config.h"
#include "base/clock.h"
#include "fake_nvml.h"
#include "monitor/monitor.h"
#include "report/event_folder.h"
#include "report/report.h"
#include "tap.h"
#include "train/monitoring.h"

#include <math.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

static struct {
    struct rt_host_log *log;
    struct rt_monitoring_windows windows;
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
    told.failed += rt_monitoring_windows_look(&told.windows, told.log, values, n, sample->last ? 7 : 0,
                                              sample->last, rt_now_s(), NULL) != RT_OK;
    n = rt_monitoring_progress(&progress, values, n);
    told.failed += rt_prom_write(told.prom, "node \"7\"", values, n, NULL) != RT_OK;
    told.same_thread = pthread_equal(pthread_self(), told.main_thread);
    told.looks++;
}

static void nap(double s)
{
    nanosleep(&(struct timespec){ (time_t)s, (long)((s - floor(s)) * 1e9) }, NULL);
}

/* The run's end flushes what a window has gathered: a point of each series, and settings and counters once. */
static void try_points(const struct seen *seen)
{
    static const struct {
        const char *tag;
        double value;
    } want[] = { /* of fake_nvml.c */
                 { "system/gpu0_percent", 90 },
                 { "system/gpu1_percent", 91 },
                 { "system/gpu1_percent/min", 91 },
                 { "system/gpu1_percent/max", 91 },
                 { "system/gpu1_memory_busy_percent", 40 },
                 { "system/gpu0_memory_gib", 0.5 },
                 { "system/gpu1_memory_gib", 1.5 },
                 { "system/gpu1_memory_total_gib", 80 },
                 { "system/gpu1_memory_clock_mhz", 2619 },
                 { "system/gpu1_memory_clock_max_mhz", 2619 },
                 { "system/gpu1_sm_clock_mhz", 1980 },
                 { "system/gpu1_sm_clock_max_mhz", 1980 },
                 { "system/gpu1_power_w", 612.5 },
                 { "system/gpu1_power_limit_w", 700 },
                 { "system/gpu1_temperature_c", 61 },
                 { "system/gpu1_clock_limits", 4 },
                 { "system/gpu1_power_capped_percent", 100 },
                 { "system/gpu1_throttled_percent", 0 },
                 { "system/gpu1_ecc_corrected", 3 },
                 { "system/gpu1_ecc_uncorrected", 0 },
                 { "system/gpu1_remapped_rows", 3 },
                 { "system/gpu1_remap_pending", 1 },
                 { "system/gpu1_remap_failed", 0 },
                 { "system/gpu0_xid", 0 },
                 { "system/gpu1_xid", 79 },
                 { "system/gpu0_pcie_out_mb_s", 1 },
                 { "system/gpu0_pcie_in_mb_s", 2 },
                 { "system/gpu1_nvlinks_up", 4 },
                 { "system/gpu1_nvlink_replay_errors", 9 },
                 { "system/gpu1_nvlink_crc_errors", 4 }
    };
    bool grows;
    int64_t first = -1;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const int n = points(seen, want[i].tag, want[i].value, &first, &grows);
        ok(n == 1, "%s: %d point of %g", want[i].tag, n, want[i].value);
    }
    ok(nth(seen, "system/gpu1_energy_wh", 0, &first) > 0 &&
           isnan(nth(seen, "system/gpu1_nvlink_recovery_errors", 0, &first)) &&
           isnan(nth(seen, "system/gpu1_power_limit_w/min", 0, &first)),
       "energy grows; a counter that a card has not, and least and most of a setting, are left out");
    ok(points(seen, "system/cpu_percent", NAN, &first, &grows) == 1 &&
           points(seen, "system/rank5_cpu/max", NAN, &first, &grows) == 1 &&
           points(seen, "system/memory_gib", NAN, &first, &grows) == 1 &&
           points(seen, "step", NAN, &first, &grows) == 0,
       "and the host");
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
           strstr(text, "ranktune_rank_cpu{host=\"node \\\"7\\\"\",rank=\"5\"} ") != NULL &&
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
    const int pid = (int)getpid(), rank = 5;
    const struct rt_monitor_options opt = {
        .seconds = 0.2, .host = { NULL, &pid, &rank, 1 }, .bus = bus, .gpus = 2, .fn = tell
    };
    struct rt_error err = { .text = "" };
    struct rt_monitor *m = NULL;
    struct rt_monitor_totals t;
    sigset_t mine, now;
    ok(rt_host_log_open(&told.log, folder, "node7", 0, &err) == RT_OK &&
           rt_monitoring_windows_open(&told.windows, rt_now_s()),
       "a run of the host %s", err.text);
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
    rt_monitoring_windows_close(&told.windows);
}

/* A look that hangs in a file system, here at a pipe that nobody writes to: others are answered at once. */
static void try_hang(const char *folder)
{
    char root[128], path[256], command[160];
    const int pid = 41;
    struct rt_monitor_totals t;
    struct rt_monitor *m = NULL;
    snprintf(root, sizeof root, "%s/root", folder);
    snprintf(command, sizeof command, "mkdir -p %s/proc/41", root);
    snprintf(path, sizeof path, "%s/proc/41/smaps_rollup", root);
    ok(system(command) == 0 && mkfifo(path, 0600) == 0, "a file that hangs");
    const struct rt_monitor_options opt = { .seconds = 0.1, .host = { root, &pid, NULL, 1 } };
    ok(rt_monitor_open(&m, &opt, NULL) == RT_OK, "a monitor of it");
    nap(0.5);
    double most_s = 0;
    for (int i = 0; i < 1000; i++) {
        const double from = rt_now_s();
        rt_monitor_totals(m, &t);
        most_s = fmax(most_s, rt_now_s() - from);
    }
    /* a microsecond each; the rest is for a machine that does something else meanwhile */
    ok(t.looks == 0 && most_s < 0.4, "while it hangs, the slowest of 1000 questions took %.6f s", most_s);
    const int fd = open(path, O_WRONLY); /* the reader goes on, at the end of an empty file */
    close(fd);
    const double from = rt_now_s();
    const bool closed = rt_monitor_close(m);
    ok(fd >= 0 && closed && rt_now_s() - from < 5, "then it ends, after %.3f s", rt_now_s() - from);
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
    try_points(seen);
    memset(seen, 0, sizeof *seen);
    snprintf(old, sizeof old, "%s/steps", host);
    read_folder(seen, old, &files, &whole);
    int n = points(seen, "system_by_step/gpu1_percent/max", 91, &first, &grows);
    ok(files == 1 && whole && n == 1 && first == 7, "and of the steps up to the last log, %lld",
       (long long)first);
    try_prom();
    /* A run that goes on: its host's first file began 1000 s ago. */
    snprintf(old, sizeof old, "%s/events.out.tfevents.%010lld.node7.1.0", host, (long long)rt_wall_s() - 1000);
    fclose(fopen(old, "w"));
    memset(seen, 0, sizeof *seen);
    struct rt_host_log *log = NULL;
    const struct rt_host_value value = { "system/x", "x", -1, 3, RT_HOST_LEVEL };
    struct rt_host_window *window = rt_host_window_open();
    rt_host_window_add(window, &value, 1);
    ok(rt_host_log_open(&log, folder, "node7", 0, NULL) == RT_OK &&
           rt_host_log_put(log, window, true, NULL) == RT_OK,
       "it goes on");
    rt_host_log_close(log);
    rt_host_window_close(window);
    read_folder(seen, host, &files, &whole);
    n = points(seen, "system/x", 3, &first, &grows);
    ok(n == 1 && files == 3 && first >= 1000 && first < 1100, "in a new file, at second %lld of the run",
       (long long)first);
    char *path = rt_monitoring_path("a/%h/b.%h", "n1");
    ok(strcmp(path, "a/n1/b.n1") == 0, "a host's own file: %s", path);
    free(path);
    ok(rt_prom_write("/nowhere/x.prom", "h", &value, 1, NULL) == RT_ERR_OUTPUT,
       "a folder that is not there is told");
    try_hang(folder);
    free(seen);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 ? 1 : tap_done();
}
