/* blas.c - OpenBLAS behind one function. */
#include "config.h"
#include "kernels/cpu/blas.h"

#include <cblas.h>

void rt_cpu_sgemm(float *c, int64_t ldc, const float *a, int64_t lda, bool trans_a, const float *b, int64_t ldb,
                  bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, float beta)
{
    cblas_sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans,
                (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c,
                (blasint)ldc);
}

void rt_cpu_blas_start(void)
{
    openblas_set_num_threads(1);
    const float a = 1.0f, b = 1.0f;
    float c;
    rt_cpu_sgemm(&c, 1, &a, 1, false, &b, 1, false, 1, 1, 1, 1.0f, 0.0f);
}
