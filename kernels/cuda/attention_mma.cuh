/*
 * attention_mma.cuh - attention on the tensor cores of sm_80 and later: tiles in shared memory, fragments,
 * products.
 *
 * bf16 and head sizes D that are a multiple of 16. A warp works with mma.m16n8k16: of a 16 x 16 operand a lane
 * holds the pairs (row g, columns 2 t), (g + 8, 2 t), (g, 2 t + 8), (g + 8, 2 t + 8), of a 16 x 8 result (g, 2
 * t) and (g + 8, 2 t), where g = lane / 4 and t = lane mod 4; so the result of one product is the left operand
 * of the next without leaving the registers. Rows of a tile lie D + 8 elements apart, an odd number of 16-byte
 * pieces: the 8 rows that ldmatrix reads at once fall on different banks. Source: arXiv:2307.08691; PTX ISA,
 * "Matrix multiply-accumulate operation using mma instruction".
 */
#ifndef RT_KERNELS_CUDA_ATTENTION_MMA_CUH
#define RT_KERNELS_CUDA_ATTENTION_MMA_CUH

#include "kernels/cuda/common.cuh"

constexpr float LOG2E = 1.4426950408889634f;

template <int D> constexpr int ROW = D + 8; /* elements between the rows of a tile */

/* A lane's part of a 16 x 16 left operand, and of a result of C columns. */
struct left {
    uint32_t pair[4];
};
template <int C> struct result {
    float e[C / 8][4];
};

static __device__ __forceinline__ uint32_t shared_address(const void *p)
{
    return (uint32_t)__cvta_generic_to_shared(p);
}

static __device__ __forceinline__ void load_matrices(uint32_t (&r)[4], const bf16 *p)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(p))
                 : "memory");
}

static __device__ __forceinline__ void load_transposed(uint32_t (&r)[4], const bf16 *p)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(p))
                 : "memory");
}

static __device__ __forceinline__ void multiply(float (&c)[4], const left &a, uint32_t b0, uint32_t b1)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a.pair[0]), "r"(a.pair[1]), "r"(a.pair[2]), "r"(a.pair[3]), "r"(b0), "r"(b1));
}

static __device__ __forceinline__ uint32_t pair_of(float low, float high)
{
    const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
    return *(const uint32_t *)&both;
}

/* 2^x, at most 2 ulp off; 0 for -inf. */
static __device__ __forceinline__ float exp2_fast(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/* Columns 16 k .. 16 k + 15 of the 16 rows at `rows` of a tile, as a left operand. */
template <int D> static __device__ __forceinline__ left left_of(const bf16 *rows, int k)
{
    const int lane = threadIdx.x % 32;
    left a;
    load_matrices(a.pair, rows + (lane % 16) * ROW<D> + 16 * k + lane / 16 * 8);
    return a;
}

/* Columns 16 j .. 16 j + 15 of a result, rounded, as a left operand. */
template <int C> static __device__ __forceinline__ left left_of(const result<C> &c, int j)
{
    return { { pair_of(c.e[2 * j][0], c.e[2 * j][1]), pair_of(c.e[2 * j][2], c.e[2 * j][3]),
               pair_of(c.e[2 * j + 1][0], c.e[2 * j + 1][1]), pair_of(c.e[2 * j + 1][2], c.e[2 * j + 1][3]) } };
}

/* c[i] += (16 rows at a[i]) (C rows of tile b)^T, over the D columns of both. */
template <int D, int C, int M>
static __device__ __forceinline__ void rows_by_rows(result<C> (&c)[M], const bf16 *const (&a)[M], const bf16 *b)
{
    const int lane = threadIdx.x % 32;
    const bf16 *const from = b + (lane % 8 + lane / 16 * 8) * ROW<D> + lane / 8 % 2 * 8;
#pragma unroll
    for (int k = 0; k < D / 16; k++) {
        left x[M];
#pragma unroll
        for (int i = 0; i < M; i++)
            x[i] = left_of<D>(a[i], k);
#pragma unroll
        for (int n = 0; n < C / 16; n++) {
            uint32_t y[4];
            load_matrices(y, from + 16 * n * ROW<D> + 16 * k);
#pragma unroll
            for (int i = 0; i < M; i++) {
                multiply(c[i].e[2 * n], x[i], y[0], y[1]);
                multiply(c[i].e[2 * n + 1], x[i], y[2], y[3]);
            }
        }
    }
}

/* c[i] += (p[i], rounded) (K rows of tile b), K the columns of p, D those of b. */
template <int D, int K, int M>
static __device__ __forceinline__ void result_by_columns(result<D> (&c)[M], const result<K> (&p)[M],
                                                         const bf16 *b)
{
    const int lane = threadIdx.x % 32;
    const bf16 *const from = b + (lane % 16) * ROW<D> + lane / 16 * 8;
#pragma unroll
    for (int k = 0; k < K / 16; k++) {
        left x[M];
#pragma unroll
        for (int i = 0; i < M; i++)
            x[i] = left_of(p[i], k);
#pragma unroll
        for (int n = 0; n < D / 16; n++) {
            uint32_t y[4];
            load_transposed(y, from + 16 * k * ROW<D> + 16 * n);
#pragma unroll
            for (int i = 0; i < M; i++) {
                multiply(c[i].e[2 * n], x[i], y[0], y[1]);
                multiply(c[i].e[2 * n + 1], x[i], y[2], y[3]);
            }
        }
    }
}

/* Asks for rows r < ROWS of x, D columns, ld apart; rows from `valid` on become 0. All THREADS take part; the
 * copies belong to the group that copies_end closes. */
template <int D, int ROWS, int THREADS>
static __device__ __forceinline__ void copy_rows(bf16 *to, const bf16 *x, int64_t ld, int64_t valid)
{
    constexpr int PIECES = D / 8; /* of 16 bytes */
#pragma unroll
    for (int i = threadIdx.x; i < ROWS * PIECES; i += THREADS) {
        const int r = i / PIECES, c = i % PIECES * 8;
        const bool there = r < valid;
        const bf16 *const from = there ? x + r * ld + c : x;
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to + r * ROW<D> + c)),
                     "l"(from), "r"(there ? 16 : 0)
                     : "memory");
    }
}

