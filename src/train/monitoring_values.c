/* monitoring_values.c - a look at a host as values with names. */
#include "config.h"
#include "train/monitoring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GIB (1.0 / (1 << 30))
#define MB 1e-6

static void put(struct rt_host_value *values, int *n, struct rt_host_value v)
{
    if (*n < RT_HOST_VALUES)
        values[(*n)++] = v;
}

static void level(struct rt_host_value *values, int *n, const char *tag, const char *help, double x)
{
    put(values, n, (struct rt_host_value){ tag, help, -1, x, RT_HOST_LEVEL });
}

static void newest(struct rt_host_value *values, int *n, const char *tag, const char *help, double x)
{
    put(values, n, (struct rt_host_value){ tag, help, -1, x, RT_HOST_LAST });
}

static void put_host(struct rt_host_value *v, int *n, const struct rt_host_use *h)
{
    level(v, n, "system/cpu_percent", "CPUs of the job at work, percent", h->cpu_percent);
    level(v, n, "system/cpu_ranks", "CPUs that the ranks keep busy", h->ranks_cores);
    level(v, n, "system/cpu_group", "CPUs that the job's control group keeps busy", h->group_cores);
    level(v, n, "system/cpu_throttled_percent", "periods in which the job's CPU quota was used up, percent",
          h->throttled_percent);
    for (int i = 0; i < h->ranks; i++)
        put(v, n,
            (struct rt_host_value){ "system/rank_cpu", "CPUs that a rank keeps busy", h->rank[i].rank,
                                    h->rank[i].cores, RT_HOST_LEVEL });
    level(v, n, "system/memory_gib", "host memory in use, GiB", h->memory_bytes * GIB);
    newest(v, n, "system/memory_total_gib", "host memory, GiB", h->memory_all_bytes * GIB);
    level(v, n, "system/memory_percent", "memory in use of what the job may have, percent", h->memory_percent);
    newest(v, n, "system/memory_limit_gib", "memory that the job may have, GiB", h->memory_limit_bytes * GIB);
    level(v, n, "system/memory_group_gib", "memory of the job's control group with kept files, GiB",
          h->group_bytes * GIB);
    level(v, n, "system/memory_ranks_gib", "memory of the ranks, GiB", h->ranks_bytes * GIB);
    level(v, n, "system/memory_ranks_pss_gib", "memory of the ranks, shared pages by parts, GiB",
          h->ranks_pss_bytes * GIB);
    level(v, n, "system/read_mb_s", "bytes that the ranks read, MB/s", h->read_bytes_s * MB);
    level(v, n, "system/write_mb_s", "bytes that the ranks write, MB/s", h->written_bytes_s * MB);
    level(v, n, "system/disk_read_mb_s", "of these from storage, MB/s", h->disk_read_bytes_s * MB);
    level(v, n, "system/disk_write_mb_s", "of these to storage, MB/s", h->disk_written_bytes_s * MB);
    level(v, n, "system/network_in_mb_s", "received by the host's interfaces, MB/s", h->received_bytes_s * MB);
    level(v, n, "system/network_out_mb_s", "sent by the host's interfaces, MB/s", h->sent_bytes_s * MB);
    level(v, n, "system/infiniband_in_mb_s", "received over InfiniBand, MB/s", h->fabric_received_bytes_s * MB);
    level(v, n, "system/infiniband_out_mb_s", "sent over InfiniBand, MB/s", h->fabric_sent_bytes_s * MB);
    newest(v, n, "system/infiniband_errors", "errors of InfiniBand ports since their counters began",
           h->fabric_errors);
}

/* 100 where the clocks are low for one of these reasons, else 0. */
static double held_back(double slow, uint64_t reasons)
{
    return isnan(slow) ? NAN : ((uint64_t)slow & reasons) != 0 ? 100 : 0;
}

