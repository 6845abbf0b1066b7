/* backend.h - the state behind ex->backend on the CPU: scratch that operations may overwrite in every call. */
#ifndef RT_KERNELS_CPU_BACKEND_H
#define RT_KERNELS_CPU_BACKEND_H

#include "kernels/exec.h"

/* Three blocks of 1024 x 1024 for gemm; attention lays out its own blocks over the same memory. */
enum { RT_CPU_BLOCK = 1024, RT_CPU_SCRATCH = 3 * RT_CPU_BLOCK * RT_CPU_BLOCK };

struct rt_cpu {
    float *scratch; /* [RT_CPU_SCRATCH] */
    int threads;    /* at most, for BLAS */
};

static inline float *rt_cpu_scratch(const struct rt_exec *ex)
{
    return ((const struct rt_cpu *)ex->backend)->scratch;
}

#endif
