/*
 * attention.cuh - what the forward and the backward of attention on plain cores share: tiles and products of
 * tiles.
 *
 * This is the version for fp32, and for bf16 head sizes that the tensor cores do not take. A block of 16 x 16
 * threads works on a tile of TILE queries and TILE keys of one segment. Thread (ty, tx) holds the scores of
 * queries ty + 16 i and keys tx + 16 j, so that a row of scores lies in 16 neighbouring lanes. Sums over the
 * head size go through shared memory CHUNK columns at a time; results take 16 J columns a block, and blockIdx.z
 * steps over the rest of a wide head.
 */
#ifndef RT_KERNELS_CUDA_ATTENTION_CUH
#define RT_KERNELS_CUDA_ATTENTION_CUH

#include "kernels/cuda/common.cuh"

#include <limits.h>

constexpr int TILE = 64, CHUNK = 32, SIDE = 16, THREADS = SIDE * SIDE, PER_THREAD = TILE / SIDE, MAX_J = 8;

/* Rows of a tile in shared memory lie one element further apart than they are long: no two lanes meet in a
 * bank. */
constexpr int CHUNK_LD = CHUNK + 1, TILE_LD = TILE + 1;

struct tiles {
    union {
        struct {
            float a[TILE * CHUNK_LD], b[TILE * CHUNK_LD]; /* columns of the two operands of scores */
        };
        float rows[CHUNK * SIDE * MAX_J]; /* [CHUNK, 16 J] rows of the second operand of accumulate */
    };
    float p[TILE * TILE_LD]; /* [queries, keys] the first operand of accumulate */
};

/* A matrix of which a tile is read: `valid` rows from p, ld apart; what lies beyond, or beyond column d, reads
 * as 0. */
template <typename T> struct matrix {
    const T *p;
    int64_t ld, valid;
};

/* Row `row` on of a tensor of heads, of which `valid` rows are there. */
template <typename T>
static __device__ __forceinline__ matrix<T> rows_of(const T *x, int64_t ld, int64_t row, int64_t valid,
                                                    int64_t head, int64_t d)
{
    return { x + row * ld + head * d, ld, valid };
}

/* The segment and the place in it of tile number `tile` of a grid of rows / TILE + segments tiles: segment s
 * has those from cu[s] / TILE + s on, which are enough, and at most one too many. length is 0 where the tile is
 * one of these. */
struct span {
    int64_t start, length, first;
};

