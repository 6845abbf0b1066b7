/* state.h - what the parts of a check share. Private to check. */
#ifndef RT_CHECK_STATE_H
#define RT_CHECK_STATE_H

#include "check/check.h"
#include "check/findings.h"
#include "data/data.h"
#include "dist/dist.h"
#include "kernels/exec.h"
#include "model/model.h"
#include "train/seats.h"
#include "train/train.h"

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_nvml;
struct rt_nvml_gpu;

/* A rank's surroundings. */
struct rt_place {
    char host[256], kernel[80], program[40], mpi[128];
    double wall_s;       /* just after all met */
    cpu_set_t cores;     /* that it may use */
    size_t memory, free; /* of the host, bytes; SIZE_MAX: not known */
    double network;      /* bytes/s of the host's working network interfaces together; 0: not known */
    char interface[64];  /* the fastest of them */
};

struct rt_check {
    const struct rt_job *job;
    const struct rt_check_options *opt;
    struct rt_dist *dist;
    struct rt_error *err;
    int rank, size;
    struct rt_place *place; /* [size] */
    const char **hosts;     /* [size] */
    struct rt_findings *findings;
    bool writable;           /* output_dir; on rank 0 */
    struct rt_exec *ex;      /* NULL: no device opened */
    struct rt_exec plan_for; /* with gpu_gib */
    struct rt_seat *seat;    /* [size], or NULL */
    bool gpus;               /* all ranks have one of their own */
    bool lane;               /* memory of the devices is summed between them */
    struct rt_nvml *nvml;
    struct rt_nvml_gpu *gpu; /* this rank's */
    double nvlink;           /* bytes/s each way that this rank's NVLinks promise; 0: none, or not known */
    double pcie;             /* likewise PCIe, by generation and width under load */
    struct rt_data *data;
    struct rt_counts counts;
    double tokens; /* of an epoch, all ranks, with padding left out; 0: not known */
    struct rt_model *model;
    struct rt_model_sizes sizes; /* all 0: no plan */
    double product_rate;         /* flop/s of a large matrix product: the slowest rank's; 0: not measured */
};

/* Each collective; fails with RT_ERR_COMM or RT_ERR_MEMORY alone: what it finds goes into findings. */
rt_status rt_check_hosts(struct rt_check *c);    /* hosts.c */
rt_status rt_check_settings(struct rt_check *c); /* settings.c */
void rt_check_cores(struct rt_check *c);         /* hosts.c, not collective: once seat is known */
rt_status rt_check_output(struct rt_check *c);   /* output.c: can be written as a checkpoint is */
rt_status rt_check_devices(struct rt_check *c);  /* devices.c: opens ex, and sums between GPUs */
rt_status rt_check_data(struct rt_check *c);     /* rows.c: opens data */
rt_status rt_check_model(struct rt_check *c);    /* model.c: opens model, plans it */
rt_status rt_check_speed(struct rt_check *c);    /* speed.c: products, copies, clocks under load */
rt_status rt_check_sums(struct rt_check *c);     /* sums.c: bandwidth and latency between ranks */
rt_status rt_check_disk(struct rt_check *c);     /* disk.c: room and speed for the job's checkpoints */
rt_status rt_check_time(struct rt_check *c);     /* rows.c: steps, and the least that they take */

/* disk.c: path, or the nearest folder above it that is there; "." where none is. */
void rt_existing_folder(const char *path, char *folder, size_t bytes);

/* network.c: this host's working interfaces, bytes/s, and the fastest one's name; 0: not known. */
double rt_network_rate(char *name, size_t bytes);

/* Every rank's double on every rank: all[size]. */
rt_status rt_check_gather(struct rt_check *c, double mine, double *all);
/* text.c: numbers in words, into text, which they return. "1.5 GiB"; "24.1 GB/s" with the prefix that fits;
 * "24.1 to 25.3 GB/s", of those of x[n] that are finite. */
enum { RT_WORDS = 64 };
const char *rt_words_bytes(char text[RT_WORDS], double bytes);
const char *rt_words_rate(char text[RT_WORDS], double rate, const char *unit);
const char *rt_words_range(char text[RT_WORDS], const double *x, int n, const char *unit);
const char *rt_words_seconds(char text[RT_WORDS], double seconds);

#endif
