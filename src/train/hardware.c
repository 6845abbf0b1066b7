/*
 * hardware.c - this rank's GPU: which one it is, what it says of itself, and how a job ends whose hardware
 * fails.
 *
 * A thread watches (monitor/guard.h). Of a fault all ranks hear with the word that they fold at the end of each
 * step; where no step ends, the watchdog ends the job. Nothing is saved any more: what broken memory holds is
 * worth nothing, and the newest checkpoint is from before.
 */
#include "config.h"
#include "base/text.h"
#include "monitor/guard.h"
#include "train/run.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a step may take to end after a fault; and where the GPU is gone, of which nothing comes any more. */
static const double bears_s = 60, bears_lost_s = 10;
/* For the driver to tell of what made a call fail. */
static const double explain_s = 3;

struct rt_hardware {
    struct rt_guard *guard;
    struct rt_dist *dist;
    struct rt_gpu gpu;
    _Atomic bool broken; /* text is complete */
    char text[400];      /* of the first fault */
    uint64_t xid, slow;  /* the main thread's: what it has warned of */
};

/* The word of a list of words apart by commas. */
static void nth(const char *list, int n, char *word, size_t bytes)
{
    for (; n > 0 && list != NULL; n--)
        list = strchr(list, ',') != NULL ? strchr(list, ',') + 1 : NULL;
    snprintf(word, bytes, "%.*s", list != NULL ? (int)strcspn(list, ",") : 0, list != NULL ? list : "");
}

rt_status rt_run_gpu(const struct rt_run *run, struct rt_gpu *gpu)
{
    struct rt_device_info device = { .uuid = "" };
    *gpu = (struct rt_gpu){ .bus = "" };
    if (run->ex->device == RT_DEVICE_CUDA)
        RT_TRY(rt_exec_info(run->ex, &device));
    else /* for tests where no GPU is */
        nth(getenv("RANKTUNE_TEST_GPUS"), rt_dist_local_rank(run->dist), device.bus, sizeof device.bus);
    snprintf(gpu->bus, sizeof gpu->bus, "%s", device.bus);
    snprintf(gpu->uuid, sizeof gpu->uuid, "%s", device.uuid);
    return RT_OK;
}

/* In the guard's thread. */
static void tell(const struct rt_guard_state *state, void *context)
{
    struct rt_hardware *h = context;
    char text[160], fault[200];
    bool odd;
    rt_guard_text(state, text, sizeof text, &odd);
    rt_dist_card(h->dist, text, state->broken ? RT_CARD_BROKEN : odd ? RT_CARD_ODD : RT_CARD_SOUND);
    if (!state->broken || h->broken)
        return;
    snprintf(h->text, sizeof h->text, "GPU %s (PCI %s) has failed: %s; start again without the host %.64s",
             state->uuid[0] != '\0' ? state->uuid : "of unknown UUID", h->gpu.bus,
             rt_guard_fault_text(state, fault, sizeof fault), rt_dist_host(h->dist));
    h->broken = true;
    rt_dist_broken(h->dist, h->text, state->lost ? bears_lost_s : bears_s);
}

rt_status rt_hardware_open(struct rt_run *run)
{
    struct rt_gpu gpu;
    RT_TRY(rt_run_gpu(run, &gpu));
    if (gpu.bus[0] == '\0')
        return RT_OK;
    struct rt_hardware *h = calloc(1, sizeof *h);
    if (h == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY, "no memory to watch a GPU");
    h->dist = run->dist;
    h->gpu = gpu;
    run->hardware = h;
    return rt_guard_open(&h->guard, &(struct rt_guard_options){ .bus = h->gpu.bus, .fn = tell, .context = h },
                         run->err);
}

void rt_hardware_close(struct rt_run *run)
{
    if (run->hardware == NULL)
        return;
    if (rt_guard_close(run->hardware->guard)) /* else its thread hangs, and keeps what it works on */
        free(run->hardware);
    run->hardware = NULL;
}

bool rt_hardware_failed(const struct rt_run *run)
{
    return run->hardware != NULL && run->hardware->broken;
}

void rt_hardware_state(const struct rt_run *run, struct rt_guard_state *state)
{
    rt_guard_state(run->hardware != NULL ? run->hardware->guard : NULL, state);
}

void rt_hardware_warn(struct rt_run *run)
{
    struct rt_hardware *h = run->hardware;
    struct rt_guard_state s;
    char slow[128];
    if (h == NULL)
        return;
    rt_guard_state(h->guard, &s);
    if (s.xid != h->xid && !s.broken)
        rt_run_warn(run, "the GPU's driver reports Xid %llu: %s", (unsigned long long)s.xid,
                    rt_nvml_xid_text(s.xid));
    const uint64_t now = s.slow & RT_SLOW_BAD & ~h->slow;
    if (now != 0)
        rt_run_warn(run, "the GPU's clocks are held down: %s", rt_nvml_slow_text(now, slow, sizeof slow));
    h->xid = s.xid;
    h->slow |= now;
}

rt_status rt_hardware_agree(struct rt_run *run)
{
    const int rank = rt_dist_rank(run->dist);
    char mine[800] = "", *all = NULL;
    size_t bytes = 0;
    if (rt_hardware_failed(run))
        snprintf(mine, sizeof mine, "rank %d on %.200s: %s\n", rank, rt_dist_host(run->dist),
                 run->hardware->text);
    RT_TRY(rt_dist_allgather(run->dist, mine, strlen(mine), (void **)&all, &bytes, NULL, run->err));
    for (size_t i = 0; i < bytes; i++)
        if (all[i] == '\n')
            all[i] = i + 1 < bytes ? ';' : ' ';
    while (bytes > 0 && all[bytes - 1] == ' ')
        bytes--;
    run->together = true;
    rt_fail(run->err, RT_ERR_HARDWARE, "after step %lld: %.*s", (long long)run->step, (int)bytes, all);
    free(all);
    return RT_ERR_HARDWARE;
}

rt_status rt_hardware_explain(struct rt_run *run, rt_status st)
{
    struct rt_guard_state state;
    if (run->hardware == NULL || (st != RT_ERR_DEVICE && st != RT_ERR_COMM))
        return st;
    if (st == RT_ERR_DEVICE)
        rt_guard_look(run->hardware->guard, explain_s, &state);
    if (!rt_hardware_failed(run))
        return st;
    if (strstr(run->err->text, run->hardware->text) == NULL)
        rt_fail_in(run->err, "%s; ", run->hardware->text);
    return run->err->status = RT_ERR_HARDWARE;
}
