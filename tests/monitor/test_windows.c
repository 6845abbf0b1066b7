/* tests/monitor/test_windows.c - looks at a host with known values: which points of which value they become,
 * and how many. */
#include "config.h"
#include "base/clock.h"
#include "report/event_folder.h"
#include "tap.h"
#include "train/monitoring.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[64];

static void nap(double s)
{
    nanosleep(&(struct timespec){ (time_t)s, (long)((s - floor(s)) * 1e9) }, NULL);
}

/* A look with one value of each kind; those of a card and of a rank have numbers. */
static void look(struct rt_host_value values[5], double level, double share, double newest, double bits)
{
    const struct rt_host_value v[5] = { { "system/x", "x", -1, level, RT_HOST_LEVEL },
                                        { "system/gpu_share_percent", "x", 3, share, RT_HOST_SHARE },
                                        { "system/gpu_count", "x", 15, newest, RT_HOST_LAST },
                                        { "system/gpu_bits", "x", 0, bits, RT_HOST_BITS },
                                        { "system/rank_cpu", "x", 12, 2 * level, RT_HOST_LEVEL } };
    memcpy(values, v, sizeof v);
}

static void see(struct seen *seen, const char *host, const char *below)
{
    char path[256];
    int files;
    bool whole;
    snprintf(path, sizeof path, "%s/%s%s", folder, host, below);
    memset(seen, 0, sizeof *seen);
    read_folder(seen, path, &files, &whole);
    ok(files == 1 && whole, "%s%s: %d file, whole, %d points", host, below, files, seen->points);
}

/* Looks each 20 s: windows end at 60 and 120 s, and with the run at 140 s. */
static void try_minutes(struct seen *seen)
{
    static const double levels[] = { 1, 2, NAN, 6, 10, 10, 13, 4 }, shares[] = { 0, 100, 100, 0, 0, 0, 0, 100 };
    static const double counts[] = { 7, 7, 7, 8, 8, 8, 8, 8 }, bits[] = { 1, 4, 0, 4, 0, 0, 32, 0 };
    struct rt_host_value values[5];
    struct rt_monitoring_windows w;
    struct rt_host_log *log = NULL;
    int64_t step[4] = { -1, -1, -1, -1 };
    int failed = !rt_monitoring_windows_open(&w, 1000) || rt_host_log_open(&log, folder, "a", 0, NULL) != RT_OK;
    for (int i = 0; i < 8; i++) {
        look(values, levels[i], shares[i], counts[i], bits[i]);
        failed += rt_monitoring_windows_look(&w, log, values, 5, 0, i == 7, 1000 + 20 * i, NULL) != RT_OK;
        if (i == 3 || i == 6)
            nap(1.1); /* points lie a second apart */
    }
    rt_host_log_close(log);
    rt_monitoring_windows_close(&w);
    see(seen, "a", "");
    ok(failed == 0 && nth(seen, "system/x", 0, &step[0]) == 3 && nth(seen, "system/x/min", 0, &step[0]) == 1 &&
           nth(seen, "system/x/max", 0, &step[0]) == 6,
       "1, 2, not known, 6: mean 3, least 1, most 6");
    ok(nth(seen, "system/x", 1, &step[1]) == 11 && nth(seen, "system/x/min", 1, &step[1]) == 10 &&
           nth(seen, "system/x/max", 1, &step[1]) == 13 && nth(seen, "system/x", 2, &step[2]) == 4 &&
           isnan(nth(seen, "system/x", 3, &step[3])) && step[1] > step[0] && step[2] > step[1],
       "the next minute, and the run's end: at seconds %d, %d, %d", (int)step[0], (int)step[1], (int)step[2]);
    ok(nth(seen, "system/rank12_cpu", 0, step) == 6 && nth(seen, "system/rank12_cpu/max", 1, step) == 26,
       "a rank has its number");
    ok(nth(seen, "system/gpu3_share_percent", 0, step) == 50 &&
           nth(seen, "system/gpu3_share_percent", 1, step) == 0 &&
           isnan(nth(seen, "system/gpu3_share_percent/max", 0, step)),
       "a share of the time has its mean alone");
    ok(nth(seen, "system/gpu15_count", 0, step) == 8 && nth(seen, "system/gpu15_count", 1, &step[3]) == 8 &&
           step[3] == step[2] && isnan(nth(seen, "system/gpu15_count", 2, step)),
       "a counter is written where it changes, and at the end");
    ok(nth(seen, "system/gpu0_bits", 0, step) == 5 && nth(seen, "system/gpu0_bits", 1, step) == 32 &&
           nth(seen, "system/gpu0_bits", 2, step) == 0,
       "bits are those of all looks");
    struct stat info;
    char path[128];
    snprintf(path, sizeof path, "%s/a/steps", folder);
    ok(stat(path, &info) != 0, "no log of the trainer, no file of steps");
}

