/*
 * attention_mma_fwd.cu - attention forward in bf16 on tensor cores; contract in ops.h.
 *
 * A block of 4 warps for each tile of queries and each query head; a warp has 16 M of the rows, which share
 * what it reads of keys and values. Keys arrive while the tile before is multiplied with its values, values
 * while the scores are made. Short segments, such as the windows of a vision tower, take tiles of 64 queries
 * instead of 128.
 */
#include "config.h"
#include "kernels/cuda/attention_mma.cuh"

constexpr int WARPS = 4, THREADS = 32 * WARPS, KEYS = 64;

/* The largest and the sum over the 4 lanes that hold a row. */
static __device__ __forceinline__ float row_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
    return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}

static __device__ __forceinline__ float row_sum(float x)
{
    x += __shfl_xor_sync(~0u, x, 1);
    return x + __shfl_xor_sync(~0u, x, 2);
}

/* What a row has met so far, in each of the lane's two rows of 16: the largest score, and this lane's part of
 * the sum. */
struct running {
    float top[2], sum[2];
};

/* Scores become -inf where the key is hidden: first is the lane's row 0 among the queries. */
static __device__ __forceinline__ void hide(result<KEYS> &s, int first_query, int first_key, int length,
                                            bool causal)
{
    const int t = threadIdx.x % 4;
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const int key = first_key + 8 * n + 2 * t + e % 2, query = first_query + e / 2 * 8;
            if (key >= length || (causal && key > query))
                s.e[n][e] = -INFINITY;
        }
}

/* Scores to 2^(c s - c top), c = scale log2(e); o and the sum are brought to the new largest score first. Every
 * row sees the segment's first key in the first tile, so top is finite. */
template <int D>
static __device__ __forceinline__ void softmax(result<KEYS> &s, running &r, result<D> &o, float c)
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float top = r.top[half];
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
            top = fmaxf(top, fmaxf(s.e[n][2 * half], s.e[n][2 * half + 1]));
        top = row_max(top);
        const float shrink = exp2_fast((r.top[half] - top) * c), shift = top * c;
        r.top[half] = top;
        float sum = 0.0f;
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int e = 2 * half; e < 2 * half + 2; e++) {
                s.e[n][e] = exp2_fast(fmaf(s.e[n][e], c, -shift));
                sum += s.e[n][e];
            }
        r.sum[half] = r.sum[half] * shrink + sum;
#pragma unroll
        for (int n = 0; n < D / 8; n++)
            o.e[n][2 * half] *= shrink, o.e[n][2 * half + 1] *= shrink;
    }
}

template <int D, int M>
static __global__ void __launch_bounds__(THREADS, 2) fwd(rt_mma_fwd x, struct rt_attention at)
{
    constexpr int QUERIES = 16 * M * WARPS;
    extern __shared__ __align__(16) unsigned char memory[];
    bf16 *const q = (bf16 *)memory, *const k = q + QUERIES * ROW<D>, *const v = k + KEYS * ROW<D>;
    /* the last tiles of a causal segment have most keys: they go first */
    const stretch t = stretch_of<QUERIES>(gridDim.x - 1 - blockIdx.x, at.cu, at.segments);
    if (t.length == 0)
        return;
    const int64_t head = blockIdx.y, kv = head / (at.heads / at.kv_heads);
    const int length = (int)t.length, q0 = (int)t.first,
              seen = at.causal && q0 + QUERIES < length ? q0 + QUERIES : length;
    const int warp = threadIdx.x / 32, first = q0 + warp * 16 * M, g = threadIdx.x % 32 / 4;
    const bf16 *const keys = x.k + t.start * x.ldk + kv * D, *const values = x.v + t.start * x.ldv + kv * D;
    const float c = at.scale * LOG2E;
    result<D> o[M] = {};
    running run[M];
    const bf16 *mine[M];
#pragma unroll
    for (int i = 0; i < M; i++) {
        run[i] = { { -INFINITY, -INFINITY }, { 0.0f, 0.0f } };
        mine[i] = q + (warp * M + i) * 16 * ROW<D>;
    }
    copy_rows<D, QUERIES, THREADS>(q, x.q + (t.start + q0) * x.ldq + head * D, x.ldq, length - q0);
    copy_rows<D, KEYS, THREADS>(k, keys, x.ldk, length);
    copies_end();
    for (int k0 = 0; k0 < seen; k0 += KEYS) {
        copies_wait<0>();
        copy_rows<D, KEYS, THREADS>(v, values + k0 * x.ldv, x.ldv, length - k0);
        copies_end();
        const bool sees =
            !at.causal || k0 < first + 16 * M; /* some query of the warp sees some of these keys */
        result<KEYS> s[M] = {};
        if (sees)
            rows_by_rows<D>(s, mine, k);
        copies_wait<0>(); /* values are there, and all warps are done with the keys */
        if (k0 + KEYS < seen)
            copy_rows<D, KEYS, THREADS>(k, keys + (k0 + KEYS) * x.ldk, x.ldk, length - k0 - KEYS);
        copies_end();
        if (!sees)
            continue;
#pragma unroll
        for (int i = 0; i < M; i++) {
            if (k0 + KEYS > length || (at.causal && k0 + KEYS > first + 16 * i))
                hide(s[i], first + 16 * i + g, k0, length, at.causal);
            softmax(s[i], run[i], o[i], c);
        }
        result_by_columns<D>(o, s, v);
    }
    float inverse[M][2];
#pragma unroll
    for (int i = 0; i < M; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float sum = row_sum(run[i].sum[half]);
            const int query = first + 16 * i + 8 * half + g;
            inverse[i][half] = 1.0f / sum;
            if (threadIdx.x % 4 == 0 && query < length)
                x.lse[head * at.rows + t.start + query] = run[i].top[half] * at.scale + logf(sum);
        }
    write_results(x.o + (t.start + first) * x.ldo + head * D, x.ldo, length - first, o, inverse);
}

template <int D, int M>
static rt_status launch(struct rt_exec *ex, const rt_mma_fwd &x, const struct rt_attention &at)
{
    constexpr int QUERIES = 16 * M * WARPS, BYTES = (QUERIES + 2 * KEYS) * ROW<D> * (int)sizeof(bf16);
    const dim3 grid((unsigned)(at.rows / QUERIES + at.segments), (unsigned)at.heads);
    RT_TRY(RT_CUDA(ex, cudaFuncSetAttribute(fwd<D, M>, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES)));
    fwd<D, M><<<grid, THREADS, BYTES, rt_stream(ex)>>>(x, at);
    return RT_CUDA(ex, cudaGetLastError());
}

rt_status rt_mma_attention_fwd(struct rt_exec *ex, const rt_mma_fwd &x, const struct rt_attention &at,
                               bool *taken)
{
    rt_status st = RT_OK;
    *taken = in_pieces(x.q, x.ldq) && in_pieces(x.k, x.ldk) && in_pieces(x.v, x.ldv) && in_pieces(x.o, x.ldo) &&
             with_head_size(at.d, [&](auto d) {
                 st = at.max_length <= 64 ? launch<d.value, 1>(ex, x, at) : launch<d.value, 2>(ex, x, at);
             });
    return st;
}
