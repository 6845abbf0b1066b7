/* time_limit.c - when the batch system ends the job, and how long before it a run has to stop. */
#include "config.h"
#include "train/time_limit.h"
#include "base/clock.h"
#include "base/command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double ask_s = 10, spare_s = 60;

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* A text that is a number and nothing else; NaN otherwise. */
static double number(const char *text)
{
    char *end = NULL;
    const double x = text == NULL ? NAN : strtod(text, &end);
    if (text == NULL || end == text || strspn(end, " \t\r\n") != strlen(end) || !isfinite(x))
        return NAN;
    return x;
}

/* Seconds that are left, NaN: not known. */
static double left_slurm_variable(void)
{
    return number(variable("SLURM_JOB_END_TIME")) - rt_wall_s();
}

/* 2026-11-28T08:15:00, in local time; UNLIMITED, NONE and N/A are no time. */
static double left_squeue(void)
{
    char text[256];
    struct tm tm = { .tm_isdst = -1 };
    const char *const argv[] = { "squeue", "-h", "-j", variable("SLURM_JOB_ID"), "-o", "%e", NULL };
    if (argv[3] == NULL || rt_command(argv, ask_s, text, sizeof text) != 0 ||
        strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
        return NAN;
    return (double)mktime(&tm) - rt_wall_s();
}

static double left_pbs_variable(void)
{
    return number(variable("PBS_WALLTIME"));
}

/* [[DD:]HH:]MM:SS or seconds. */
static double clock_text(const char *text)
{
    double sum = 0;
    for (;;) {
        char *end;
        const double part = strtod(text, &end);
        if (end == text || !isfinite(part))
            return NAN;
        sum = sum * 60 + part; /* days do not come from PBS: hours go beyond 24 */
        if (*end != ':')
            return sum;
        text = end + 1;
    }
}

static double left_qstat(void)
{
    static const char limit[] = "Resource_List.walltime = ", used[] = "resources_used.walltime = ";
    char text[16384];
    const char *const argv[] = { "qstat", "-f", variable("PBS_JOBID"), NULL };
    if (argv[2] == NULL || rt_command(argv, ask_s, text, sizeof text) != 0)
        return NAN;
    const char *all = strstr(text, limit), *gone = strstr(text, used);
    if (all == NULL)
        return NAN;
    return clock_text(all + sizeof limit - 1) - (gone == NULL ? 0 : clock_text(gone + sizeof used - 1));
}

/* Seconds; a job without a limit is told as infinity or a number beyond all calendars. */
static double left_flux(void)
{
    char text[256];
    const char *const argv[] = { "flux", "job", "timeleft", NULL };
    if (variable("FLUX_JOB_ID") == NULL || rt_command(argv, ask_s, text, sizeof text) != 0)
        return NAN;
    const double left = number(text);
    return left < 1e9 ? left : NAN;
}

static const struct source {
    const char *name;
    double (*left)(void);
} sources[] = {
    { "SLURM_JOB_END_TIME", left_slurm_variable },
    { "squeue", left_squeue },
    { "PBS_WALLTIME", left_pbs_variable },
    { "qstat", left_qstat },
    { "flux job timeleft", left_flux },
};

void rt_time_limit_open(struct rt_time_limit *limit, double hours, bool automatic, double begun_s,
                        char said[RT_TIME_LIMIT_CHARS])
{
    *limit = (struct rt_time_limit){ .begun_s = begun_s };
    said[0] = '\0';
    if (!automatic) {
        limit->end_s = isnan(hours) ? 0 : begun_s + 3600 * hours;
        return;
    }
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const double left = sources[i].left();
        if (isnan(left))
            continue;
        const bool whole =
            sources[i].left == left_pbs_variable; /* all that the job has, not what is left of it */
        limit->end_s = (whole ? begun_s : rt_now_s()) + left;
        snprintf(said, RT_TIME_LIMIT_CHARS, "max_hours: auto: the job ends in %.2f h, as %s says", left / 3600,
                 sources[i].name);
        return;
    }
    snprintf(
        said, RT_TIME_LIMIT_CHARS,
        "max_hours: auto: no batch system here says when the job ends (Slurm, PBS and Flux are asked): there is "
        "no time limit");
}

void rt_time_limit_step(struct rt_time_limit *limit, double seconds)
{
    limit->step_s[limit->steps++ % RT_STEPS_REMEMBERED] = seconds;
}

void rt_time_limit_save(struct rt_time_limit *limit, double seconds)
{
    limit->save_s = fmax(limit->save_s, seconds);
}

/* The largest of up to 100, the second largest of up to 200. */
double rt_time_limit_p99(const struct rt_time_limit *limit)
{
    const int64_t n = limit->steps < RT_STEPS_REMEMBERED ? limit->steps : RT_STEPS_REMEMBERED;
    double first = 0, second = 0;
    for (int64_t i = 0; i < n; i++) {
        const double s = limit->step_s[i];
        second = s > first ? first : fmax(second, s);
        first = fmax(first, s);
    }
    return n > 100 ? second : first;
}

bool rt_time_limit_over(const struct rt_time_limit *limit, bool to_save)
{
    if (limit->end_s == 0)
        return false;
    const double now = rt_now_s(), latest = limit->begun_s + 0.99 * (limit->end_s - limit->begun_s);
    const double ahead = to_save ? 2 * rt_time_limit_p99(limit) + 2 * limit->save_s + spare_s : 0;
    return now > latest || now + ahead > limit->end_s;
}
