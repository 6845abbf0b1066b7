/* backend.c - the CPU backend's memory, threads and scratch. */
#include "config.h"
#include "dist/dist.h"
#include "kernels/backend.h"
#include "kernels/cpu/backend.h"
#include "kernels/cpu/blas.h"
#include "kernels/cpu/levels.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 256 }; /* bytes: that of an arena, a multiple of every vector and cache line */

static bool cpu_present(int local_rank)
{
    (void)local_rank;
    return true;
}

static rt_status cpu_room(struct rt_exec *ex, struct rt_room *room)
{
    (void)ex;
    *room = rt_host_room();
    return RT_OK;
}

static rt_status cpu_alloc(struct rt_exec *ex, void **p, size_t bytes)
{
    void *block = NULL;
    if (bytes <= SIZE_MAX - ALIGN)
        block = aligned_alloc(ALIGN, bytes == 0 ? ALIGN : (bytes + ALIGN - 1) / ALIGN * ALIGN);
    if (block == NULL)
        return rt_fail(ex->err, RT_ERR_MEMORY, "out of memory: %zu bytes", bytes);
    *p = block;
    return RT_OK;
}

static void cpu_free(struct rt_exec *ex, void *p)
{
    (void)ex;
    free(p);
}

static rt_status cpu_open(struct rt_exec *ex, int local_rank, int threads)
{
    (void)local_rank;
    if (threads < 1)
        return rt_fail(ex->err, RT_ERR_INTERNAL, "rt_exec_open: %d CPU threads; at least 1 is needed", threads);
    struct rt_cpu *cpu = calloc(1, sizeof *cpu);
    if (cpu == NULL)
        return rt_fail(ex->err, RT_ERR_MEMORY, "out of memory: %zu bytes", sizeof *cpu);
    void *scratch = NULL;
    rt_status st = cpu_alloc(ex, &scratch, (size_t)threads * RT_CPU_SCRATCH * sizeof *cpu->scratch);
    if (st != RT_OK) {
        free(cpu);
        return st;
    }
    cpu->scratch = scratch;
    cpu->threads = threads;
    ex->backend = cpu;
    ex->ops = rt_cpu_level(ex->act, 0);
    rt_cpu_blas_start();
    return RT_OK;
}

static void cpu_close(struct rt_exec *ex)
{
    struct rt_cpu *cpu = ex->backend;
    free(cpu->scratch);
    free(cpu);
}

static rt_status cpu_copy(struct rt_exec *ex, void *dst, const void *src, size_t bytes)
{
    (void)ex;
    if (bytes > 0)
        memcpy(dst, src, bytes);
    return RT_OK;
}

static rt_status cpu_zero(struct rt_exec *ex, void *dst, size_t bytes)
{
    (void)ex;
    if (bytes > 0)
        memset(dst, 0, bytes);
    return RT_OK;
}

static rt_status cpu_sync(struct rt_exec *ex)
{
    (void)ex;
    return RT_OK;
}

static rt_status cpu_info(struct rt_exec *ex, struct rt_device_info *info)
{
    (void)ex;
    *info = (struct rt_device_info){ .name = "CPU" };
    return RT_OK;
}

/* Everything is done when a call returns: a mark has always passed, and a lane is the exec itself. */
static rt_status cpu_mark(struct rt_exec *ex, int i)
{
    (void)ex, (void)i;
    return RT_OK;
}

static rt_status cpu_passed(struct rt_exec *ex, int i, bool *passed)
{
    (void)ex, (void)i;
    *passed = true;
    return RT_OK;
}

static rt_status lane_order(void *ex)
{
    (void)ex;
    return RT_OK;
}

static rt_status lane_done(void *ex, bool *done)
{
    (void)ex;
    *done = true;
    return RT_OK;
}

static rt_status lane_copy(void *ex, void *dst, const void *src, size_t bytes)
{
    return cpu_copy(ex, dst, src, bytes);
}

static rt_status cpu_lane(struct rt_exec *ex, struct rt_dist_lane *lane)
{
    *lane = (struct rt_dist_lane){ .context = ex,
                                   .after = lane_order,
                                   .before = lane_order,
                                   .done = lane_done,
                                   .get = lane_copy,
                                   .put = lane_copy };
    return RT_OK;
}

const struct rt_backend rt_cpu_backend = {
    .present = cpu_present,
    .open = cpu_open,
    .close = cpu_close,
    .room = cpu_room,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .put = cpu_copy,
    .get = cpu_copy,
    .zero = cpu_zero,
    .sync = cpu_sync,
    .info = cpu_info,
    .pin = cpu_alloc,
    .unpin = cpu_free,
    .put_pinned = cpu_copy,
    .get_begin = cpu_copy,
    .get_end = cpu_sync,
    .mark = cpu_mark,
    .passed = cpu_passed,
    .lane = cpu_lane,
};
