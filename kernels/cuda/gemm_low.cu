/*
 * gemm_low.cu - c += a b of few terms in bf16 on tensor cores; contract: gemm in ops.h.
 *
 * cuBLAS rounds a b before it adds it in some shapes (k = 40, rows of 400 bytes), which the contract does not
 * allow; for LoRA's few terms nearly all the time goes into reading and writing c. A block walks down its rows,
 * 16 at a time, a warp on 64 of its 512 columns, with mma.m16n8k16, whose lane (g, t) holds columns 2 t and 2 t
 * + 1 of 8: the columns of four such products are dealt so that a lane's eight lie side by side and are moved
 * as 16 bytes. b stays in registers up to 32 terms; beyond, its pieces are read again for every 16 rows. The
 * next rows are asked for before these are computed. Sums in fp32 that begin with c, rounded once.
 */
#include "config.h"
#include "kernels/cuda/gemm_low.cuh"

constexpr int WARPS = 8, ROWS = 16, HALVES = 2, COLS = 32 * HALVES;
constexpr int64_t BLOCKS = 1024; /* of a grid, about: several a multiprocessor, each with many rows */

static __device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

static __device__ __forceinline__ int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* What a lane holds of 16 K16 rows of b from k0 on; what lies beyond b is 0. */
template <int K16> struct right {
    uint32_t pair[HALVES][4][K16][2];
};

template <int K16>
static __device__ __forceinline__ void load_right(right<K16> &b, const rt_low_product &x, int64_t col0,
                                                  int64_t k0)
{
    const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
#pragma unroll
    for (int h = 0; h < HALVES; h++)
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const int64_t col = least(col0 + 32 * h + 8 * (g / 2) + 2 * j + g % 2, x.n - 1);
#pragma unroll
            for (int q = 0; q < 2 * K16; q++) {
                const int64_t k = k0 + 8 * q + 2 * t, at = least(k, x.k - 2); /* k and x.k are even */
                const uint32_t low = __bfloat16_as_ushort(x.b[at * x.ldb + col]);
                const uint32_t high = __bfloat16_as_ushort(x.b[(at + 1) * x.ldb + col]);
                b.pair[h][j][q / 2][q % 2] = k < x.k ? low | high << 16 : 0;
            }
        }
}

/* A lane's 8 columns in each half of rows `row` and row + 8; beyond the last row or column some that are there.
 */
struct rows {
    uint4 piece[HALVES][2];
};

static __device__ __forceinline__ rows load_rows(const rt_low_product &x, int64_t row, int64_t col)
{
    rows c;
#pragma unroll
    for (int h = 0; h < HALVES; h++)
#pragma unroll
        for (int r = 0; r < 2; r++)
            c.piece[h][r] =
                *(const uint4 *)(x.c + least(row + 8 * r, x.m - 1) * x.ldc + least(col + 32 * h, x.n - 8));
    return c;
}

static __device__ __forceinline__ void store_rows(const rt_low_product &x, int64_t row, int64_t col,
                                                  const rows &c)
{
#pragma unroll
    for (int h = 0; h < HALVES; h++)
#pragma unroll
        for (int r = 0; r < 2; r++)
            if (row + 8 * r < x.m && col + 32 * h < x.n)
                *(uint4 *)(x.c + (row + 8 * r) * x.ldc + col + 32 * h) = c.piece[h][r];
}

template <int K16> struct left {
    uint32_t pair[K16][4];
};

template <int K16>
static __device__ __forceinline__ left<K16> load_left(const rt_low_product &x, int64_t row, int64_t k0)
{
    const int t = threadIdx.x % 4;
    left<K16> a;
#pragma unroll
    for (int q = 0; q < K16; q++)
#pragma unroll
        for (int p = 0; p < 4; p++) {
            const int64_t k = k0 + 16 * q + 8 * (p / 2) + 2 * t;
            const uint32_t pair =
                *(const uint32_t *)(x.a + least(row + 8 * (p % 2), x.m - 1) * x.lda + least(k, x.k - 2));
            a.pair[q][p] = k < x.k ? pair : 0;
        }
    return a;
}

static __device__ __forceinline__ uint32_t pair_of(float low, float high)
{
    const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
    return *(const uint32_t *)&both;
}

