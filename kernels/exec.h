/*
 * exec.h - where operations run: a backend, the job's element type, its stream and its workspace.
 *
 * Pointers given to operations live where the exec runs; host copies beside them are called host_...
 */
#ifndef RT_KERNELS_EXEC_H
#define RT_KERNELS_EXEC_H

#include "base/room.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An element of the job's activation type, fp32 or bf16. Incomplete: a float * is not taken for one. */
typedef struct rt_act rt_act;

enum rt_dtype { RT_F32, RT_BF16 };
enum rt_device { RT_DEVICE_AUTO, RT_DEVICE_CPU, RT_DEVICE_CUDA };

struct rt_dist_lane; /* dist/dist.h */
struct rt_ops;       /* kernels/ops.h: the table of operations for one backend and one element type */

struct rt_exec {
    const struct rt_ops *ops;
    enum rt_device device; /* CPU or CUDA, never AUTO */
    enum rt_dtype act;     /* type behind rt_act */
    size_t act_bytes;      /* 4 or 2 */
    struct rt_error *err;  /* operations keep their failure text here */
    void *work;            /* scratch of work_bytes, where operations run; contents die with each call */
    size_t work_bytes;
    void *backend; /* stream and handles of the backend */
};

/* An exec on `device` for activations of type act, on GPU number local_rank or with `threads` CPU threads for
 * BLAS. err must outlive it. Fails: RT_ERR_DEVICE where there is no such device or this build has no such
 * backend, RT_ERR_MEMORY. */
rt_status rt_exec_open(struct rt_exec **ex, enum rt_device device, enum rt_dtype act, int local_rank,
                       int threads, struct rt_error *err);
void rt_exec_close(struct rt_exec *ex);

/* An exec for plans of a GPU that need not be there: sizes and ops->name and ops->attention_work can be asked,
 * nothing else. It holds nothing and is not closed. */
void rt_exec_plan_for_gpu(struct rt_exec *ex, enum rt_dtype act);

/* How much memory there is where the exec runs: the GPU's, or the host's, which the ranks of a host share. */
rt_status rt_exec_room(struct rt_exec *ex, struct rt_room *room);
/* Memory where the exec runs. Fails: RT_ERR_MEMORY, naming bytes. */
rt_status rt_exec_alloc(struct rt_exec *ex, void **p, size_t bytes);
void rt_exec_free(struct rt_exec *ex, void *p);
/* Copies between host and exec and zeroing, in the order in which operations were asked for. The host's side is
 * done with on return: host_src may change, host_dst is there (so a get waits for all before it; a put waits
 * for nothing). */
rt_status rt_exec_put(struct rt_exec *ex, void *dst, const void *host_src, size_t bytes);
rt_status rt_exec_get(struct rt_exec *ex, void *host_dst, const void *src, size_t bytes);
rt_status rt_exec_zero(struct rt_exec *ex, void *dst, size_t bytes);
/* Wait until all that was asked of the exec is done; device faults show here. */
rt_status rt_exec_sync(struct rt_exec *ex);

/* ---- beside the operations
 * -------------------------------------------------------------------------------------- */

/* Which device this is: names that stay the same whatever number it has in a process. On the CPU only name is
 * set. */
struct rt_device_info {
    char name[96];
    char uuid[48];       /* "GPU-..." */
    char bus[24];        /* PCI: "0000:1b:00.0" */
    int visible;         /* devices that this process sees */
    int driver, runtime; /* CUDA that the driver can, and that this program was built with: 12080 is 12.8 */
};
rt_status rt_exec_info(struct rt_exec *ex, struct rt_device_info *info);

/* Host memory that the device copies from at the bus's full rate; on the CPU plain memory. Fails:
 * RT_ERR_MEMORY. */
rt_status rt_exec_pin(struct rt_exec *ex, void **host, size_t bytes);
void rt_exec_unpin(struct rt_exec *ex, void *host);
/* rt_exec_put from such memory, which must stay as it is until a mark that is set afterwards has passed. */
rt_status rt_exec_put_pinned(struct rt_exec *ex, void *dst, const void *pinned, size_t bytes);
/* rt_exec_get into such memory, not waited for: the bytes are there once rt_exec_get_end has returned, which
 * waits for the gets begun before it and for nothing asked after them. */
rt_status rt_exec_get_begin(struct rt_exec *ex, void *pinned, const void *src, size_t bytes);
rt_status rt_exec_get_end(struct rt_exec *ex);

/* Mark i: all that was asked so far. *passed: it is done; true where mark i was never set. Neither waits. */
enum { RT_EXEC_MARKS = 32 };
rt_status rt_exec_mark(struct rt_exec *ex, int i);
rt_status rt_exec_passed(struct rt_exec *ex, int i, bool *passed);

/* A stream beside the exec's for the ranks' sums, one an exec, which ends it: ex is its context and keeps its
 * failures' text. */
rt_status rt_exec_lane(struct rt_exec *ex, struct rt_dist_lane *lane);

/* Element i of p. */
static inline rt_act *rt_at(const struct rt_exec *ex, const rt_act *p, int64_t i)
{
    return (rt_act *)((char *)(uintptr_t)p + (size_t)i * ex->act_bytes);
}

#endif