static const struct gpu_series {
    const char *tag, *help;
    enum rt_host_kind kind;
} gpu_series[] = {
    { "system/gpu_percent", "GPU use: time with a kernel running, percent", RT_HOST_LEVEL },
    { "system/gpu_memory_busy_percent", "GPU memory controller at work, percent", RT_HOST_LEVEL },
    { "system/gpu_memory_gib", "GPU memory in use, GiB", RT_HOST_LEVEL },
    { "system/gpu_memory_total_gib", "GPU memory, GiB", RT_HOST_LAST },
    { "system/gpu_memory_clock_mhz", "GPU memory clock, MHz", RT_HOST_LEVEL },
    { "system/gpu_memory_clock_max_mhz", "highest GPU memory clock, MHz", RT_HOST_LAST },
    { "system/gpu_sm_clock_mhz", "GPU SM clock, MHz", RT_HOST_LEVEL },
    { "system/gpu_sm_clock_max_mhz", "highest GPU SM clock, MHz", RT_HOST_LAST },
    { "system/gpu_power_w", "GPU power, W", RT_HOST_LEVEL },
    { "system/gpu_power_limit_w", "GPU power limit in force, W", RT_HOST_LAST },
    { "system/gpu_energy_wh", "energy of the GPU since this start of the run, Wh", RT_HOST_LAST },
    { "system/gpu_temperature_c", "GPU temperature, degrees Celsius", RT_HOST_LEVEL },
    { "system/gpu_clock_limits", "why GPU clocks are low: NVML's bits", RT_HOST_BITS },
    { "system/gpu_power_capped_percent", "time with GPU clocks held back by the power limit, percent",
      RT_HOST_SHARE },
    { "system/gpu_throttled_percent", "time with GPU clocks held back by heat or the power supply, percent",
      RT_HOST_SHARE },
    { "system/gpu_ecc_corrected", "corrected GPU memory errors since the driver was loaded", RT_HOST_LAST },
    { "system/gpu_ecc_uncorrected", "uncorrectable GPU memory errors since the driver was loaded",
      RT_HOST_LAST },
    { "system/gpu_remapped_rows", "rows of GPU memory given up after errors", RT_HOST_LAST },
    { "system/gpu_remap_pending", "1: rows of GPU memory are given up at the next reset", RT_HOST_LAST },
    { "system/gpu_remap_failed", "1: a row of GPU memory had no spare one", RT_HOST_LAST },
    { "system/gpu_xid", "last Xid error of the GPU in this run, 0 for none", RT_HOST_LAST },
    { "system/gpu_pcie_out_mb_s", "sent by the GPU over PCIe, MB/s", RT_HOST_LEVEL },
    { "system/gpu_pcie_in_mb_s", "received by the GPU over PCIe, MB/s", RT_HOST_LEVEL },
    { "system/gpu_nvlinks_up", "NVLinks of the GPU that work", RT_HOST_LAST },
    { "system/gpu_nvlink_replay_errors", "replays of the GPU's NVLinks since their counters began",
      RT_HOST_LAST },
    { "system/gpu_nvlink_recovery_errors", "recoveries of the GPU's NVLinks since their counters began",
      RT_HOST_LAST },
    { "system/gpu_nvlink_crc_errors", "checksum errors of the GPU's NVLinks since their counters began",
      RT_HOST_LAST },
};
enum { GPU_SERIES = sizeof gpu_series / sizeof *gpu_series };

/* In the order of the table. */
static void gpu_values(const struct rt_monitor_gpu *g, double values[GPU_SERIES])
{
    const struct rt_nvml_use *u = &g->use;
    const struct rt_nvml_health *h = &g->health;
    const struct rt_nvml_links *l = &g->links;
    const double x[] = {
        u->gpu_percent,
        u->memory_percent,
        u->memory_used_bytes * GIB,
        u->memory_total_bytes * GIB,
        u->memory_mhz,
        g->limits.memory_mhz,
        u->sm_mhz,
        g->limits.sm_mhz,
        u->power_w,
        g->limits.power_w,
        g->energy_j / 3600,
        u->temperature_c,
        g->slow,
        held_back(g->slow, RT_SLOW_POWER_CAP),
        held_back(g->slow, RT_SLOW_BAD),
        h->ecc_corrected,
        h->ecc_uncorrected,
        h->remapped_corrected + h->remapped_uncorrected,
        h->remap_pending,
        h->remap_failed,
        g->xid,
        g->pcie_sent * MB,
        g->pcie_received * MB,
        l->count > 0 ? l->up : NAN,
        l->replay_errors,
        l->recovery_errors,
        l->crc_errors,
    };
    _Static_assert(sizeof x == GPU_SERIES * sizeof *x, "a value each");
    memcpy(values, x, sizeof x);
}

int rt_monitoring_values(const struct rt_monitor_sample *sample, struct rt_host_value *values)
{
    double of[RT_MONITOR_GPUS][GPU_SERIES];
    int n = 0;
    put_host(values, &n, &sample->host);
    for (int i = 0; i < sample->gpus; i++)
        gpu_values(&sample->gpu[i], of[i]);
    for (int k = 0; k < GPU_SERIES; k++)
        for (int i = 0; i < sample->gpus; i++)
            put(values, &n,
                (struct rt_host_value){ gpu_series[k].tag, gpu_series[k].help, i, of[i][k],
                                        gpu_series[k].kind });
    return n;
}

int rt_monitoring_progress(const struct rt_monitoring_progress *p, struct rt_host_value *values, int count)
{
    newest(values, &count, "step", "optimizer steps done", p->step);
    newest(values, &count, "steps", "optimizer steps of the whole run", p->steps);
    newest(values, &count, "loss", "loss of the last log", p->loss);
    newest(values, &count, "tokens_per_second", "tokens a second of all ranks", p->tokens_per_s);
    newest(values, &count, "data_wait_seconds", "waiting for data since the log before", p->data_wait_s);
    newest(values, &count, "step_seconds", "seconds a step", p->step_s);
    return count;
}

char *rt_monitoring_path(const char *path, const char *host)
{
    const size_t n = strlen(host);
    size_t room = strlen(path) + 1;
    for (const char *at = path; (at = strstr(at, "%h")) != NULL; at += 2)
        room += n;
    char *whole = malloc(room), *to = whole;
    for (const char *at = path; whole != NULL;) {
        const char *mark = strstr(at, "%h");
        const size_t plain = mark != NULL ? (size_t)(mark - at) : strlen(at);
        memcpy(to, at, plain);
        to += plain;
        if (mark == NULL)
            break;
        memcpy(to, host, n);
        to += n;
        at = mark + 2;
    }
    if (whole != NULL)
        *to = '\0';
    return whole;
}
