/* test_time_limit.c - when a run stops by the time: the batch systems' words from stand-ins in PATH, and the
 * rule. */
#include "config.h"
#include "base/clock.h"
#include "tap.h"
#include "train/time_limit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/test_time_limit.XXXXXX";

static void clear(void)
{
    static const char *const names[] = { "SLURM_JOB_END_TIME", "SLURM_JOB_ID", "PBS_WALLTIME", "PBS_JOBID",
                                         "FLUX_JOB_ID" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

/* A program of that name in PATH that runs a line of sh. */
static void stand_in(const char *name, const char *line)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (f == NULL || fprintf(f, "#!/bin/sh\n%s\n", line) < 0 || fclose(f) != 0 || chmod(path, 0755) != 0)
        exit(1);
}

static void remove_all(void)
{
    static const char *const names[] = { "squeue", "qstat", "flux" };
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
}

/* Seconds from now to the end that auto finds; -1: no limit. */
static double left(const char *from)
{
    struct rt_time_limit limit;
    char said[RT_TIME_LIMIT_CHARS];
    rt_time_limit_open(&limit, NAN, true, rt_now_s(), said);
    const double s = limit.end_s == 0 ? -1 : limit.end_s - rt_now_s();
    ok(strstr(said, from) != NULL, "it says where from: %s", said);
    return s;
}

/* Times are told to a second, and the stand-ins take a moment on a loaded machine. */
static bool near(double x, double want)
{
    return fabs(x - want) < 8;
}

static void test_sources(void)
{
    char text[400], when[64];
    clear();
    double x = left("no time limit");
    ok(x == -1, "nothing known: no limit: %g", x);
    setenv("FLUX_JOB_ID", "f1", 1);
    stand_in("flux", "[ \"$1 $2\" = 'job timeleft' ] && echo 700");
    x = left("flux");
    ok(near(x, 700), "flux job timeleft: %g", x);
    stand_in("flux", "echo infinity");
    x = left("no time limit");
    ok(x == -1, "flux without an end: %g", x);
    stand_in("flux", "echo 700");

    setenv("PBS_JOBID", "12.server", 1);
    stand_in("qstat", "[ \"$1 $2\" = '-f 12.server' ] && printf 'Job Id: 12\\n    job_state = R\\n"
                      "    resources_used.walltime = 00:10:05\\n    Resource_List.walltime = 30:00:05\\n'");
    x = left("qstat");
    ok(near(x, 30 * 3600 - 600), "qstat -f before flux: %g", x);
    setenv("PBS_WALLTIME", "900", 1);
    x = left("PBS_WALLTIME");
    ok(near(x, 900), "PBS_WALLTIME before qstat: %g", x);

    setenv("SLURM_JOB_ID", "77", 1);
    const time_t then = time(NULL) + 5000;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", localtime(&then));
    snprintf(text, sizeof text, "[ \"$*\" = '-h -j 77 -o %%e' ] && echo %s", when);
    stand_in("squeue", text);
    x = left("squeue");
    ok(near(x, 5000), "squeue before PBS: %g", x);
    snprintf(text, sizeof text, "%lld", (long long)time(NULL) + 400);
    setenv("SLURM_JOB_END_TIME", text, 1);
    x = left("SLURM_JOB_END_TIME");
    ok(near(x, 400), "SLURM_JOB_END_TIME before all: %g", x);
    unsetenv("SLURM_JOB_END_TIME");

    static const char *const useless[] = { "echo NONE", "echo N/A",        "echo slurm_load_jobs error; exit 1",
                                           "exit 0",    "echo 2026-11-28", "kill -9 $$" };
    for (size_t i = 0; i < sizeof useless / sizeof *useless; i++) {
        stand_in("squeue", useless[i]);
        x = left("PBS_WALLTIME");
        ok(near(x, 900), "squeue: %s: the next is asked: %g", useless[i], x);
    }
    stand_in("squeue", "sleep 1000 & sleep 1000");
    const double from = rt_now_s();
    x = left("PBS_WALLTIME");
    const double took = rt_now_s() - from;
    ok(x < 892 && x > 850 && took >= 10 && took < 40, "squeue that hangs is left after 10 s: %.1f s, %g", took,
       x);
    remove_all();
    clear();
}

static void test_rule(void)
{
    struct rt_time_limit limit;
    char said[RT_TIME_LIMIT_CHARS];
    rt_time_limit_open(&limit, NAN, false, rt_now_s(), said);
    ok(!rt_time_limit_over(&limit, true) && said[0] == '\0', "no max_hours: never, and no word of it");
    rt_time_limit_open(&limit, 1, false, rt_now_s() - 3500, said);
    ok(!rt_time_limit_over(&limit, true), "an hour, 100 s before its end");
    rt_time_limit_step(&limit, 10);
    ok(!rt_time_limit_over(&limit, true), "a step of 10 s: two of them and a minute are 80 s");
    rt_time_limit_save(&limit, 12);
    rt_time_limit_save(&limit, 3);
    ok(rt_time_limit_over(&limit, true), "a checkpoint of 12 s: 104 s");
    ok(!rt_time_limit_over(&limit, false), "not where there is nothing to save");
    rt_time_limit_open(&limit, 1, false, rt_now_s() - 3570, said);
    ok(rt_time_limit_over(&limit, false), "never later than 0.99 of it: 3564 s");
    rt_time_limit_open(&limit, 10, false, rt_now_s(), said);
    for (int i = 0; i < 150; i++)
        rt_time_limit_step(&limit, i == 20 ? 50 : i == 30 ? 5 : 1);
    ok(rt_time_limit_p99(&limit) == 5, "150 steps, one of 50 s and one of 5: p99 is %g",
       rt_time_limit_p99(&limit));
    for (int i = 0; i < 200; i++)
        rt_time_limit_step(&limit, 1);
    ok(rt_time_limit_p99(&limit) == 1, "and long ago is forgotten: %g", rt_time_limit_p99(&limit));
}

int main(void)
{
    char path[512];
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s:/usr/bin:/bin", folder);
    setenv("PATH", path, 1);
    test_sources();
    test_rule();
    rmdir(folder);
    return tap_done();
}
