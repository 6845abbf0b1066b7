/* monitoring_values.c - a look at a host as values with names. */
#include "config.h"
#include "train/monitoring.h"

#include <stdlib.h>
#include <string.h>

#define GIB (1.0 / (1 << 30))
#define MB 1e-6

static void put(struct rt_host_value *values, int *n, const char *tag, const char *help, double value)
{
    if (*n < RT_HOST_VALUES)
        values[(*n)++] = (struct rt_host_value){ tag, help, -1, value };
}

static void put_host(struct rt_host_value *values, int *n, const struct rt_host_use *h)
{
    put(values, n, "system/cpu_percent", "CPUs of the job at work, percent", h->cpu_percent);
    put(values, n, "system/cpu_ranks", "CPUs that the ranks keep busy", h->ranks_cores);
    put(values, n, "system/cpu_group", "CPUs that the job's control group keeps busy", h->group_cores);
    put(values, n, "system/memory_gib", "host memory in use, GiB", h->memory_bytes * GIB);
    put(values, n, "system/memory_percent", "memory in use of what the job may have, percent",
        h->memory_percent);
    put(values, n, "system/memory_ranks_gib", "memory of the ranks, GiB", h->ranks_bytes * GIB);
    put(values, n, "system/read_mb_s", "bytes that the ranks read, MB/s", h->read_bytes_s * MB);
    put(values, n, "system/write_mb_s", "bytes that the ranks write, MB/s", h->written_bytes_s * MB);
    put(values, n, "system/disk_read_mb_s", "of these from storage, MB/s", h->disk_read_bytes_s * MB);
    put(values, n, "system/disk_write_mb_s", "of these to storage, MB/s", h->disk_written_bytes_s * MB);
    put(values, n, "system/network_in_mb_s", "received by the host's interfaces, MB/s",
        h->received_bytes_s * MB);
    put(values, n, "system/network_out_mb_s", "sent by the host's interfaces, MB/s", h->sent_bytes_s * MB);
    put(values, n, "system/infiniband_in_mb_s", "received over InfiniBand, MB/s",
        h->fabric_received_bytes_s * MB);
    put(values, n, "system/infiniband_out_mb_s", "sent over InfiniBand, MB/s", h->fabric_sent_bytes_s * MB);
}

enum { GPU_VALUES = 11 };

static double gpu_value(const struct rt_monitor_gpu *g, int which)
{
    const double values[GPU_VALUES] = { g->use.gpu_percent,
                                        g->use.memory_percent,
                                        g->use.memory_used_bytes * GIB,
                                        g->use.memory_total_bytes * GIB,
                                        g->use.memory_mhz,
                                        g->use.sm_mhz,
                                        g->use.power_w,
                                        g->use.temperature_c,
                                        g->slow,
                                        g->health.ecc_uncorrected,
                                        g->xid };
    return values[which];
}

int rt_monitoring_values(const struct rt_monitor_sample *sample, struct rt_host_value *values)
{
    static const struct {
        const char *tag, *help;
    } names[GPU_VALUES] = {
        { "system/gpu_percent", "GPU use: time with a kernel running, percent" },
        { "system/gpu_memory_busy_percent", "GPU memory controller at work, percent" },
        { "system/gpu_memory_gib", "GPU memory in use, GiB" },
        { "system/gpu_memory_total_gib", "GPU memory, GiB" },
        { "system/gpu_memory_clock_mhz", "GPU memory clock, MHz" },
        { "system/gpu_sm_clock_mhz", "GPU SM clock, MHz" },
        { "system/gpu_power_w", "GPU power, W" },
        { "system/gpu_temperature_c", "GPU temperature, degrees Celsius" },
        { "system/gpu_clock_limits", "why GPU clocks are low: NVML's bits" },
        { "system/gpu_ecc_uncorrected", "uncorrectable GPU memory errors since the driver was loaded" },
        { "system/gpu_xid", "last Xid error of the GPU in this run, 0 for none" },
    };
    int n = 0;
    put_host(values, &n, &sample->host);
    for (int k = 0; k < GPU_VALUES; k++)
        for (int i = 0; i < sample->gpus && n < RT_HOST_VALUES; i++)
            values[n++] =
                (struct rt_host_value){ names[k].tag, names[k].help, i, gpu_value(&sample->gpu[i], k) };
    return n;
}

int rt_monitoring_progress(const struct rt_monitoring_progress *p, struct rt_host_value *values, int count)
{
    put(values, &count, "step", "optimizer steps done", p->step);
    put(values, &count, "steps", "optimizer steps of the whole run", p->steps);
    put(values, &count, "loss", "loss of the last log", p->loss);
    put(values, &count, "tokens_per_second", "tokens a second of all ranks", p->tokens_per_s);
    put(values, &count, "data_wait_seconds", "waiting for data since the log before", p->data_wait_s);
    put(values, &count, "step_seconds", "seconds a step", p->step_s);
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
