/* device.c - sums and broadcasts of device memory: by NCCL, else through host memory and MPI. */
#include "config.h"
#include "dist/reduce_nccl.h"

#include <stdio.h>
#include <stdlib.h>

/* A rank on which NCCL does not start may leave others waiting inside NCCL: if not all fail alike within this
 * time, it ends the job. */
static const double fail_alike_s = 5.0;

rt_status rt_dist_await_device(struct rt_dist *d, struct rt_error *err)
{
    const double limit_s = d->timeout_s;
    if (d->nccl == NULL || d->nccl_stands)
        return RT_OK;
    const rt_status st = rt_nccl_ready(d->nccl, err);
    d->nccl_stands = st == RT_OK;
    if (st == RT_OK || st == RT_ERR_COMM)
        return st;
    struct rt_nccl *failed = d->nccl;
    struct rt_error all = *err;
    d->nccl = NULL; /* its failure is known: waiting for the others is not to find it again */
    d->timeout_s = fail_alike_s;
    if (rt_dist_agree(d, st, &all) == RT_ERR_COMM)
        rt_dist_abort(d, st, err->text);
    d->timeout_s = limit_s;
    rt_nccl_close(failed);
    *err = all;
    return st;
}

/* NCCL if every rank loads it; else the reason of the lowest rank that does not goes to the log. */
static rt_status choose(struct rt_dist *d, struct rt_error *err)
{
    struct rt_error why = { .text = "" };
    const rt_status st = rt_dist_agree(d, rt_nccl_load(&d->nccl, &why), &why);
    if (st == RT_OK) {
        RT_TRY(rt_nccl_start(d->nccl, d, err));
        d->nccl_stands = false;
        snprintf(d->how, sizeof d->how, "NCCL %s sums gradients between %d GPUs", rt_nccl_version(d->nccl),
                 d->size);
        return RT_OK;
    }
    rt_nccl_close(d->nccl);
    d->nccl = NULL;
    if (st != RT_ERR_DEVICE)
        return rt_fail(err, st, "%s", why.text);
    snprintf(d->how, sizeof d->how,
             "gradients are summed through host memory by MPI, slower than by NCCL: %.600s", why.text);
    d->stage = malloc(d->chunk_bytes);
    return d->stage != NULL ? RT_OK
                            : rt_fail(err, RT_ERR_MEMORY, "no memory for %zu bytes to sum in", d->chunk_bytes);
}

rt_status rt_dist_open_device(struct rt_dist *dist, const struct rt_dist_lane *lane, const char **how,
                              struct rt_error *err)
{
    *how = "one rank: nothing is summed";
    if (dist->size == 1)
        return RT_OK;
    dist->lane = *lane;
    dist->on_device = true;
    RT_TRY(rt_dist_agree(dist, choose(dist, err), err));
    *how = dist->how;
    return RT_OK;
}

void rt_dist_close_device(struct rt_dist *dist)
{
    rt_nccl_close(dist->nccl);
    free(dist->stage);
    dist->nccl = NULL;
    dist->nccl_stands = false;
    dist->stage = NULL;
    dist->on_device = false;
}

bool rt_dist_has_nccl(const struct rt_dist *dist)
{
    return dist->nccl != NULL;
}

rt_status rt_dist_device_error(struct rt_dist *dist, const char *what, struct rt_error *err)
{
    return dist->nccl != NULL ? rt_nccl_error(dist->nccl, what, err) : RT_OK;
}

void rt_dist_drop_device(struct rt_dist *dist)
{
    rt_nccl_abort(dist->nccl);
}

/* What was begun, by MPI: the host's memory in place, the device's in parts through the host's. */
static rt_status sum_begun(struct rt_dist *d, struct rt_error *err)
{
    float *x = d->begun;
    int64_t left = d->begun_count;
    d->begun = NULL;
    d->begun_count = 0;
    if (!d->on_device)
        return rt_dist_sum_f32(d, x, left, err);
    const int64_t most = (int64_t)(d->chunk_bytes / sizeof *x);
    for (int64_t n; left > 0; x += n, left -= n) {
        n = left < most ? left : most;
        RT_TRY(d->lane.get(d->lane.context, d->stage, x, (size_t)n * sizeof *x));
        RT_TRY(rt_dist_sum_f32(d, d->stage, n, err));
        RT_TRY(d->lane.put(d->lane.context, x, d->stage, (size_t)n * sizeof *x));
    }
    return RT_OK;
}

rt_status rt_dist_sum_begin(struct rt_dist *dist, float *x, int64_t n, struct rt_error *err)
{
    if (n < 0)
        return rt_fail(err, RT_ERR_INTERNAL, "sum of %lld numbers", (long long)n);
    if (dist->size == 1 || n == 0)
        return RT_OK;
    RT_TRY(rt_dist_await_device(dist, err));
    if (dist->nccl != NULL)
        return rt_nccl_sum_f32(dist->nccl, x, n, err);
    if (dist->begun_count > 0 && x + n != dist->begun) /* not just below what was begun before */
        RT_TRY(sum_begun(dist, err));
    dist->begun = x;
    dist->begun_count += n;
    return RT_OK;
}

static rt_status lane_done(void *context, bool *done, struct rt_error *err)
{
    const struct rt_dist *d = context;
    (void)err; /* the lane keeps its text there */
    return d->lane.done(d->lane.context, done);
}

rt_status rt_dist_sum_end(struct rt_dist *dist, struct rt_error *err)
{
    if (dist->nccl == NULL)
        return dist->begun_count > 0 ? sum_begun(dist, err) : RT_OK;
    RT_TRY(rt_dist_wait(dist, lane_done, dist, "sum of gradients over ranks", err));
    rt_board_leave(&dist->board);
    return dist->lane.before(dist->lane.context);
}

rt_status rt_dist_bcast_device(struct rt_dist *dist, const struct rt_dist_spread *part, int n,
                               struct rt_error *err)
{
    for (int i = 0; i < n; i++)
        if (dist->nccl == NULL || part[i].root < 0 || part[i].root >= dist->size)
            return rt_fail(err, RT_ERR_INTERNAL, "broadcast of device memory from rank %d of %d", part[i].root,
                           dist->size);
    RT_TRY(rt_dist_await_device(dist, err));
    return n == 0 ? RT_OK : rt_nccl_bcast(dist->nccl, part, n, err);
}