static __device__ __forceinline__ void copies_end()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Waits until all but the last LEFT groups are there, for the copies of all threads. */
template <int LEFT> static __device__ __forceinline__ void copies_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
    __syncthreads();
}

/* Rows r < valid of y = rn(x * factor of the row); 16 rows a result, from row 16 i on. */
template <int D, int M>
static __device__ __forceinline__ void write_results(bf16 *y, int64_t ld, int64_t valid,
                                                     const result<D> (&x)[M], const float (&factor)[M][2])
{
    const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
#pragma unroll
    for (int i = 0; i < M; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int r = 16 * i + 8 * half + g;
            if (r >= valid)
                continue;
#pragma unroll
            for (int n = 0; n < D / 8; n++)
                *(uint32_t *)(y + r * ld + 8 * n + 2 * t) =
                    pair_of(x[i].e[n][2 * half] * factor[i][half], x[i].e[n][2 * half + 1] * factor[i][half]);
        }
}

/* The segment and the place in it of tile number `tile` of a grid of rows / TILE + segments tiles of TILE rows:
 * as span_of in attention.cuh. length is 0 where there is no such tile. */
struct stretch {
    int64_t start, length, first;
};

template <int TILE>
static __device__ __forceinline__ stretch stretch_of(int64_t tile, const int32_t *cu, int64_t segments)
{
    int64_t low = 0, high = segments;
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        if (cu[middle] / TILE + middle <= tile)
            low = middle;
        else
            high = middle;
    }
    const int64_t start = cu[low], length = cu[low + 1] - start, first = (tile - (start / TILE + low)) * TILE;
    return { start, first < length ? length : 0, first };
}

/* Whether 16-byte pieces of head h's columns can be copied from x, for every h. */
static inline bool in_pieces(const void *x, int64_t ld)
{
    return (uintptr_t)x % 16 == 0 && ld % 8 == 0;
}

/* launch(std::integral_constant<int, D>) for the head size; false where there is no kernel for it. */
template <typename F> static inline bool with_head_size(int64_t d, F launch)
{
    switch (d) {
    case 16: launch(std::integral_constant<int, 16>()); return true;
    case 32: launch(std::integral_constant<int, 32>()); return true;
    case 64: launch(std::integral_constant<int, 64>()); return true;
    case 80: launch(std::integral_constant<int, 80>()); return true;
    case 96: launch(std::integral_constant<int, 96>()); return true;
    case 112: launch(std::integral_constant<int, 112>()); return true;
    case 128: launch(std::integral_constant<int, 128>()); return true;
    default: return false;
    }
}

/* attention_mma_fwd.cu, attention_mma_bwd.cu: the operations in bf16 on tensor cores. *taken is false, and
 * nothing is done, where the shape or an alignment is not theirs. bwd: delta [heads, rows] is there already. */
struct rt_mma_fwd {
    const bf16 *q, *k, *v;
    bf16 *o;
    float *lse;
    int64_t ldq, ldk, ldv, ldo;
};
struct rt_mma_bwd {
    const bf16 *q, *k, *v, *d_o;
    const float *lse, *delta;
    bf16 *dq, *dk, *dv;
    int64_t ldq, ldk, ldv, lddo, lddq, lddk, lddv;
};
rt_status rt_mma_attention_fwd(struct rt_exec *ex, const rt_mma_fwd &x, const struct rt_attention &at,
                               bool *taken);
rt_status rt_mma_attention_bwd(struct rt_exec *ex, const rt_mma_bwd &x, const struct rt_attention &at,
                               bool *taken);

#endif