static __device__ __forceinline__ span span_of(int64_t tile, const int32_t *cu, int64_t segments)
{
    int64_t low = 0, high = segments; /* low's tiles begin at or before tile, high's after it */
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

/* acc += a bT over all d columns. Begins and ends with all threads past their reads of shared memory. */
template <typename T>
static __device__ __forceinline__ void scores(float (&acc)[PER_THREAD][PER_THREAD], tiles *shared, matrix<T> a,
                                              matrix<T> b, int64_t d)
{
    const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
    for (int64_t c0 = 0; c0 < d; c0 += CHUNK) {
        __syncthreads();
        for (int i = threadIdx.x; i < TILE * CHUNK; i += THREADS) {
            const int r = i / CHUNK, c = i % CHUNK;
            const bool inside = c0 + c < d;
            shared->a[r * CHUNK_LD + c] = inside && r < a.valid ? f32(a.p[r * a.ld + c0 + c]) : 0.0f;
            shared->b[r * CHUNK_LD + c] = inside && r < b.valid ? f32(b.p[r * b.ld + c0 + c]) : 0.0f;
        }
        __syncthreads();
#pragma unroll 8
        for (int c = 0; c < CHUNK; c++) {
            float x[PER_THREAD], y[PER_THREAD];
#pragma unroll
            for (int i = 0; i < PER_THREAD; i++) {
                x[i] = shared->a[(ty + SIDE * i) * CHUNK_LD + c];
                y[i] = shared->b[(tx + SIDE * i) * CHUNK_LD + c];
            }
#pragma unroll
            for (int i = 0; i < PER_THREAD; i++)
#pragma unroll
                for (int j = 0; j < PER_THREAD; j++)
                    acc[i][j] = fmaf(x[i], y[j], acc[i][j]);
        }
    }
    __syncthreads();
}

/* acc[i][j] += row ty + 16 i of p (of its transpose) times column c0 + tx + 16 j of b, whose rows are p's other
 * side. p must have been written by all threads; begins with a barrier, ends as scores does. */
template <bool TRANSPOSED, int J, typename T>
static __device__ __forceinline__ void accumulate(float (&acc)[PER_THREAD][J], tiles *shared, matrix<T> b,
                                                  int64_t c0, int64_t d)
{
    const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
    for (int r0 = 0; r0 < TILE; r0 += CHUNK) {
        __syncthreads();
        for (int i = threadIdx.x; i < CHUNK * SIDE * J; i += THREADS) {
            const int r = r0 + i / (SIDE * J), c = i % (SIDE * J);
            shared->rows[i] = c0 + c < d && r < b.valid ? f32(b.p[r * b.ld + c0 + c]) : 0.0f;
        }
        __syncthreads();
#pragma unroll 4
        for (int r = 0; r < CHUNK; r++) {
            float x[PER_THREAD], y[J];
#pragma unroll
            for (int i = 0; i < PER_THREAD; i++)
                x[i] = TRANSPOSED ? shared->p[(r0 + r) * TILE_LD + ty + SIDE * i]
                                  : shared->p[(ty + SIDE * i) * TILE_LD + r0 + r];
#pragma unroll
            for (int j = 0; j < J; j++)
                y[j] = shared->rows[r * SIDE * J + tx + SIDE * j];
#pragma unroll
            for (int i = 0; i < PER_THREAD; i++)
#pragma unroll
                for (int j = 0; j < J; j++)
                    acc[i][j] = fmaf(x[i], y[j], acc[i][j]);
        }
    }
    __syncthreads();
}

/* p[query][key] = x, where thread (ty, tx) holds them. */
static __device__ __forceinline__ void keep(tiles *shared, const float (&x)[PER_THREAD][PER_THREAD])
{
    const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++)
#pragma unroll
        for (int j = 0; j < PER_THREAD; j++)
            shared->p[(ty + SIDE * i) * TILE_LD + tx + SIDE * j] = x[i][j];
}

/* rows r < valid of y = rn(acc * factor of the row). */
template <int J, typename T>
static __device__ __forceinline__ void write_rows(T *y, int64_t ld, int64_t valid,
                                                  const float (&acc)[PER_THREAD][J],
                                                  const float (&factor)[PER_THREAD], int64_t c0, int64_t d)
{
    const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++)
#pragma unroll
        for (int j = 0; j < J; j++)
            if (ty + SIDE * i < valid && c0 + tx + SIDE * j < d)
                y[(ty + SIDE * i) * ld + c0 + tx + SIDE * j] = rn<T>(acc[i][j] * factor[i]);
}

/* Over the 16 lanes that hold a row of scores. */
static __device__ __forceinline__ float row_max(float x)
{
    for (int lane = SIDE / 2; lane > 0; lane /= 2)
        x = fmaxf(x, __shfl_xor_sync(~0u, x, lane));
    return x;
}

static __device__ __forceinline__ float row_sum(float x)
{
    for (int lane = SIDE / 2; lane > 0; lane /= 2)
        x += __shfl_xor_sync(~0u, x, lane);
    return x;
}

/* One launch: heads in y, slices of the head size in z, tiles in x. */
static inline dim3 grid_of(const struct rt_attention *at, int64_t heads, int j)
{
    return dim3((unsigned)(at->rows / TILE + at->segments), (unsigned)heads,
                (unsigned)((at->d + SIDE * j - 1) / (SIDE * j)));
}

/* launch(J) for the narrowest result that holds a head of d, up to 16 MAX_J columns. */
template <typename F> static inline void with_columns(int64_t d, F launch)
{
    if (d <= 64)
        launch(std::integral_constant<int, 4>());
    else if (d <= 80)
        launch(std::integral_constant<int, 5>());
    else
        launch(std::integral_constant<int, MAX_J>());
}

static inline rt_status check_grid(struct rt_exec *ex, const char *op, const struct rt_attention *at)
{
    return rt_check(ex, op, at->heads <= 65535 && at->rows / TILE + at->segments <= INT_MAX,
                    "more heads or segments than a grid has blocks");
}

#endif
