/*
 * backend.h - what a backend gives to exec.c: how to start and end, its memory, its tables of operations.
 *
 * Private to kernels. A backend that a build lacks has a stand-in (kernels/no_cuda.c) that refuses to open, so
 * that exec.c is the same in every build.
 */
#ifndef RT_KERNELS_BACKEND_H
#define RT_KERNELS_BACKEND_H

#include "kernels/exec.h"

#include <stdbool.h>

struct rt_backend {
    /* CUDA alone: its operations, also in a build without it; then only what plans ask of is there. */
    const struct rt_ops *(*table)(enum rt_dtype act);
    /* Whether open can be expected to work for this rank: compiled in, and a device is there. */
    bool (*present)(int local_rank);
    /* Sets ex->backend and ex->ops. ex->device, act, act_bytes and err are set before. */
    rt_status (*open)(struct rt_exec *ex, int local_rank, int threads);
    void (*close)(struct rt_exec *ex);
    /* As the rt_exec_ functions. */
    rt_status (*room)(struct rt_exec *ex, struct rt_room *room);
    rt_status (*alloc)(struct rt_exec *ex, void **p, size_t bytes);
    void (*free)(struct rt_exec *ex, void *p);
    rt_status (*put)(struct rt_exec *ex, void *dst, const void *host_src, size_t bytes);
    rt_status (*get)(struct rt_exec *ex, void *host_dst, const void *src, size_t bytes);
    rt_status (*zero)(struct rt_exec *ex, void *dst, size_t bytes);
    rt_status (*sync)(struct rt_exec *ex);
    rt_status (*info)(struct rt_exec *ex, struct rt_device_info *info);
    rt_status (*pin)(struct rt_exec *ex, void **host, size_t bytes);
    void (*unpin)(struct rt_exec *ex, void *host);
    rt_status (*put_pinned)(struct rt_exec *ex, void *dst, const void *pinned, size_t bytes);
    rt_status (*get_begin)(struct rt_exec *ex, void *pinned, const void *src, size_t bytes);
    rt_status (*get_end)(struct rt_exec *ex);
    rt_status (*mark)(struct rt_exec *ex, int i);
    rt_status (*passed)(struct rt_exec *ex, int i, bool *passed);
    rt_status (*lane)(struct rt_exec *ex, struct rt_dist_lane *lane);
};

extern const struct rt_backend rt_cpu_backend, rt_cuda_backend;

#endif
