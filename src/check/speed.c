/* speed.c - what each rank's device does under load: matrix products, and its clocks meanwhile. */
#include "config.h"
#include "check/links.h"

#include "base/bf16.h"
#include "base/clock.h"
#include "kernels/ops.h"
#include "monitor/nvml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GPU_SIDE = 8192, CPU_SIDE = 768, BLOCK_BYTES = 4 << 20 };

/* Long enough for a card's clocks to settle, short enough for a check. */
static const double gpu_load_s = 0.6, cpu_load_s = 0.2;

/* A card's own clocks move by a few steps with temperature; a tenth below its highest is worth a word. */
static const double clock_share = 0.9;

/* A rank so much slower than the others is worth a look: below it, one that waits for it wastes a third. */
static const double slow_share = 0.7;

struct load {
    void *a, *b, *c;
    int64_t side;
    double rate;                             /* flop/s */
    double sm, sm_most, memory, memory_most; /* MHz; NaN: not known */
    uint64_t slow;                           /* reasons */
};

/* ---- products ---- */

/* Random numbers, as zeros cost a card less power than a job's: one block again and again. */
static rt_status fill(struct rt_exec *ex, void *p, size_t bytes)
{
    char *block = malloc(BLOCK_BYTES);
    rt_status st =
        block == NULL ? rt_fail(ex->err, RT_ERR_MEMORY, "no memory for %d bytes", BLOCK_BYTES) : RT_OK;
    for (size_t i = 0; block != NULL && i < BLOCK_BYTES / ex->act_bytes; i++) {
        const uint32_t mixed = (uint32_t)i * 2654435761u; /* Knuth's multiplicative hash */
        const float x = (float)(mixed >> 8) * 0x1p-23f - 1;
        const rt_bf16 half = rt_bf16_of_f32(x);
        memcpy(block + i * ex->act_bytes, ex->act == RT_F32 ? (const void *)&x : (const void *)&half,
               ex->act_bytes);
    }
    for (size_t at = 0; st == RT_OK && at < bytes; at += BLOCK_BYTES)
        st = rt_exec_put(ex, (char *)p + at, block, bytes - at < BLOCK_BYTES ? bytes - at : BLOCK_BYTES);
    free(block);
    return st;
}

static rt_status product(struct rt_exec *ex, const struct load *l)
{
    return ex->ops->gemm(ex, l->c, l->side, l->a, l->side, false, l->b, l->side, true, NULL, l->side, l->side,
                         l->side, 1.0f, 0.0f);
}

static void read_clocks(const struct rt_check *c, struct load *l)
{
    struct rt_nvml_use use;
    struct rt_nvml_limits most;
    rt_nvml_use(c->nvml, c->gpu, &use);
    rt_nvml_limits(c->nvml, c->gpu, &most);
    l->sm = use.sm_mhz;
    l->memory = use.memory_mhz;
    l->sm_most = most.sm_mhz;
    l->memory_most = most.memory_mhz;
    if (!rt_nvml_slow(c->nvml, c->gpu, &l->slow))
        l->slow = 0;
}

static rt_status products(struct rt_exec *ex, const struct load *l, int n)
{
    for (int i = 0; i < n; i++)
        RT_TRY(product(ex, l));
    return RT_OK;
}

/* A third of the time to get warm, one while clocks are read, one that is timed. */
static rt_status time_products(const struct rt_check *c, struct rt_exec *ex, struct load *l)
{
    const double flop = 2.0 * (double)l->side * (double)l->side * (double)l->side;
    const double third_s = (ex->device == RT_DEVICE_CUDA ? gpu_load_s : cpu_load_s) / 3;
    RT_TRY(product(ex, l)); /* picks how it is done */
    RT_TRY(rt_exec_sync(ex));
    double start = rt_now_s();
    RT_TRY(product(ex, l));
    RT_TRY(rt_exec_sync(ex));
    const double one_s = fmax(rt_now_s() - start, 1e-6);
    const int n = (int)fmin(fmax(third_s / one_s, 1), 1000);
    RT_TRY(products(ex, l, n));
    RT_TRY(rt_exec_sync(ex));
    RT_TRY(products(ex, l, n));
    if (c->gpus) {
        nanosleep(&(struct timespec){ .tv_nsec = (long)(third_s / 2 * 1e9) }, NULL); /* into its midst */
        read_clocks(c, l);
    }
    RT_TRY(rt_exec_sync(ex));
    start = rt_now_s();
    RT_TRY(products(ex, l, n));
    RT_TRY(rt_exec_sync(ex));
    l->rate = (double)n * flop / (rt_now_s() - start);
    return RT_OK;
}

