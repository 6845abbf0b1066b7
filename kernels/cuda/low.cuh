/*
 * low.cuh - a product u a of few terms, added by kernels in bf16 to rows that they read: LoRA's dx += du A.
 *
 * Rows with u between them begin at any multiple of 16 bytes, where a piece of 64 bytes is not whole sectors:
 * written so, as the tensor cores' tiles ask for it, rows go at 1.1 TB/s with L2 77 % busy. So a warp reads and
 * writes 512 bytes of a row, 8 columns a lane, ROWS rows at once, and multiplies on plain cores. A block's
 * columns of a lie in shared memory. Sums in fp32 that begin with what is added to.
 */
#ifndef RT_KERNELS_CUDA_LOW_CUH
#define RT_KERNELS_CUDA_LOW_CUH

#include "kernels/cuda/common.cuh"

constexpr int LOW_WARPS = 8, LOW_COLS = 256;
constexpr int LOW_STRIP = 128;   /* rows of a block */
constexpr int LOW_GROUP = 8;     /* terms, of which u is read at once */
constexpr int64_t LOW_MOST = 96; /* terms: 48 KiB of shared memory */

/* u [rows, k] and a [k, cols], rows ldu and lda apart. */
struct low_rank {
    const bf16 *u, *a;
    int64_t ldu, lda, rows, cols, k;
};

static inline bool low_fits(const low_rank &x)
{
    return x.k > 0 && x.k <= LOW_MOST && x.k % LOW_GROUP == 0 &&
           width_of(x.cols, { view_of(x.u, x.ldu), view_of(x.a, x.lda) }) == 8;
}

/* Launches kernel(x, arguments ...), which calls low_rows. */
template <typename... A>
static inline void low_launch(struct rt_exec *ex, void (*kernel)(low_rank, A...), const low_rank &x,
                              A... arguments)
{
    const dim3 grid((unsigned)((x.cols + LOW_COLS - 1) / LOW_COLS),
                    (unsigned)((x.rows + LOW_STRIP - 1) / LOW_STRIP));
    const size_t shared = (size_t)x.k * LOW_COLS * sizeof(bf16);
    kernel<<<grid, 32 * LOW_WARPS, shared, rt_stream(ex)>>>(x, arguments...);
}

/* each(row, col, a) for every ROWS rows of this warp and this lane's 8 columns, which in shared memory
 * begin at a. */
template <int ROWS, typename F> static __device__ __forceinline__ void low_rows(const low_rank &x, F each)
{
    extern __shared__ uint4 low_shared[];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int64_t col = (int64_t)blockIdx.x * LOW_COLS + lane * 8, first = (int64_t)blockIdx.y * LOW_STRIP;
    const int64_t end = min(first + LOW_STRIP, x.rows);
    bf16 *const a = (bf16 *)low_shared + lane * 8;
    for (int64_t k = warp; k < x.k && col < x.cols; k += LOW_WARPS)
        store<8>(a + k * LOW_COLS, load<8>(x.a + k * x.lda + col));
    __syncthreads();
    for (int64_t row = first + warp * ROWS; row < end && col < x.cols; row += LOW_WARPS * ROWS)
        each(row, col, (const bf16 *)a);
}

/* 8 columns of ROWS rows; rows beyond the last stand for it. */
template <int ROWS>
static __device__ __forceinline__ void low_read(pack<bf16, 8> (&to)[ROWS], const bf16 *from, int64_t ld,
                                                const low_rank &x, int64_t row)
{
#pragma unroll
    for (int i = 0; i < ROWS; i++)
        to[i] = load<8>(from + min(row + i, x.rows - 1) * ld);
}

/* sum = d + u a, for what low_read has read of d. */
template <int ROWS>
static __device__ __forceinline__ void low_add(float (&sum)[ROWS][8], const pack<bf16, 8> (&d)[ROWS],
                                               const low_rank &x, int64_t row, const bf16 *a)
{
#pragma unroll
    for (int i = 0; i < ROWS; i++)
#pragma unroll
        for (int j = 0; j < 8; j++)
            sum[i][j] = f32(d[i].e[j]);
    for (int64_t k = 0; k < x.k; k += LOW_GROUP) {
        pack<bf16, LOW_GROUP> u[ROWS];
        low_read(u, x.u + k, x.ldu, x, row);
#pragma unroll
        for (int l = 0; l < LOW_GROUP; l++) {
            const pack<bf16, 8> al = load<8>(a + (k + l) * LOW_COLS);
#pragma unroll
            for (int i = 0; i < ROWS; i++)
#pragma unroll
                for (int j = 0; j < 8; j++)
                    sum[i][j] = __fmaf_rn(f32(u[i].e[l]), f32(al.e[j]), sum[i][j]);
        }
    }
}

#endif
