/*
 * gemm_low.cu - c += a b of few terms in bf16; contract: gemm in ops.h.
 *
 * cuBLAS rounds a b before it adds it in some shapes (k = 40, rows of 400 bytes), which the contract does not
 * allow; for LoRA's few terms nearly all the time goes into reading and writing c.
 */
#include "config.h"
#include "kernels/cuda/gemm_low.cuh"

constexpr int ROWS = 4, BLOCKS = 3; /* at once; of a multiprocessor: 321 us for 13,400 x 18,944, with 2 352 */

static __global__ void __launch_bounds__(32 * LOW_WARPS, BLOCKS) add_low(low_rank x, bf16 *c, int64_t ldc)
{
    low_rows<ROWS>(x, [&](int64_t row, int64_t col, const bf16 *a) {
        pack<bf16, 8> d[ROWS];
        float sum[ROWS][8];
        low_read(d, c + col, ldc, x, row);
        low_add(sum, d, x, row, a);
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
#pragma unroll
            for (int j = 0; j < 8; j++)
                d[i].e[j] = rn<bf16>(sum[i][j]);
            if (row + i < x.rows)
                store<8>(c + (row + i) * ldc + col, d[i]);
        }
    });
}

bool rt_low_product_fits(const bf16 *c, int64_t ldc, const low_rank &x)
{
    return low_fits(x) && width_of(x.cols, { view_of(c, ldc) }) == 8;
}

rt_status rt_cuda_low_product(struct rt_exec *ex, bf16 *c, int64_t ldc, const low_rank &x)
{
    low_launch(ex, add_low, x, c, ldc);
    return RT_CUDA(ex, cudaGetLastError());
}
