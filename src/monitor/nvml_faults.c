/* nvml_faults.c - what is wrong or slow with a card: memory errors, links, Xid events. */
#include "config.h"
#include "monitor/nvml_library.h"

#include <math.h>
#include <stdlib.h>

struct rt_nvml_events {
    const struct rt_nvml *nvml;
    struct rt_nvml_set *set;
};

static double ecc(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, int error, int counter)
{
    unsigned long long count;
    return RT_NVML_HAS(nvml, ecc, gpu, error, counter, &count) ? (double)count : NAN;
}

void rt_nvml_health(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, struct rt_nvml_health *health)
{
    unsigned corrected, uncorrected, pending, failed;
    *health = (struct rt_nvml_health){ NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    if (nvml == NULL || gpu == NULL)
        return;
    health->ecc_corrected = ecc(nvml, gpu, RT_NVML_CORRECTED, RT_NVML_VOLATILE);
    health->ecc_uncorrected = ecc(nvml, gpu, RT_NVML_UNCORRECTED, RT_NVML_VOLATILE);
    health->ecc_corrected_ever = ecc(nvml, gpu, RT_NVML_CORRECTED, RT_NVML_AGGREGATE);
    health->ecc_uncorrected_ever = ecc(nvml, gpu, RT_NVML_UNCORRECTED, RT_NVML_AGGREGATE);
    if (RT_NVML_HAS(nvml, remapped, gpu, &corrected, &uncorrected, &pending, &failed)) {
        health->remapped_corrected = corrected;
        health->remapped_uncorrected = uncorrected;
        health->remap_pending = pending != 0;
        health->remap_failed = failed != 0;
    }
}

/* *sum: NaN until a link answers. */
static void add_errors(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, unsigned link, int counter,
                       double *sum)
{
    unsigned long long count;
    if (RT_NVML_HAS(nvml, link_errors, gpu, link, counter, &count))
        *sum = (isnan(*sum) ? 0 : *sum) + (double)count;
}

void rt_nvml_links(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, struct rt_nvml_links *links)
{
    unsigned up, version;
    *links = (struct rt_nvml_links){ 0, 0, NAN, NAN, NAN, NAN };
    if (nvml == NULL || gpu == NULL)
        return;
    for (unsigned link = 0; link < RT_NVML_MOST_LINKS; link++) {
        if (!RT_NVML_HAS(nvml, link_state, gpu, link, &up))
            continue; /* no such link; a card need not have its links side by side */
        links->count++;
        if (up == 0)
            continue;
        links->up++;
        if (isnan(links->version) && RT_NVML_HAS(nvml, link_version, gpu, link, &version))
            links->version = version;
        add_errors(nvml, gpu, link, RT_NVML_REPLAY, &links->replay_errors);
        add_errors(nvml, gpu, link, RT_NVML_RECOVERY, &links->recovery_errors);
        add_errors(nvml, gpu, link, RT_NVML_CRC_FLIT, &links->crc_errors);
        add_errors(nvml, gpu, link, RT_NVML_CRC_DATA, &links->crc_errors);
    }
}

void rt_nvml_pcie(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, double *sent, double *received)
{
    unsigned kb;
    *sent = *received = NAN;
    if (nvml == NULL || gpu == NULL)
        return;
    if (RT_NVML_HAS(nvml, pcie_throughput, gpu, RT_NVML_SENT, &kb))
        *sent = kb * 1e3;
    if (RT_NVML_HAS(nvml, pcie_throughput, gpu, RT_NVML_RECEIVED, &kb))
        *received = kb * 1e3;
}

struct rt_nvml_events *rt_nvml_events_open(const struct rt_nvml *nvml)
{
    struct rt_nvml_set *set = NULL;
    if (nvml == NULL || nvml->events_register == NULL || nvml->events_wait == NULL || nvml->events_free == NULL)
        return NULL;
    struct rt_nvml_events *events = malloc(sizeof *events);
    if (events == NULL || !RT_NVML_HAS(nvml, events_create, &set)) {
        free(events);
        return NULL;
    }
    *events = (struct rt_nvml_events){ nvml, set };
    return events;
}

bool rt_nvml_events_add(struct rt_nvml_events *events, struct rt_nvml_gpu *gpu)
{
    return events != NULL && gpu != NULL &&
           events->nvml->events_register(gpu, RT_NVML_EVENT_XID, events->set) == 0;
}

bool rt_nvml_events_wait(struct rt_nvml_events *events, int timeout_ms, struct rt_nvml_gpu **gpu, uint64_t *xid)
{
    struct rt_nvml_event event = { .gpu = NULL };
    if (events == NULL || events->nvml->events_wait(events->set, &event, (unsigned)timeout_ms) != 0 ||
        (event.type & RT_NVML_EVENT_XID) == 0)
        return false;
    *gpu = event.gpu;
    *xid = event.data;
    return true;
}

void rt_nvml_events_close(struct rt_nvml_events *events)
{
    if (events == NULL)
        return;
    events->nvml->events_free(events->set);
    free(events);
}

/* Source: NVIDIA's "Xid errors" in the GPU deployment documentation. */
static const struct {
    uint64_t xid;
    bool hardware;
    const char *text;
} xids[] = {
    { 13, false, "a kernel did something that is not allowed" },
    { 31, false, "a kernel read or wrote memory that is not its own" },
    { 43, false, "the driver stopped a process's work" },
    { 45, false, "a process's work was cleared away after another error" },
    { 48, true, "an uncorrectable (double-bit) memory error" },
    { 63, true, "memory is worn out: a page or row was given up for a spare one" },
    { 64, true, "memory is worn out, and no spare page or row could take its place" },
    { 74, true, "an NVLink failed" },
    { 79, true, "the GPU has fallen off the bus" },
    { 94, true, "an uncorrectable memory error, contained to one process" },
    { 95, true, "an uncorrectable memory error, not contained" },
};

bool rt_nvml_xid_is_hardware(uint64_t xid)
{
    for (size_t i = 0; i < sizeof xids / sizeof *xids; i++)
        if (xid == xids[i].xid)
            return xids[i].hardware;
    return false;
}

const char *rt_nvml_xid_text(uint64_t xid)
{
    for (size_t i = 0; i < sizeof xids / sizeof *xids; i++)
        if (xid == xids[i].xid)
            return xids[i].text;
    return "see NVIDIA's list of Xid errors";
}

bool rt_nvml_lost(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu)
{
    unsigned celsius;
    if (nvml == NULL || gpu == NULL || nvml->temperature == NULL)
        return false;
    const int st = nvml->temperature(gpu, 0, &celsius);
    return st == RT_NVML_GPU_IS_LOST || st == RT_NVML_RESET_REQUIRED;
}
