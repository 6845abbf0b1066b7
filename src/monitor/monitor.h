/*
 * monitor.h - looks at a host and its GPUs every few seconds, in a thread of its own.
 *
 * The thread calls nothing of MPI, takes no signal, and does what it is told with each look. It costs well
 * below a thousandth of a core at 5 s. It may hang, in a driver or a file system, for as long as it likes: what
 * other threads ask of it is answered at once, with what was known before.
 */
#ifndef RT_MONITOR_MONITOR_H
#define RT_MONITOR_MONITOR_H

#include "base/status.h"
#include "monitor/host.h"
#include "monitor/nvml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RT_MONITOR_GPUS = 16 }; /* most that are looked at on a host */

struct rt_monitor_sample { /* NaN: not known */
    struct rt_host_use host;
    int gpus;
    struct rt_monitor_gpu {
        struct rt_nvml_use use;
        double energy_j; /* since the first look */
        double slow;     /* why the clocks are low: bits of RT_SLOW_... */
        double xid;      /* the last Xid error heard of while this runs; 0: none */
        /* Asked for once a minute, as cards take their time for it, and the same in between: */
        struct rt_nvml_limits limits;
        struct rt_nvml_health health;
        struct rt_nvml_links links;
        /* Of one card in each look, as the driver measures for 40 ms, and each 5 s at most: bytes a second. */
        double pcie_sent, pcie_received;
    } gpu[RT_MONITOR_GPUS]; /* in the order in which they were named */
    bool last;              /* the monitor is about to end */
};

typedef void rt_monitor_fn(const struct rt_monitor_sample *sample, void *context);

struct rt_monitor_options {
    double seconds; /* between two looks */
    struct rt_host_options host;
    char (*bus)[24]; /* [gpus] PCI ids of the GPUs in use; copied */
    int gpus;
    rt_monitor_fn *fn; /* called in the thread, after each look; may be NULL */
    void *context;
};

/* Over the time that it has run so far; NaN: not known. */
struct rt_monitor_totals {
    int64_t looks;
    double cpu_s;                              /* that the thread itself has computed */
    double gpu_percent_sum, gpu_percent_count; /* over GPUs and looks: their quotient is the mean use */
    double gpu_memory_bytes;                   /* most that one GPU had in use, by anyone */
    double energy_j;                           /* of all its GPUs, since the first look */
    double host_bytes;                         /* most that the host had in use */
};

struct rt_monitor;
/* Fails: RT_ERR_MEMORY, RT_ERR_INTERNAL (no thread). The first look is taken at once. */
rt_status rt_monitor_open(struct rt_monitor **monitor, const struct rt_monitor_options *opt,
                          struct rt_error *err);
/* What it has seen so far; of NULL nothing. Any thread. */
void rt_monitor_totals(struct rt_monitor *monitor, struct rt_monitor_totals *totals);
/* Takes a last look and waits for the thread to end: some milliseconds; wait_s at most, where the driver or a
 * file system hangs. Totals can still be asked for. NULL is fine. close: stops with 5 s; false: the thread
 * hangs yet, and may go on to use what it was given. */
void rt_monitor_stop(struct rt_monitor *monitor, double wait_s);
bool rt_monitor_close(struct rt_monitor *monitor);

#endif
