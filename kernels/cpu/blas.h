/* blas.h - the one way from the CPU operations to OpenBLAS. */
#ifndef RT_KERNELS_CPU_BLAS_H
#define RT_KERNELS_CPU_BLAS_H

#include <stdbool.h>
#include <stdint.h>

/* c[m,n] = alpha op(a) op(b) + beta c in fp32, row-major; with beta 0, c is not read. m, n and k at least 1,
 * all sizes and distances at most INT_MAX. Runs in the calling thread alone; several may call at once. */
void rt_cpu_sgemm(float *c, int64_t ldc, const float *a, int64_t lda, bool trans_a, const float *b, int64_t ldb,
                  bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, float beta);

/* Tells OpenBLAS to start no threads of its own. The first product takes its buffers, so one is made. */
void rt_cpu_blas_start(void);

#endif
