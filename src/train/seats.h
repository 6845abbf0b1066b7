/* seats.h - which device each rank has. Private to train. */
#ifndef RT_TRAIN_SEATS_H
#define RT_TRAIN_SEATS_H

#include "base/status.h"
#include "kernels/exec.h"

/* Where a rank sits. */
struct rt_seat {
    char host[256];
    struct rt_device_info device;
    enum rt_device kind; /* CPU or CUDA */
    int local_size;      /* ranks of the host */
};

/* One rank a GPU, and all on GPUs or none. seat[ranks] in rank order. Fails: RT_ERR_DEVICE, naming ranks, hosts
 * and GPU and saying what to write instead. */
rt_status rt_seats_check(const struct rt_seat *seat, int ranks, struct rt_error *err);

/* The line of the host on which rank `first` is the lowest: which GPU each of its ranks has; false: `first` is
 * not the lowest of its host. Cut to bytes. */
bool rt_seats_line(const struct rt_seat *seat, int ranks, int first, char *text, size_t bytes);

/* Does some rank see one GPU alone though its host has more ranks? NCCL may then not reach the other GPUs
 * directly. */
bool rt_seats_apart(const struct rt_seat *seat, int ranks);

#endif
