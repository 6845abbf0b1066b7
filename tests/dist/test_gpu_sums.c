/*
 * tests/dist/test_gpu_sums.c - sums and broadcasts between real GPUs by the real NCCL, one rank a GPU; one rank
 * alone opens a communicator of one, which a run would not. The same bits twice; how fast stands in the lines.
 */
#include "config.h"
#include "base/clock.h"
#include "base/rng.h"
#include "dist/reduce_nccl.h"
#include "kernels/exec.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT = 20185088, PART = 4 << 20 }; /* LoRA of rank 8 on the 7B; what the loop sums at once */

struct ranks {
    struct rt_dist *dist;
    struct rt_exec *ex;
    struct rt_error err;
    int rank, size;
    float *x;    /* [COUNT] on the GPU */
    float *host; /* [COUNT] */
};

static void check(struct ranks *w, int passed, const char *what)
{
    if (w->rank == 0 || !passed)
        ok(passed, "%s%s%s%s", what, w->rank == 0 ? "" : " (a rank but 0)", passed ? "" : ": ",
           passed ? "" : w->err.text);
}

/* x over the ranks, in parts from its end, as a step's gradients. */
static rt_status sum(struct ranks *w)
{
    for (int64_t left = COUNT; left > 0;) {
        const int64_t n = left < PART ? left : PART;
        left -= n;
        RT_TRY(rt_nccl_sum_f32(w->dist->nccl, w->x + left, n,
                               &w->err)); /* rt_dist_sum_begin does nothing on one rank */
    }
    return rt_dist_sum_end(w->dist, &w->err);
}

/* Whole numbers: exact in any order. */
static void test_exact(struct ranks *w)
{
    const float ranks = (float)w->size, others = (float)(w->size * (w->size - 1) / 2);
    int64_t wrong = 0;
    for (int64_t i = 0; i < COUNT; i++)
        w->host[i] = (float)(i % 1000 + w->rank);
    rt_status st = rt_exec_put(w->ex, w->x, w->host, COUNT * sizeof *w->x);
    if (st == RT_OK)
        st = sum(w);
    if (st == RT_OK)
        st = rt_exec_get(w->ex, w->host, w->x, COUNT * sizeof *w->x);
    for (int64_t i = 0; i < COUNT; i++)
        wrong += w->host[i] != (float)(i % 1000) * ranks + others;
    check(w, st == RT_OK && wrong == 0, "sums of whole numbers are exact");
}

static rt_status sum_random(struct ranks *w, float *out)
{
    struct rt_mt19937 g;
    rt_mt19937_seed(&g, (uint64_t)(w->rank + 1));
    for (int64_t i = 0; i < COUNT; i++)
        w->host[i] = rt_torch_uniform(&g, -1, 1);
    RT_TRY(rt_exec_put(w->ex, w->x, w->host, COUNT * sizeof *w->x));
    RT_TRY(sum(w));
    return rt_exec_get(w->ex, out, w->x, COUNT * sizeof *w->x);
}

static void test_same_bits(struct ranks *w)
{
    float *once = malloc(COUNT * sizeof *once), *again = malloc(COUNT * sizeof *again);
    rt_status st = sum_random(w, once);
    if (st == RT_OK)
        st = sum_random(w, again);
    check(w, st == RT_OK && memcmp(once, again, COUNT * sizeof *once) == 0, "the same bits twice");
    free(once);
    free(again);
}

static void test_bcast(struct ranks *w)
{
    int64_t wrong = 0;
    const int root = w->size - 1;
    for (int64_t i = 0; i < COUNT; i++)
        w->host[i] = (float)(w->rank == root ? i : -1);
    rt_status st = rt_exec_put(w->ex, w->x, w->host, COUNT * sizeof *w->x);
    if (st == RT_OK)
        st = rt_dist_bcast_device(w->dist, &(struct rt_dist_spread){ w->x, COUNT * sizeof *w->x, root }, 1,
                                  &w->err);
    if (st == RT_OK)
        st = rt_dist_sum_end(w->dist, &w->err);
    if (st == RT_OK)
        st = rt_exec_get(w->ex, w->host, w->x, COUNT * sizeof *w->x);
    for (int64_t i = 0; i < COUNT; i++)
        wrong += w->host[i] != (float)i;
    check(w, st == RT_OK && wrong == 0, "a broadcast from the last rank arrives");
}

