/* blas.h - the one way from the CPU operations to OpenBLAS. */
#ifndef RT_KERNELS_CPU_BLAS_H
#define RT_KERNELS_CPU_BLAS_H

#include "kernels/exec.h"

#include <stdbool.h>
#include <stdint.h>

/* c[m,n] = alpha op(a) op(b) + beta c in fp32, row-major; with beta 0, c is not read. m, n and k at least 1,
 * all sizes and distances at most INT_MAX. Small products take fewer threads than the exec has: which, depends
 * on the shape alone, so that the bits do not change from run to run. */
void rt_cpu_sgemm(const struct rt_exec *ex, float *c, int64_t ldc, const float *a, int64_t lda, bool trans_a,
                  const float *b, int64_t ldb, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha,
                  float beta);

/* Starts the exec's threads. The first product takes OpenBLAS's own buffers, so one is made. */
void rt_cpu_blas_start(const struct rt_exec *ex);

#endif
