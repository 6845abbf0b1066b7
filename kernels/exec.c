/* exec.c - opens an exec on one of the backends and passes its calls on. */
#include "config.h"
#include "kernels/exec.h"
#include "kernels/backend.h"

#include <stdlib.h>

static const struct rt_backend *backend_of(enum rt_device device)
{
    return device == RT_DEVICE_CUDA ? &rt_cuda_backend : &rt_cpu_backend;
}

rt_status rt_exec_open(struct rt_exec **ex, enum rt_device device, enum rt_dtype act, int local_rank,
                       int threads, struct rt_error *err)
{
    if (device == RT_DEVICE_AUTO)
        device = rt_cuda_backend.present(local_rank) ? RT_DEVICE_CUDA : RT_DEVICE_CPU;
    const struct rt_backend *backend = backend_of(device);
    struct rt_exec *e = calloc(1, sizeof *e);
    if (e == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of memory: %zu bytes for an exec", sizeof *e);
    e->device = device;
    e->act = act;
    e->act_bytes = act == RT_F32 ? 4 : 2;
    e->err = err;
    rt_status st = backend->open(e, local_rank, threads);
    if (st != RT_OK) {
        free(e);
        return st;
    }
    *ex = e;
    return RT_OK;
}

void rt_exec_plan_for_gpu(struct rt_exec *ex, enum rt_dtype act)
{
    *ex = (struct rt_exec){ .ops = rt_cuda_backend.table(act),
                            .device = RT_DEVICE_CUDA,
                            .act = act,
                            .act_bytes = act == RT_F32 ? 4 : 2 };
}

void rt_exec_close(struct rt_exec *ex)
{
    if (ex == NULL)
        return;
    backend_of(ex->device)->close(ex);
    free(ex);
}

rt_status rt_exec_room(struct rt_exec *ex, struct rt_room *room)
{
    return backend_of(ex->device)->room(ex, room);
}

rt_status rt_exec_alloc(struct rt_exec *ex, void **p, size_t bytes)
{
    return backend_of(ex->device)->alloc(ex, p, bytes);
}

void rt_exec_free(struct rt_exec *ex, void *p)
{
    if (p != NULL)
        backend_of(ex->device)->free(ex, p);
}

rt_status rt_exec_put(struct rt_exec *ex, void *dst, const void *host_src, size_t bytes)
{
    return backend_of(ex->device)->put(ex, dst, host_src, bytes);
}

rt_status rt_exec_get(struct rt_exec *ex, void *host_dst, const void *src, size_t bytes)
{
    return backend_of(ex->device)->get(ex, host_dst, src, bytes);
}

rt_status rt_exec_zero(struct rt_exec *ex, void *dst, size_t bytes)
{
    return backend_of(ex->device)->zero(ex, dst, bytes);
}

rt_status rt_exec_sync(struct rt_exec *ex)
{
    return backend_of(ex->device)->sync(ex);
}

rt_status rt_exec_info(struct rt_exec *ex, struct rt_device_info *info)
{
    return backend_of(ex->device)->info(ex, info);
}

rt_status rt_exec_pin(struct rt_exec *ex, void **host, size_t bytes)
{
    return backend_of(ex->device)->pin(ex, host, bytes);
}

void rt_exec_unpin(struct rt_exec *ex, void *host)
{
    if (host != NULL)
        backend_of(ex->device)->unpin(ex, host);
}

rt_status rt_exec_put_pinned(struct rt_exec *ex, void *dst, const void *pinned, size_t bytes)
{
    return backend_of(ex->device)->put_pinned(ex, dst, pinned, bytes);
}

rt_status rt_exec_get_begin(struct rt_exec *ex, void *pinned, const void *src, size_t bytes)
{
    return backend_of(ex->device)->get_begin(ex, pinned, src, bytes);
}

rt_status rt_exec_get_end(struct rt_exec *ex)
{
    return backend_of(ex->device)->get_end(ex);
}

rt_status rt_exec_mark(struct rt_exec *ex, int i)
{
    return backend_of(ex->device)->mark(ex, i);
}

rt_status rt_exec_passed(struct rt_exec *ex, int i, bool *passed)
{
    return backend_of(ex->device)->passed(ex, i, passed);
}

rt_status rt_exec_lane(struct rt_exec *ex, struct rt_dist_lane *lane)
{
    return backend_of(ex->device)->lane(ex, lane);
}
