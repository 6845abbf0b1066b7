/* blas.c - OpenBLAS behind one function. */
#include "config.h"
#include "kernels/cpu/blas.h"
#include "kernels/cpu/backend.h"

#include <cblas.h>

/* A thread has to get some 20 microseconds of work, or waking it costs more than it brings. */
enum { PRODUCTS_PER_THREAD = 1 << 21 };

void rt_cpu_sgemm(const struct rt_exec *ex, float *c, int64_t ldc, const float *a, int64_t lda, bool trans_a,
                  const float *b, int64_t ldb, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha,
                  float beta)
{
    const int most = ((const struct rt_cpu *)ex->backend)->threads;
    const double useful = (double)m * (double)n * (double)k / PRODUCTS_PER_THREAD;
    openblas_set_num_threads(useful >= most ? most : useful < 1 ? 1 : (int)useful); /* sets a number, 4 ns */
    cblas_sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans,
                (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c,
                (blasint)ldc);
}

void rt_cpu_blas_start(const struct rt_exec *ex)
{
    openblas_set_num_threads(((const struct rt_cpu *)ex->backend)->threads);
    const float a = 1.0f, b = 1.0f;
    float c;
    rt_cpu_sgemm(ex, &c, 1, &a, 1, false, &b, 1, false, 1, 1, 1, 1.0f, 0.0f);
}
