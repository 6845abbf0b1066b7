/* gemm_low.cuh - products of few terms that are added to what is there: LoRA's dx += du A. */
#ifndef RT_KERNELS_CUDA_GEMM_LOW_CUH
#define RT_KERNELS_CUDA_GEMM_LOW_CUH

#include "kernels/cuda/low.cuh"

/* Whether gemm_low.cu takes it. */
bool rt_low_product_fits(const bf16 *c, int64_t ldc, const low_rank &x);
/* c += u a, rows of c ldc apart. */
rt_status rt_cuda_low_product(struct rt_exec *ex, bf16 *c, int64_t ldc, const low_rank &x);

#endif