static void test_speed(struct ranks *w)
{
    enum { TIMES = 20 };
    char line[160];
    rt_status st = sum(w);
    rt_dist_barrier(w->dist, NULL);
    const double start = rt_now_s();
    for (int i = 0; i < TIMES && st == RT_OK; i++)
        st = sum(w);
    const double s = (rt_now_s() - start) / TIMES, gb = COUNT * sizeof *w->x * 1e-9;
    snprintf(line, sizeof line, "a step's gradients, %.0f MB: %.3f ms, %.1f GB/s on the links", gb * 1e3,
             s * 1e3, gb / s * 2 * (w->size - 1) / w->size);
    check(w, st == RT_OK, line);
}

/* Why not, or NULL. */
static const char *start(struct ranks *w)
{
    struct rt_dist_lane lane;
    struct rt_device_info info = { .visible = 0 };
    rt_status st = rt_exec_open(&w->ex, RT_DEVICE_CUDA, RT_F32, rt_dist_local_rank(w->dist), 1, &w->err);
    if (st == RT_OK)
        st = rt_exec_info(w->ex, &info);
    if (st == RT_OK && info.visible < rt_dist_local_size(w->dist))
        st = rt_fail(&w->err, RT_ERR_DEVICE, "%d GPUs for %d ranks", info.visible, rt_dist_local_size(w->dist));
    if (rt_dist_agree(w->dist, st, &w->err) != RT_OK)
        return w->err.text;
    printf("# rank %d: %s %s %s\n", w->rank, info.name, info.bus, info.uuid);
    st = rt_nccl_load(&w->dist->nccl, &w->err);
    if (rt_dist_agree(w->dist, st, &w->err) != RT_OK)
        return w->err.text;
    const double before = rt_now_s();
    st = rt_exec_lane(w->ex, &lane);
    w->dist->lane = lane;
    if (st == RT_OK)
        st = rt_nccl_start(w->dist->nccl, w->dist, &w->err);
    if (st == RT_OK)
        st = rt_nccl_ready(w->dist->nccl, &w->err);
    char line[128];
    snprintf(line, sizeof line, "NCCL %s starts on %d ranks, %.2f s", rt_nccl_version(w->dist->nccl), w->size,
             rt_now_s() - before);
    check(w, st == RT_OK, line);
    return st == RT_OK ? NULL : w->err.text;
}

int main(int argc, char **argv)
{
    struct ranks w = { .ex = NULL };
    if (!ok(rt_dist_open(&w.dist, &argc, &argv, &w.err) == RT_OK, "MPI starts %s", w.err.text))
        return tap_done();
    w.rank = rt_dist_rank(w.dist);
    w.size = rt_dist_size(w.dist);
    rt_dist_set_timeout(w.dist, 60);
    const char *why = start(&w);
    if (why != NULL) {
        if (w.rank == 0)
            printf("ok %d # SKIP %s\n", ++tap.run, why);
    } else {
        w.host = malloc(COUNT * sizeof *w.host);
        rt_exec_alloc(w.ex, (void **)&w.x, COUNT * sizeof *w.x);
        test_exact(&w);
        test_same_bits(&w);
        test_bcast(&w);
        test_speed(&w);
        rt_exec_free(w.ex, w.x);
        free(w.host);
    }
    const double before = rt_now_s();
    rt_dist_close_device(w.dist);
    if (w.rank == 0)
        printf("# the communicator is closed in %.2f s\n", rt_now_s() - before);
    rt_exec_close(w.ex);
    rt_dist_close(w.dist);
    return w.rank == 0 ? tap_done() : tap.failed != 0;
}