/* The sums of 16 rows and 8 columns a product: to and from pairs of bf16. */
struct sums {
    float e[HALVES][4][4];
};

static __device__ __forceinline__ sums widen(const rows &c)
{
    sums s;
#pragma unroll
    for (int h = 0; h < HALVES; h++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const uint32_t pair[4] = { c.piece[h][r].x, c.piece[h][r].y, c.piece[h][r].z, c.piece[h][r].w };
#pragma unroll
            for (int j = 0; j < 4; j++) {
                s.e[h][j][2 * r] = __uint_as_float(pair[j] << 16);
                s.e[h][j][2 * r + 1] = __uint_as_float(pair[j] & 0xffff0000u);
            }
        }
    return s;
}

static __device__ __forceinline__ rows narrow(const sums &s)
{
    rows c;
#pragma unroll
    for (int h = 0; h < HALVES; h++)
#pragma unroll
        for (int r = 0; r < 2; r++)
            c.piece[h][r] = make_uint4(pair_of(s.e[h][0][2 * r], s.e[h][0][2 * r + 1]),
                                       pair_of(s.e[h][1][2 * r], s.e[h][1][2 * r + 1]),
                                       pair_of(s.e[h][2][2 * r], s.e[h][2][2 * r + 1]),
                                       pair_of(s.e[h][3][2 * r], s.e[h][3][2 * r + 1]));
    return c;
}

template <int K16> static __device__ __forceinline__ void add(sums &s, const left<K16> &a, const right<K16> &b)
{
#pragma unroll
    for (int q = 0; q < K16; q++)
#pragma unroll
        for (int h = 0; h < HALVES; h++)
#pragma unroll
            for (int j = 0; j < 4; j++)
                multiply(s.e[h][j], a.pair[q], b.pair[h][j][q]);
}

/* strip: rows of a block, a multiple of 16. */
template <int K16, bool ALL>
static __global__ void __launch_bounds__(32 * WARPS) add_low(rt_low_product x, int64_t strip)
{
    const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    const int64_t col0 = ((int64_t)blockIdx.x * WARPS + threadIdx.x / 32) * COLS, col = col0 + 8 * t;
    const int64_t from = (int64_t)blockIdx.y * strip, to = least(from + strip, x.m);
    if (col0 >= x.n)
        return;
    right<K16> b;
    load_right(b, x, col0, 0);
    rows next = load_rows(x, from + g, col);
    for (int64_t row = from + g; row - g < to; row += ROWS) {
        const rows c = next;
        const left<K16> a = load_left<K16>(x, row, 0);
        next = load_rows(x, row + ROWS, col);
        sums s = widen(c);
        add(s, a, b);
        if constexpr (!ALL)
            for (int64_t k0 = 16 * K16; k0 < x.k; k0 += 16 * K16) {
                right<K16> more;
                load_right(more, x, col0, k0);
                add(s, load_left<K16>(x, row, k0), more);
            }
        store_rows(x, row, col, narrow(s));
    }
}

bool rt_low_product_fits(const rt_low_product &x)
{
    return x.k % 2 == 0 && x.lda % 2 == 0 && (uintptr_t)x.a % 4 == 0 && x.n % 8 == 0 && x.ldc % 8 == 0 &&
           (uintptr_t)x.c % 16 == 0;
}

rt_status rt_cuda_low_product(struct rt_exec *ex, const rt_low_product &x)
{
    const int64_t across = (x.n + WARPS * COLS - 1) / (WARPS * COLS), tiles = (x.m + ROWS - 1) / ROWS;
    const int64_t wanted = (BLOCKS + across - 1) / across, down = wanted < tiles ? wanted : tiles;
    const int64_t strip = (tiles + down - 1) / down * ROWS;
    const dim3 grid((unsigned)across, (unsigned)((x.m + strip - 1) / strip));
    const auto stream = rt_stream(ex);
    if (x.k <= 16)
        add_low<1, true><<<grid, 32 * WARPS, 0, stream>>>(x, strip);
    else if (x.k <= 32)
        add_low<2, true><<<grid, 32 * WARPS, 0, stream>>>(x, strip);
    else
        add_low<2, false><<<grid, 32 * WARPS, 0, stream>>>(x, strip);
    return RT_CUDA(ex, cudaGetLastError());
}