/* The trainer logs after looks: each log's point has what was seen since the one before. */
static void try_steps(struct seen *seen)
{
    struct rt_host_value values[5];
    struct rt_monitoring_windows w;
    struct rt_host_log *log = NULL;
    int64_t step = -1;
    int failed = !rt_monitoring_windows_open(&w, 0) || rt_host_log_open(&log, folder, "b", 10, NULL) != RT_OK;
    /* step of the first log since the look before: none, 10 (which is of the start before), 12, none, 15, and
     * 16 */
    static const int64_t logged[] = { 0, 10, 12, 0, 15, 16 };
    for (int i = 0; i < 6; i++) {
        look(values, i + 1, 0, 5, 0);
        failed += rt_monitoring_windows_look(&w, log, values, 5, logged[i], i == 5, i, NULL) != RT_OK;
    }
    rt_host_log_close(log);
    rt_monitoring_windows_close(&w);
    see(seen, "b", "/steps");
    ok(failed == 0 && seen->starts == 1 && seen->start_step == 11, "a run that goes on after step 10");
    ok(nth(seen, "system_by_step/x", 0, &step) == 1.5 && step == 12 &&
           nth(seen, "system_by_step/x/max", 0, &step) == 2 && nth(seen, "system_by_step/x", 1, &step) == 3.5 &&
           step == 15 && nth(seen, "system_by_step/x", 2, &step) == 5.5 && step == 16 &&
           isnan(nth(seen, "system_by_step/x", 3, &step)),
       "looks 1 and 2 came before step 12, 3 and 4 before 15, 5 and 6 before the end");
    ok(nth(seen, "system_by_step/gpu15_count", 0, &step) == 5 && step == 12 &&
           nth(seen, "system_by_step/gpu15_count", 1, &step) == 5 && step == 16,
       "counters likewise: where they change, and at the end");
}

/* A log each 5 s for ten days: one that came with each look would be 172800 points a tag. Joined to a
 * thousandth of the time so far they are 1000 until 5000 s, then 1000 ln(864000 / 5000) = 5152. */
static void try_many(void)
{
    struct rt_host_value value = { "system/x", "x", -1, 1, RT_HOST_LEVEL };
    struct rt_monitoring_windows w;
    struct rt_host_log *log = NULL;
    char path[128], command[256];
    int failed = !rt_monitoring_windows_open(&w, 0) || rt_host_log_open(&log, folder, "c", 0, NULL) != RT_OK;
    for (int i = 0; i < 172800; i++)
        failed += rt_monitoring_windows_look(&w, log, &value, 1, i, false, 5 * i, NULL) != RT_OK;
    rt_host_log_close(log);
    rt_monitoring_windows_close(&w);
    snprintf(path, sizeof path, "%s/c/steps", folder);
    snprintf(command, sizeof command, "cat %s/*tfevents* | wc -c", path);
    FILE *f = popen(command, "r");
    long bytes = 0;
    if (f == NULL || fscanf(f, "%ld", &bytes) != 1)
        failed++;
    if (f != NULL)
        pclose(f);
    /* a record of three: 16 bytes, 9 of the time, 4 of the step, and three values of 2 + 2 + 16 to 20 + 5 bytes
     */
    const double points = (double)bytes / 110;
    ok(failed == 0 && points > 4000 && points < 7000, "ten days of logs each 5 s: %ld bytes, about %.0f points",
       bytes, points);
}

/* Two windows that end in one second are one point, and none is lost. */
static void try_same_second(struct seen *seen)
{
    struct rt_host_window *w = rt_host_window_open();
    struct rt_host_log *log = NULL;
    int64_t step[3] = { -1, -1, -1 };
    int failed = rt_host_log_open(&log, folder, "d", 0, NULL) != RT_OK;
    for (int i = 0; i < 3; i++) {
        const struct rt_host_value value = { "system/x", "x", -1, 1 + 2 * i, RT_HOST_LEVEL };
        rt_host_window_add(w, &value, 1);
        if (i == 2)
            nap(1.1);
        failed += rt_host_log_put(log, w, i == 2, NULL) != RT_OK;
    }
    rt_host_log_close(log);
    rt_host_window_close(w);
    see(seen, "d", "");
    const double a = nth(seen, "system/x", 0, &step[0]), b = nth(seen, "system/x", 1, &step[1]),
                 c = nth(seen, "system/x", 2, &step[2]);
    /* 1, then 3 and 5 together; or, where a second has just begun between the first two, each alone */
    ok(failed == 0 && a == 1 && step[1] > step[0] &&
           ((b == 4 && isnan(c)) || (b == 3 && c == 5 && step[2] > step[1])),
       "1, 3 and 5, the last one a second later: %g %g %g", a, b, c);
}

int main(void)
{
    char command[128];
    struct seen *seen = calloc(1, sizeof *seen);
    snprintf(folder, sizeof folder, "/tmp/test_windows.%d", (int)getpid());
    mkdir(folder, 0777);
    try_minutes(seen);
    try_steps(seen);
    try_many();
    try_same_second(seen);
    free(seen);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 ? 1 : tap_done();
}
