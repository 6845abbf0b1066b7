/*
 * nvml.h - what the driver knows of this host's GPUs: use, memory, clocks, power, temperature, faults, links.
 *
 * NVIDIA's management library, libnvidia-ml.so.1, is opened at run time. A missing library, function or value
 * is left out: NaN, 0 or false, never an error. Opening takes some 10 ms; each function says what it costs.
 * Threads: the library itself may be called from any; one event set is waited for by one thread.
 */
#ifndef RT_MONITOR_NVML_H
#define RT_MONITOR_NVML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_nvml;
struct rt_nvml_gpu; /* one GPU of this host, the library's own handle; valid until rt_nvml_close */

/* NULL: no library, no driver or no memory, and why (a text that stays) where `why` is not NULL. All functions
 * below take that NULL, and a NULL GPU, and then know nothing. */
struct rt_nvml *rt_nvml_open(const char **why);
void rt_nvml_close(struct rt_nvml *nvml);

/* "570.124.06"; "" where unknown. */
const char *rt_nvml_driver(const struct rt_nvml *nvml);
/* The newest CUDA that the driver runs, as CUDA counts: 12080 is 12.8; 0 where unknown. */
int rt_nvml_cuda(const struct rt_nvml *nvml);
/* GPUs that this process may see, whatever CUDA_VISIBLE_DEVICES says. */
int rt_nvml_count(const struct rt_nvml *nvml);
struct rt_nvml_gpu *rt_nvml_at(const struct rt_nvml *nvml, int index); /* in PCI order, not in CUDA's */
/* The one with this PCI bus id ("0000:1b:00.0", as rt_exec_info gives it); NULL where there is none. */
struct rt_nvml_gpu *rt_nvml_find(const struct rt_nvml *nvml, const char *bus);
/* "NVIDIA H100 80GB HBM3", "GPU-6ec1...", into buf; "" where unknown. */
void rt_nvml_name(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, char *buf, size_t bytes);
void rt_nvml_uuid(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, char *buf, size_t bytes);

/* What changes all the time; NaN: not known. Well below a millisecond. */
struct rt_nvml_use {
    double gpu_percent, memory_percent; /* share of the last 1/6 to 1 s with a kernel running, memory busy */
    double memory_used_bytes, memory_total_bytes;
    double sm_mhz, memory_mhz;
    double power_w, temperature_c;
    double energy_j; /* since the driver was loaded */
};
void rt_nvml_use(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, struct rt_nvml_use *use);

/* What the card is set to; NaN: not known. */
struct rt_nvml_limits {
    double sm_mhz, memory_mhz;                                                         /* highest clocks */
    double power_w;                                                                    /* limit in force */
    double pcie_generation_now, pcie_generation_most, pcie_width_now, pcie_width_most; /* now: less at rest */
};
void rt_nvml_limits(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, struct rt_nvml_limits *limits);

/* Why the clocks are lower than they could be: bits. */
enum {
    RT_SLOW_IDLE = 1 << 0,
    RT_SLOW_SET = 1 << 1, /* application clocks */
    RT_SLOW_POWER_CAP = 1 << 2,
    RT_SLOW_HW = 1 << 3,
    RT_SLOW_SYNC_BOOST = 1 << 4,
    RT_SLOW_SW_THERMAL = 1 << 5,
    RT_SLOW_HW_THERMAL = 1 << 6,
    RT_SLOW_POWER_BRAKE = 1 << 7,
    RT_SLOW_DISPLAY = 1 << 8,
    /* What somebody should look at: heat or the power supply. A power cap alone is usual under full load. */
    RT_SLOW_BAD = RT_SLOW_HW | RT_SLOW_SW_THERMAL | RT_SLOW_HW_THERMAL | RT_SLOW_POWER_BRAKE
};
/* False: not known. Well below a millisecond. */
bool rt_nvml_slow(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, uint64_t *bits);
/* "power cap, hot (hardware)" into buf; "none" for 0; returns buf. */
const char *rt_nvml_slow_text(uint64_t bits, char *buf, size_t bytes);

/* Memory faults; NaN: not known, as on cards without ECC. */
struct rt_nvml_health {
    double ecc_corrected, ecc_uncorrected;                            /* since the driver was loaded */
    double ecc_corrected_ever, ecc_uncorrected_ever;                  /* in the card's life */
    double remapped_corrected, remapped_uncorrected;                  /* rows given up after errors */
    double remap_pending /* 1: after the next reset */, remap_failed; /* 1: no spare row is left */
};
void rt_nvml_health(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, struct rt_nvml_health *health);

/* Links to other GPUs, of one version; errors NaN where not known. Up to some milliseconds. */
struct rt_nvml_links {
    int count;      /* links that the card has */
    int up;         /* of these working */
    double version; /* of the first working one, as the library counts: 6 is NVLink 4; NaN: not known */
    double replay_errors, recovery_errors, crc_errors; /* sums over the links */
};
void rt_nvml_links(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, struct rt_nvml_links *links);

/* Bytes a second over PCIe, of the card's last 20 ms, which each of the two is measured for: 40 ms in all. */
void rt_nvml_pcie(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, double *sent, double *received);

/* Xid errors ("a GPU fell off the bus", ...). The set is told of GPUs one by one; false: they cannot be heard
 * of here. rt_nvml_wait waits up to timeout_ms for the next one, 0 only looks; false: none. */
struct rt_nvml_events;
struct rt_nvml_events *rt_nvml_events_open(const struct rt_nvml *nvml);
bool rt_nvml_events_add(struct rt_nvml_events *events, struct rt_nvml_gpu *gpu);
bool rt_nvml_events_wait(struct rt_nvml_events *events, int timeout_ms, struct rt_nvml_gpu **gpu,
                         uint64_t *xid);
void rt_nvml_events_close(struct rt_nvml_events *events);
/* Does this Xid mean broken hardware (exit code 80), not a mistake of the program? And what it means, in words.
 */
bool rt_nvml_xid_is_hardware(uint64_t xid);
const char *rt_nvml_xid_text(uint64_t xid);
/* Has the driver given this GPU up: it answers no more, or not before a reset? Well below a millisecond. */
bool rt_nvml_lost(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu);

#endif
