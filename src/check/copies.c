/* copies.c - bytes between host and GPU, and the bus that they take. */
#include "config.h"
#include "check/links.h"

#include "base/clock.h"
#include "monitor/nvml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COPY_BYTES = 256 << 20, ROUNDS = 4 };

struct copies {
    double to_gpu, from_gpu;   /* bytes/s */
    struct rt_nvml_limits bus; /* while bytes move: at rest a link falls back to a lower generation */
};

static rt_status time_copies(const struct rt_check *c, struct copies *l, void *device, void *host)
{
    struct rt_exec *const ex = c->ex;
    for (int i = 0; i < ROUNDS; i++)
        RT_TRY(rt_exec_put_pinned(ex, device, host, COPY_BYTES));
    rt_nvml_limits(c->nvml, c->gpu, &l->bus);
    RT_TRY(rt_exec_sync(ex));
    double start = rt_now_s();
    for (int i = 0; i < ROUNDS; i++)
        RT_TRY(rt_exec_put_pinned(ex, device, host, COPY_BYTES));
    RT_TRY(rt_exec_sync(ex));
    l->to_gpu = (double)ROUNDS * COPY_BYTES / (rt_now_s() - start);
    start = rt_now_s();
    for (int i = 0; i < ROUNDS; i++)
        RT_TRY(rt_exec_get_begin(ex, host, device, COPY_BYTES));
    RT_TRY(rt_exec_get_end(ex));
    l->from_gpu = (double)ROUNDS * COPY_BYTES / (rt_now_s() - start);
    return RT_OK;
}

static rt_status make_copies(const struct rt_check *c, struct copies *l)
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

/* Bytes/s each way: 2.5 and 5 GT/s with 8 of 10 bits used; from generation 3 on 8 GT/s, doubled each time, with
 * 128 of 130. 0: not known. */
static double pcie_rate(double generation, double width)
{
    if (!isfinite(generation) || !isfinite(width) || generation < 1)
        return 0;
    const double lane = generation < 3 ? 2.5e9 * generation * 0.8 : 8e9 * exp2(generation - 3) * 128 / 130;
    return lane * width / 8;
}

static void tell_bus(struct rt_check *c, const struct copies *l)
{
    char text[RT_WORDS], to[RT_WORDS], from[RT_WORDS];
    const struct rt_nvml_limits *const b = &l->bus;
    const bool narrow =
        b->pcie_generation_now < b->pcie_generation_most || b->pcie_width_now < b->pcie_width_most;
    c->pcie = pcie_rate(b->pcie_generation_now, b->pcie_width_now);
    if (c->pcie <= 0)
        return;
    rt_words_rate(text, c->pcie, "B/s");
    rt_find_rank(c->findings, narrow ? RT_WARNING : RT_OK, "links",
                 "PCIe generation %.0f x%.0f under load, of %.0f x%.0f: %s each way%s", b->pcie_generation_now,
                 b->pcie_width_now, b->pcie_generation_most, b->pcie_width_most, text,
                 narrow ? "\nthe slot, a riser or the firmware holds the card back: have the host looked at"
                        : "");
    if (l->to_gpu < RT_COPY_SHARE * c->pcie || l->from_gpu < RT_COPY_SHARE * c->pcie)
        rt_find_rank(
            c->findings, RT_WARNING, "copies",
            "to the GPU %s, back %s: less than half of the %s that PCIe promises\nbind ranks to the cores near "
            "their GPU (nvidia-smi topo -m), and look for other users of the host",
            rt_words_rate(to, l->to_gpu, "B/s"), rt_words_rate(from, l->from_gpu, "B/s"), text);
}

rt_status rt_check_copies(struct rt_check *c, double *work)
{
    char to[RT_WORDS], from[RT_WORDS];
    struct copies l = { .to_gpu = NAN, .from_gpu = NAN };
    struct rt_error why = { .text = "" };
    RT_TRY(rt_dist_barrier(c->dist, c->err)); /* all at once, as in the run */
    why.status = make_copies(c, &l);
    if (why.status != RT_OK) {
        why = *c->err;
        rt_find_error(c->findings, "copies", &why, false);
    } else {
        tell_bus(c, &l);
    }
    RT_TRY(rt_check_gather(c, l.to_gpu, work));
    rt_words_range(to, work, c->size, "B/s");
    RT_TRY(rt_check_gather(c, l.from_gpu, work));
    rt_words_range(from, work, c->size, "B/s");
    rt_find_job(c->findings, RT_OK, "copies", "pinned host memory over PCIe: to the GPU %s, back %s", to, from);
    return RT_OK;
}
