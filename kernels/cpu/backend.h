/*
 * backend.h - the state behind ex->backend on the CPU: threads, and scratch that operations may overwrite in
 * every call.
 *
 * Operations share their rows out to a team of OpenMP threads; OpenBLAS runs inside, in the thread that calls
 * it. How many threads an operation takes depends on its shape alone, so that the bits do not change from run
 * to run. A build without OpenMP has teams of one.
 */
#ifndef RT_KERNELS_CPU_BACKEND_H
#define RT_KERNELS_CPU_BACKEND_H

#include "kernels/exec.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* Three blocks of 1024 x 1024 for gemm; attention lays out its own blocks over the same memory. */
enum { RT_CPU_BLOCK = 1024, RT_CPU_SCRATCH = 3 * RT_CPU_BLOCK * RT_CPU_BLOCK };

struct rt_cpu {
    float *scratch; /* [threads][RT_CPU_SCRATCH] */
    int threads;
};

/* Elements that a thread has to get, or waking it costs more than it brings: some microseconds of a simple
 * operation. */
enum { RT_CPU_ELEMENTS_PER_THREAD = 1 << 13 };

/* Threads for an operation on so many elements. */
static inline int rt_cpu_team(const struct rt_exec *ex, int64_t elements)
{
    const int most = ((const struct rt_cpu *)ex->backend)->threads;
    const int64_t useful = elements / RT_CPU_ELEMENTS_PER_THREAD;
    return useful >= most ? most : useful < 1 ? 1 : (int)useful;
}

/* The scratch of the calling thread of a team. */
static inline float *rt_cpu_scratch(const struct rt_exec *ex)
{
#ifdef _OPENMP
    const int thread = omp_get_thread_num();
#else
    const int thread = 0;
#endif
    return ((const struct rt_cpu *)ex->backend)->scratch + (size_t)thread * RT_CPU_SCRATCH;
}

#endif
