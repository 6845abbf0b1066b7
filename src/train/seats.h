/* seats.h - which device each rank has. Private to train. */
#ifndef RT_TRAIN_SEATS_H
#define RT_TRAIN_SEATS_H

#include "base/status.h"
#include "kernels/exec.h"

#include <sched.h>

/* Where a rank sits. */
struct rt_seat {
    char host[256];
    struct rt_device_info device;
    enum rt_device kind; /* CPU or CUDA */
    int local_size;      /* ranks of the host */
    cpu_set_t cores;     /* that it may use */
    int online;          /* cores of the host */
};

/* This process's own: host, cores and ranks of the host; kind and device are left to the caller. */
void rt_seat_take(struct rt_seat *seat, const char *host, int local_size);

/* One rank a GPU, and all on GPUs or none. seat[ranks] in rank order. Fails: RT_ERR_DEVICE, naming ranks, hosts
 * and GPU and saying what to write instead. */
rt_status rt_seats_check(const struct rt_seat *seat, int ranks, struct rt_error *err);

/* The line of the host on which rank `first` is the lowest: which GPU each of its ranks has; false: `first` is
 * not the lowest of its host. Cut to bytes. */
bool rt_seats_line(const struct rt_seat *seat, int ranks, int first, char *text, size_t bytes);

/* Does some rank see one GPU alone though its host has more ranks? NCCL may then not reach the other GPUs
 * directly. */
bool rt_seats_apart(const struct rt_seat *seat, int ranks);

/* Cores of a rank, those that it shares with other ranks counted in parts: of the masks, not of the host. */
double rt_seats_cores(const struct rt_seat *seat, int ranks, int rank);

/* Whether ranks have fewer than 2 cores though their hosts have 2 for each: the first of them, how many they
 * are, and what to write. Cut to bytes. */
bool rt_seats_narrow(const struct rt_seat *seat, int ranks, char *text, size_t bytes);

#endif
