/*
 * gemm_low.cu - c += a b of at most 32 terms in bf16 on tensor cores; contract: gemm in ops.h.
 *
 * All the time goes into reading and writing c, which general products do at half the memory's rate for so few
 * terms. A warp takes 16 rows and 64 columns at a time with mma.m16n8k16, whose lane (g, t) holds columns 2 t
 * and 2 t + 1 of 8: the columns of four such products are dealt so that a lane's eight lie side by side and are
 * moved as 16 bytes. b stays in registers while the warp goes down its rows. Sums in fp32 that begin with c,
 * rounded once.
 */
#include "config.h"
#include "kernels/cuda/gemm_low.cuh"

constexpr int WARPS = 8, ROWS = 16, TILES = 4, HALVES = 2, COLS = 32 * HALVES, MOST_TERMS = 32;

static __device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

static __device__ __forceinline__ uint32_t term(const rt_low_product &x, int64_t k, int64_t col)
{
    return k < x.k && col < x.n ? __bfloat16_as_ushort(x.b[k * x.ldb + col]) : 0;
}

/* Two neighbouring terms of a row. */
static __device__ __forceinline__ uint32_t terms(const rt_low_product &x, int64_t row, int64_t k)
{
    return row < x.m && k < x.k ? *(const uint32_t *)(x.a + row * x.lda + k) : 0;
}

static __device__ __forceinline__ float low_half(uint32_t pair)
{
    return __uint_as_float(pair << 16);
}

static __device__ __forceinline__ float high_half(uint32_t pair)
{
    return __uint_as_float(pair & 0xffff0000u);
}

static __device__ __forceinline__ uint32_t pair_of(float low, float high)
{
    const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
    return *(const uint32_t *)&both;
}

template <int K16> static __global__ void __launch_bounds__(32 * WARPS) add_low(rt_low_product x)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
    const int64_t col0 = (int64_t)blockIdx.x * COLS, mine = col0 + 8 * t;
    uint32_t right[HALVES][4][K16][2];
#pragma unroll
    for (int h = 0; h < HALVES; h++)
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
            for (int q = 0; q < 2 * K16; q++) {
                const int64_t col = col0 + 32 * h + 8 * (g / 2) + 2 * j + g % 2, k = 8 * q + 2 * t;
                right[h][j][q / 2][q % 2] = term(x, k, col) | term(x, k + 1, col) << 16;
            }
#pragma unroll 2
    for (int i = 0; i < TILES; i++) {
        const int64_t row = (((int64_t)blockIdx.y * TILES + i) * WARPS + warp) * ROWS + g;
        uint32_t left[K16][4];
        uint4 c[HALVES][2];
#pragma unroll
        for (int h = 0; h < HALVES; h++)
#pragma unroll
            for (int r = 0; r < 2; r++)
                if (row + 8 * r < x.m && mine + 32 * h < x.n)
                    c[h][r] = *(const uint4 *)(x.c + (row + 8 * r) * x.ldc + mine + 32 * h);
                else
                    c[h][r] = make_uint4(0, 0, 0, 0);
#pragma unroll
        for (int q = 0; q < K16; q++)
#pragma unroll
            for (int p = 0; p < 4; p++)
                left[q][p] = terms(x, row + 8 * (p % 2), 16 * q + 8 * (p / 2) + 2 * t);
#pragma unroll
        for (int h = 0; h < HALVES; h++) {
            uint32_t *const upper = &c[h][0].x, *const lower = &c[h][1].x;
#pragma unroll
            for (int j = 0; j < 4; j++) {
                float sum[4] = { low_half(upper[j]), high_half(upper[j]), low_half(lower[j]),
                                 high_half(lower[j]) };
#pragma unroll
                for (int q = 0; q < K16; q++)
                    multiply(sum, left[q], right[h][j][q]);
                upper[j] = pair_of(sum[0], sum[1]);
                lower[j] = pair_of(sum[2], sum[3]);
            }
#pragma unroll
            for (int r = 0; r < 2; r++)
                if (row + 8 * r < x.m && mine + 32 * h < x.n)
                    *(uint4 *)(x.c + (row + 8 * r) * x.ldc + mine + 32 * h) = c[h][r];
        }
    }
}

bool rt_low_product_fits(const rt_low_product &x)
{
    return x.k <= MOST_TERMS && x.k % 2 == 0 && x.lda % 2 == 0 && (uintptr_t)x.a % 4 == 0 && x.n % 8 == 0 &&
           x.ldc % 8 == 0 && (uintptr_t)x.c % 16 == 0;
}

rt_status rt_cuda_low_product(struct rt_exec *ex, const rt_low_product &x)
{
    constexpr int64_t BLOCK_ROWS = ROWS * WARPS * TILES;
    const dim3 grid((unsigned)((x.n + COLS - 1) / COLS), (unsigned)((x.m + BLOCK_ROWS - 1) / BLOCK_ROWS));
    if (x.k <= 16)
        add_low<1><<<grid, 32 * WARPS, 0, rt_stream(ex)>>>(x);
    else
        add_low<2><<<grid, 32 * WARPS, 0, rt_stream(ex)>>>(x);
    return RT_CUDA(ex, cudaGetLastError());
}
