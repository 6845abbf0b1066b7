/* gemm_low.cuh - products of few terms that are added to what is there: LoRA's dx += du A. */
#ifndef RT_KERNELS_CUDA_GEMM_LOW_CUH
#define RT_KERNELS_CUDA_GEMM_LOW_CUH

#include "kernels/cuda/common.cuh"

/* c += a b, a [m,k], b [k,n], rows ldc, lda and ldb apart. */
struct rt_low_product {
    bf16 *c;
    const bf16 *a, *b;
    int64_t ldc, lda, ldb, m, n, k;
};

/* Whether gemm_low.cu takes it: rows in pieces of 16 bytes, pairs of terms. */
bool rt_low_product_fits(const rt_low_product &x);
rt_status rt_cuda_low_product(struct rt_exec *ex, const rt_low_product &x);

#endif
