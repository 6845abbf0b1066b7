/* speed.c - what one rank's device does under load: matrix products, clocks, copies over its bus. */
#include "config.h"
#include "check/state.h"

#include "base/bf16.h"
#include "base/clock.h"
#include "kernels/ops.h"
#include "monitor/nvml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GPU_SIDE = 8192, CPU_SIDE = 768, COPY_BYTES = 256 << 20, BLOCK_BYTES = 4 << 20 };

/* Long enough for clocks to settle and for NVML's averages, short enough for a check. */
static const double load_s = 0.6;

/* A card's own clocks move by a few steps with temperature; a tenth below its highest is worth a word. */
static const double clock_share = 0.9;

struct load {
    void *a, *b, *c;
    int64_t side;
    double rate;                             /* flop/s */
    double sm, sm_most, memory, memory_most; /* MHz; NaN: not known */
    uint64_t slow;                           /* reasons */
    double to_gpu, from_gpu;                 /* bytes/s */
    struct rt_nvml_limits bus;               /* while bytes move */
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

/* The second half of the time counts; clocks are read in its midst, with work still asked for. */
static rt_status time_products(const struct rt_check *c, struct rt_exec *ex, struct load *l)
{
    const double flop = 2.0 * (double)l->side * (double)l->side * (double)l->side, begun = rt_now_s();
    double start = 0, now = begun;
    int64_t done = 0;
    bool read = false;
    RT_TRY(product(ex, l)); /* picks how it is done */
    for (; now < begun + load_s || done == 0; now = rt_now_s()) {
        RT_TRY(product(ex, l));
        RT_TRY(product(ex, l));
        if (start > 0 && !read && now > begun + 0.75 * load_s) {
            RT_TRY(product(ex, l));
            read_clocks(c, l);
            read = true;
            done++;
        }
        RT_TRY(rt_exec_sync(ex));
        done += start > 0 ? 2 : 0;
        if (start == 0 && rt_now_s() > begun + load_s / 2)
            start = rt_now_s();
    }
    l->rate = (double)done * flop / (now - start);
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

/* ---- copies ---- */

static rt_status time_copies(const struct rt_check *c, struct load *l, void *device, void *host)
{
    enum { ROUNDS = 4 };
    struct rt_exec *const ex = c->ex;
    RT_TRY(rt_exec_put_pinned(ex, device, host, COPY_BYTES)); /* wakes the link */
    RT_TRY(rt_exec_sync(ex));
    double start = rt_now_s();
    for (int i = 0; i < ROUNDS; i++)
        RT_TRY(rt_exec_put_pinned(ex, device, host, COPY_BYTES));
    rt_nvml_limits(c->nvml, c->gpu, &l->bus); /* while they move */
    RT_TRY(rt_exec_sync(ex));
    l->to_gpu = (double)ROUNDS * COPY_BYTES / (rt_now_s() - start);
    start = rt_now_s();
    for (int i = 0; i < ROUNDS; i++)
        RT_TRY(rt_exec_get_begin(ex, host, device, COPY_BYTES));
    RT_TRY(rt_exec_get_end(ex));
    l->from_gpu = (double)ROUNDS * COPY_BYTES / (rt_now_s() - start);
    return RT_OK;
}

static rt_status load_copies(const struct rt_check *c, struct load *l)
{
    void *device = NULL, *host = NULL;
    rt_status st = rt_exec_alloc(c->ex, &device, COPY_BYTES);
    if (st == RT_OK)
        st = rt_exec_pin(c->ex, &host, COPY_BYTES);
    if (st == RT_OK) {
        memset(host, 1, COPY_BYTES);
        st = time_copies(c, l, device, host);
    }
    if (host != NULL)
        rt_exec_unpin(c->ex, host);
    rt_exec_free(c->ex, device);
    return st;
}

/* Bytes/s each way: 2.5 and 5 GT/s with 8 of 10 bits used, from generation 3 on 8 GT/s doubled each time with
 * 128 of 130. */
static double pcie_rate(double generation, double width)
{
    if (!isfinite(generation) || !isfinite(width) || generation < 1)
        return 0;
    const double lane = generation < 3 ? 2.5e9 * generation * 0.8 : 8e9 * exp2(generation - 3) * 128 / 130;
    return lane * width / 8;
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

static rt_status tell_products(struct rt_check *c, const struct load *l, double *all)
{
    char text[80];
    double middle = 0;
    int slower = 0;
    RT_TRY(rt_check_gather(c, l->rate, all));
    c->product_rate = INFINITY;
    for (int r = 0; r < c->size; r++)
        c->product_rate = all[r] < c->product_rate ? all[r] : c->product_rate;
    for (int r = 0; r < c->size; r++) { /* the median, by ranks */
        int below = 0;
        for (int b = 0; b < c->size; b++)
            below += all[b] < all[r] || (all[b] == all[r] && b < r);
        middle = below == c->size / 2 ? all[r] : middle;
    }
    for (int r = 0; r < c->size; r++)
        slower += all[r] < 0.7 * middle;
    rt_find_job(c->findings, RT_OK, "compute", "matrix products of %s: %s a rank", c->ex->ops->name,
                rt_range_text(text, sizeof text, all, c->size, 1e12, "TFLOP/s"));
    if (l->rate < 0.7 * middle) /* all wait for the slowest at every step */
        rt_find_rank(
            c->findings, RT_WARNING, "compute",
            "%.3g TFLOP/s, below 0.7 of the ranks' median %.3g\nall ranks wait for the slowest: look at its "
            "clocks and at what else runs there, or leave the host out (srun --exclude)",
            l->rate / 1e12, middle / 1e12);
    return RT_OK;
}

static void tell_bus(struct rt_check *c, const struct load *l)
{
    const struct rt_nvml_limits *b = &l->bus;
    const double promise = pcie_rate(b->pcie_generation_now, b->pcie_width_now);
    const double slowest = l->to_gpu < l->from_gpu ? l->to_gpu : l->from_gpu;
    const bool narrow =
        b->pcie_generation_now < b->pcie_generation_most || b->pcie_width_now < b->pcie_width_most;
    c->pcie = promise;
    if (promise > 0)
        rt_find_rank(
            c->findings, narrow ? RT_WARNING : RT_OK, "links",
            "PCIe generation %.0f x%.0f under load, of %.0f x%.0f; %.1f GB/s%s", b->pcie_generation_now,
            b->pcie_width_now, b->pcie_generation_most, b->pcie_width_most, promise / 1e9,
            narrow ? "\nthe slot or a riser holds the card back, or the firmware: have the host looked at"
                   : "");
    if (promise > 0 && slowest < promise / 2)
        rt_find_rank(
            c->findings, RT_WARNING, "copies",
            "to the GPU %.1f GB/s, back %.1f GB/s, of PCIe's %.1f GB/s: less than half\nbind ranks to the cores "
            "near their GPU (nvidia-smi topo -m), and look for other users of the host",
            l->to_gpu / 1e9, l->from_gpu / 1e9, promise / 1e9);
}

static rt_status tell_copies(struct rt_check *c, const struct load *l, double *all)
{
    char to[80], from[80];
    RT_TRY(rt_check_gather(c, l->to_gpu, all));
    rt_range_text(to, sizeof to, all, c->size, 1e9, "GB/s");
    RT_TRY(rt_check_gather(c, l->from_gpu, all));
    rt_range_text(from, sizeof from, all, c->size, 1e9, "GB/s");
    rt_find_job(c->findings, RT_OK, "copies", "between host and GPU over PCIe, pinned: to it %s, back %s", to,
                from);
    return RT_OK;
}

rt_status rt_check_speed(struct rt_check *c)
{
    struct load l = { .sm = NAN };
    struct rt_error why = { .text = "" };
    if (c->ex == NULL)
        return RT_OK;
    double *all = calloc((size_t)c->size, sizeof *all);
    rt_status st =
        all == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for %d ranks' speeds", c->size) : RT_OK;
    RT_TRY_TO(st, rt_dist_agree(c->dist, st, c->err), done);
    RT_TRY_TO(st, rt_dist_barrier(c->dist, c->err), done); /* all at once, as in the run */
    why.status = load_products(c, &l);
    free_products(c->ex, &l);
    if (why.status == RT_OK && c->gpus)
        why.status = load_copies(c, &l);
    if (why.status != RT_OK)
        why = *c->ex->err;
    RT_TRY_TO(st, rt_dist_agree(c->dist, RT_OK, c->err), done);
    if (why.status != RT_OK)
        rt_find_error(c->findings, "compute", &why, false);
    uint32_t failed = why.status != RT_OK;
    RT_TRY_TO(st, rt_dist_or(c->dist, &failed, c->err), done);
    if (!failed) {
        tell_clocks(c, &l);
        RT_TRY_TO(st, tell_products(c, &l, all), done);
        if (c->gpus) {
            RT_TRY_TO(st, tell_copies(c, &l, all), done);
            tell_bus(c, &l);
        }
    }
    st = rt_findings_share(c->findings, c->err);
done:
    free(all);
    return st;
}
