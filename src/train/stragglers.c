/* stragglers.c - every 100 steps all ranks hear how long each has computed, without waiting; who stays behind
 * is named, with what its GPU says. Nothing follows from it but a line in the log. */
#include "config.h"
#include "monitor/guard.h"
#include "train/run.h"
#include "train/stragglers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a rank posts. */
struct pace {
    double compute_s;
    struct rt_guard_state gpu;
    char host[64], bus[24];
};

struct rt_stragglers {
    double before_s;        /* that this rank had computed at the last report */
    struct pace mine, *all; /* [ranks] */
    double *seconds;        /* [ranks] */
    int *streak;            /* [ranks] */
    bool *slow;             /* [ranks] */
};

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool rt_stragglers_judge(const double *seconds, int ranks, int *streak, bool *slow, double *median)
{
    double *sorted = malloc((size_t)ranks * sizeof *sorted);
    bool some = false;
    if (sorted == NULL)
        return false;
    memcpy(sorted, seconds, (size_t)ranks * sizeof *sorted);
    qsort(sorted, (size_t)ranks, sizeof *sorted, by_size);
    *median = ranks % 2 == 1 ? sorted[ranks / 2] : (sorted[ranks / 2 - 1] + sorted[ranks / 2]) / 2;
    free(sorted);
    for (int r = 0; r < ranks; r++) {
        streak[r] = seconds[r] * 0.7 > *median ? streak[r] + 1 : 0;
        int tell = RT_STRAGGLER_REPORTS; /* 3, 9, 27, ... */
        while (tell < streak[r])
            tell *= 3;
        slow[r] = streak[r] == tell;
        some = some || slow[r];
    }
    return some;
}

rt_status rt_stragglers_open(struct rt_run *run)
{
    const size_t ranks = (size_t)rt_dist_size(run->dist);
    struct rt_gpu gpu;
    if (ranks == 1)
        return RT_OK;
    struct rt_stragglers *s = calloc(1, sizeof *s);
    run->stragglers = s;
    if (s != NULL) {
        s->all = calloc(ranks, sizeof *s->all);
        s->seconds = calloc(ranks, sizeof *s->seconds);
        s->streak = calloc(ranks, sizeof *s->streak);
        s->slow = calloc(ranks, sizeof *s->slow);
    }
    if (s == NULL || s->all == NULL || s->seconds == NULL || s->streak == NULL || s->slow == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY, "no memory for the times of %zu ranks", ranks);
    snprintf(s->mine.host, sizeof s->mine.host, "%.63s", rt_dist_host(run->dist));
    RT_TRY(rt_run_gpu(run, &gpu));
    memcpy(s->mine.bus, gpu.bus, sizeof s->mine.bus);
    return RT_OK;
}

static rt_status post(struct rt_run *run, struct rt_stragglers *s)
{
    double compute_s = 0;
    for (int p = 0; rt_dist_phase_name(p) != NULL; p++)
        if (strcmp(rt_dist_phase_name(p), "compute") == 0)
            compute_s += rt_dist_phase_seconds(run->dist, p);
    s->mine.compute_s = compute_s - s->before_s;
    s->before_s = compute_s;
    rt_hardware_state(run, &s->mine.gpu);
    return rt_dist_gather_post(run->dist, &s->mine, sizeof s->mine, run->err);
}

static void name(struct rt_run *run, const struct rt_stragglers *s, int rank, double median)
{
    const struct pace *p = &s->all[rank];
    char gpu[300] = "", state[200];
    bool odd;
    if (rt_guard_text(&p->gpu, state, sizeof state, &odd)[0] != '\0')
        snprintf(gpu, sizeof gpu, "; its GPU %s: %s", p->bus, state);
    rt_report_warn(run->report,
                   "rank %d on %s is slow: it computed %.2f s in the last %d steps, the median rank %.2f s, "
                   "and so %d times in a row%s",
                   rank, p->host, p->compute_s, RT_STRAGGLER_STEPS, median, s->streak[rank], gpu);
}

rt_status rt_stragglers_step(struct rt_run *run)
{
    struct rt_stragglers *s = run->stragglers;
    bool ready = false;
    double median = 0;
    if (s == NULL)
        return RT_OK;
    RT_TRY(rt_dist_gather_take(run->dist, s->all, &ready, run->err));
    for (int r = 0; ready && r < rt_dist_size(run->dist); r++)
        s->seconds[r] = s->all[r].compute_s;
    if (ready && rt_stragglers_judge(s->seconds, rt_dist_size(run->dist), s->streak, s->slow, &median))
        for (int r = 0; r < rt_dist_size(run->dist); r++)
            if (s->slow[r])
                name(run, s, r, median);
    return run->step % RT_STRAGGLER_STEPS == 0 ? post(run, s) : RT_OK;
}

void rt_stragglers_close(struct rt_run *run)
{
    struct rt_stragglers *s = run->stragglers;
    if (s == NULL)
        return;
    free(s->all);
    free(s->seconds);
    free(s->streak);
    free(s->slow);
    free(s);
    run->stragglers = NULL;
}