static rt_status load_products(const struct rt_check *c, struct load *l)
{
    struct rt_exec *const ex = c->ex;
    l->side = ex->device == RT_DEVICE_CUDA ? GPU_SIDE : CPU_SIDE;
    const size_t bytes = (size_t)(l->side * l->side) * ex->act_bytes;
    RT_TRY(rt_exec_alloc(ex, &l->a, bytes));
    RT_TRY(rt_exec_alloc(ex, &l->b, bytes));
    RT_TRY(rt_exec_alloc(ex, &l->c, bytes));
    RT_TRY(fill(ex, l->a, bytes));
    RT_TRY(fill(ex, l->b, bytes));
    return time_products(c, ex, l);
}

static void free_products(struct rt_exec *ex, struct load *l)
{
    rt_exec_free(ex, l->a);
    rt_exec_free(ex, l->b);
    rt_exec_free(ex, l->c);
    l->a = l->b = l->c = NULL;
}

/* ---- what came of it ---- */

static void tell_clocks(struct rt_check *c, const struct load *l)
{
    char why[200];
    const bool bad = (l->slow & RT_SLOW_BAD) != 0, low = l->sm < clock_share * l->sm_most;
    const bool capped = (l->slow & RT_SLOW_POWER_CAP) != 0;
    const bool memory_low = l->memory < clock_share * l->memory_most;
    if (!isfinite(l->sm))
        return;
    rt_nvml_slow_text(l->slow, why, sizeof why);
    /* A card that computes at its power limit clocks lower: that is how it is built. */
    const bool warn = bad || memory_low || (low && !capped);
    rt_find_rank(c->findings, warn ? RT_WARNING : RT_OK, "clocks",
                 "under load SM %.0f of %.0f MHz, memory %.0f of %.0f MHz; held back by: %s%s", l->sm,
                 l->sm_most, l->memory, l->memory_most, why,
                 !warn ? ""
                 : bad ? "\nheat or power supply: have the host looked at, or leave it out (srun --exclude)"
                       : "\nset the clocks free: nvidia-smi --reset-gpu-clocks --reset-memory-clocks");
}

/* Of x[n]; NaN if one is. */
static double median(const double *x, int n)
{
    for (int a = 0; a < n; a++) {
        int below = 0;
        for (int b = 0; b < n; b++)
            below += x[b] < x[a] || (x[b] == x[a] && b < a);
        if (below == n / 2)
            return x[a];
    }
    return NAN;
}

/* All ranks wait for the slowest at every step. */
static rt_status tell_products(struct rt_check *c, const struct load *l, double *work)
{
    char text[RT_WORDS], usual[RT_WORDS];
    RT_TRY(rt_check_gather(c, l->rate, work));
    const double middle = median(work, c->size);
    c->product_rate = INFINITY;
    for (int r = 0; r < c->size; r++)
        c->product_rate = isnan(work[r]) ? 0 : fmin(work[r], c->product_rate);
    rt_find_job(c->findings, RT_OK, "compute", "matrix products of %s: %s a rank", c->ex->ops->name,
                rt_words_range(text, work, c->size, "FLOP/s"));
    if (l->rate < slow_share * middle)
        rt_find_rank(
            c->findings, RT_WARNING, "compute",
            "%s, below 0.7 of the ranks' median of %s\nall ranks wait for the slowest: look at its clocks and at "
            "what else runs there, or leave the host out (srun --exclude)",
            rt_words_rate(text, l->rate, "FLOP/s"), rt_words_rate(usual, middle, "FLOP/s"));
    return RT_OK;
}

rt_status rt_check_speed(struct rt_check *c)
{
    struct load l = { .sm = NAN, .rate = NAN };
    struct rt_error why = { .text = "" };
    if (c->ex == NULL)
        return RT_OK;
    double *work = calloc((size_t)c->size, sizeof *work);
    rt_status st = work == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for the ranks' speeds") : RT_OK;
    RT_TRY_TO(st, rt_dist_agree(c->dist, st, c->err), done);
    RT_TRY_TO(st, rt_dist_barrier(c->dist, c->err), done); /* all at once, as in the run */
    why.status = load_products(c, &l);
    free_products(c->ex, &l);
    if (why.status != RT_OK) {
        why = *c->err;
        rt_find_error(c->findings, "compute", &why, false);
    } else if (c->gpus) {
        tell_clocks(c, &l);
    }
    RT_TRY_TO(st, tell_products(c, &l, work), done);
    if (c->gpus)
        RT_TRY_TO(st, rt_check_copies(c, work), done);
    st = rt_findings_share(c->findings, c->err);
done:
    free(work);
    return st;
}
