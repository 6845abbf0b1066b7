/*
 * attention_mma_bwd.cu - attention backward in bf16 on tensor cores; contract in ops.h.
 *
 * Two kernels, so that every sum has one owner and one order. The first has a block of 8 warps for each tile of
 * keys and each key head, a warp 16 of the keys: it goes over all queries of all query heads that read them.
 * The second has a block for each tile of queries and each query head, a warp 16 of the queries, and goes over
 * the keys. Both make the scores and their gradients anew: 7 products instead of 5. Tiles of the other side
 * come in two buffers, one ahead.
 */
#include "config.h"
#include "kernels/cuda/attention_mma.cuh"

constexpr int WARPS = 8, THREADS = 32 * WARPS, OWN = 16 * WARPS, OTHER = 64;

/* A tile of the other side: two tensors, and for queries their lse and delta. */
template <int D> struct visitor {
    bf16 a[OTHER * ROW<D>], b[OTHER * ROW<D>];
    float lse[OTHER], delta[OTHER];
};
template <int D> struct memory_of {
    bf16 a[OWN * ROW<D>], b[OWN * ROW<D>];
    visitor<D> visit[2];
};

/* ---- keys and values ---- */

/* Which queries come in turn: from the first that sees the tile, tile by tile, head by head of the group. */
struct turn {
    int64_t head;
    int query;
};

template <int D>
static __device__ __forceinline__ void ask_queries(visitor<D> *to, const rt_mma_bwd &x,
                                                   const struct rt_attention &at, const stretch &t, turn now)
{
    const int64_t row = t.start + now.query;
    const int valid = (int)t.length - now.query;
    copy_rows<D, OTHER, THREADS>(to->a, x.q + row * x.ldq + now.head * D, x.ldq, valid);
    copy_rows<D, OTHER, THREADS>(to->b, x.d_o + row * x.lddo + now.head * D, x.lddo, valid);
    if (threadIdx.x < OTHER) {
        const bool there = (int)threadIdx.x < valid;
        to->lse[threadIdx.x] =
            there ? x.lse[now.head * at.rows + row + threadIdx.x] * LOG2E : INFINITY; /* p becomes 0 */
        to->delta[threadIdx.x] = there ? x.delta[now.head * at.rows + row + threadIdx.x] : 0.0f;
    }
}

/* st, the scores' transpose of 16 keys and OTHER queries, to p; dpt to ds. */
template <int D>
static __device__ __forceinline__ void gradients_of_keys(result<OTHER> &st, result<OTHER> &dpt,
                                                         const visitor<D> *visit, int key, int query0,
                                                         bool causal, float scale)
{
    const int t = threadIdx.x % 4;
    const float c = scale * LOG2E;
#pragma unroll
    for (int n = 0; n < OTHER / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const int q = 8 * n + 2 * t + e % 2;
            const bool hidden = causal && key + e / 2 * 8 > query0 + q;
            const float p = hidden ? 0.0f : exp2_fast(fmaf(st.e[n][e], c, -visit->lse[q]));
            st.e[n][e] = p;
            dpt.e[n][e] = scale * p * (dpt.e[n][e] - visit->delta[q]);
        }
}

template <int D>
static __global__ void __launch_bounds__(THREADS, 1) keys_and_values(rt_mma_bwd x, struct rt_attention at)
{
    extern __shared__ __align__(16) unsigned char memory[];
    memory_of<D> *const m = (memory_of<D> *)memory;
    const stretch t = stretch_of<OWN>(blockIdx.x, at.cu,
                                      at.segments); /* the first keys of a causal segment have most queries */
    if (t.length == 0)
        return;
    const int64_t kv = blockIdx.y, group = at.heads / at.kv_heads;
    const int length = (int)t.length, k0 = (int)t.first, warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4;
    const int from = at.causal ? k0 / OTHER * OTHER : 0, turns = (int)((length - from + OTHER - 1) / OTHER);
    const int mine = k0 + 16 * warp;
    copy_rows<D, OWN, THREADS>(m->a, x.k + (t.start + k0) * x.ldk + kv * D, x.ldk, length - k0);
    copy_rows<D, OWN, THREADS>(m->b, x.v + (t.start + k0) * x.ldv + kv * D, x.ldv, length - k0);
    ask_queries<D>(&m->visit[0], x, at, t, { kv * group, from });
    copies_end();
    const bf16 *const k[1] = { m->a + 16 * warp * ROW<D> }, *const v[1] = { m->b + 16 * warp * ROW<D> };
    result<D> dk[1] = {}, dv[1] = {};
    for (int i = 0; i < turns * (int)group; i++) {
        visitor<D> *const visit = &m->visit[i % 2];
        copies_wait<0>(); /* this turn's are there, and all warps are done with the last turn's */
        if (i + 1 < turns * (int)group)
            ask_queries<D>(&m->visit[(i + 1) % 2], x, at, t,
                           { kv * group + (i + 1) / turns, from + (i + 1) % turns * OTHER });
        copies_end();
        const int query0 = from + i % turns * OTHER;
        if (at.causal && query0 + OTHER <= mine) /* no query of this turn sees the warp's keys */
            continue;
        result<OTHER> st[1] = {}, dpt[1] = {};
        rows_by_rows<D>(st, k, visit->a);
        rows_by_rows<D>(dpt, v, visit->b);
        gradients_of_keys(st[0], dpt[0], visit, mine + g, query0, at.causal, at.scale);
        result_by_columns<D>(dv, st, visit->b);
        result_by_columns<D>(dk, dpt, visit->a);
    }
    const float one[1][2] = { { 1.0f, 1.0f } };
    write_results(x.dk + (t.start + mine) * x.lddk + kv * D, x.lddk, length - mine, dk, one);
    write_results(x.dv + (t.start + mine) * x.lddv + kv * D, x.lddv, length - mine, dv, one);
}

/* ---- queries ---- */

template <int D>
static __device__ __forceinline__ void ask_keys(visitor<D> *to, const rt_mma_bwd &x, const stretch &t,
                                                int64_t kv, int key)
{
    const int valid = (int)t.length - key;
    copy_rows<D, OTHER, THREADS>(to->a, x.k + (t.start + key) * x.ldk + kv * D, x.ldk, valid);
    copy_rows<D, OTHER, THREADS>(to->b, x.v + (t.start + key) * x.ldv + kv * D, x.ldv, valid);
}

/* What a lane knows of its two rows of queries. */
struct known {
    float lse[2], delta[2];
};

/* s, the scores of 16 queries and OTHER keys, to ds in dp's place. */
static __device__ __forceinline__ void gradients_of_queries(const result<OTHER> &s, result<OTHER> &dp,
                                                            const known &row, int query, int key0, int length,
                                                            bool causal, float scale)
{
    const int t = threadIdx.x % 4;
    const float c = scale * LOG2E;
#pragma unroll
    for (int n = 0; n < OTHER / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const int key = key0 + 8 * n + 2 * t + e % 2, half = e / 2;
            const bool hidden = key >= length || (causal && key > query + 8 * half);
            const float p = hidden ? 0.0f : exp2_fast(fmaf(s.e[n][e], c, -row.lse[half]));
            dp.e[n][e] = scale * p * (dp.e[n][e] - row.delta[half]);
        }
}

template <int D>
static __global__ void __launch_bounds__(THREADS, 1) queries(rt_mma_bwd x, struct rt_attention at)
{
    extern __shared__ __align__(16) unsigned char memory[];
    memory_of<D> *const m = (memory_of<D> *)memory;
    const stretch t = stretch_of<OWN>(gridDim.x - 1 - blockIdx.x, at.cu, at.segments);
    if (t.length == 0)
        return;
    const int64_t head = blockIdx.y, kv = head / (at.heads / at.kv_heads);
    const int length = (int)t.length, q0 = (int)t.first,
              seen = at.causal && q0 + OWN < length ? q0 + OWN : length;
    const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, mine = q0 + 16 * warp;
    copy_rows<D, OWN, THREADS>(m->a, x.q + (t.start + q0) * x.ldq + head * D, x.ldq, length - q0);
    copy_rows<D, OWN, THREADS>(m->b, x.d_o + (t.start + q0) * x.lddo + head * D, x.lddo, length - q0);
    ask_keys<D>(&m->visit[0], x, t, kv, 0);
    copies_end();
    known row;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int query = mine + g + 8 * half;
        row.lse[half] = query < length ? x.lse[head * at.rows + t.start + query] * LOG2E : INFINITY;
        row.delta[half] = query < length ? x.delta[head * at.rows + t.start + query] : 0.0f;
    }
    const bf16 *const q[1] = { m->a + 16 * warp * ROW<D> }, *const d_o[1] = { m->b + 16 * warp * ROW<D> };
    result<D> dq[1] = {};
    for (int k0 = 0, i = 0; k0 < seen; k0 += OTHER, i++) {
        const visitor<D> *const visit = &m->visit[i % 2];
        copies_wait<0>();
        if (k0 + OTHER < seen)
            ask_keys<D>(&m->visit[(i + 1) % 2], x, t, kv, k0 + OTHER);
        copies_end();
        if (at.causal && k0 > mine + 15) /* the warp's queries see none of these keys */
            continue;
        result<OTHER> s[1] = {}, dp[1] = {};
        rows_by_rows<D>(s, q, visit->a);
        rows_by_rows<D>(dp, d_o, visit->b);
        gradients_of_queries(s[0], dp[0], row, mine + g, k0, length, at.causal, at.scale);
        result_by_columns<D>(dq, dp, visit->a);
    }
    const float one[1][2] = { { 1.0f, 1.0f } };
    write_results(x.dq + (t.start + mine) * x.lddq + head * D, x.lddq, length - mine, dq, one);
}

template <int D> static rt_status launch(struct rt_exec *ex, const rt_mma_bwd &x, const struct rt_attention &at)
{
    constexpr int BYTES = (int)sizeof(memory_of<D>);
    const unsigned tiles = (unsigned)(at.rows / OWN + at.segments);
    RT_TRY(RT_CUDA(
        ex, cudaFuncSetAttribute(keys_and_values<D>, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES)));
    RT_TRY(RT_CUDA(ex, cudaFuncSetAttribute(queries<D>, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES)));
    keys_and_values<D><<<dim3(tiles, (unsigned)at.kv_heads), THREADS, BYTES, rt_stream(ex)>>>(x, at);
    RT_TRY(RT_CUDA(ex, cudaGetLastError()));
    queries<D><<<dim3(tiles, (unsigned)at.heads), THREADS, BYTES, rt_stream(ex)>>>(x, at);
    return RT_CUDA(ex, cudaGetLastError());
}

rt_status rt_mma_attention_bwd(struct rt_exec *ex, const rt_mma_bwd &x, const struct rt_attention &at,
                               bool *taken)
{
    rt_status st = RT_OK;
    *taken = in_pieces(x.q, x.ldq) && in_pieces(x.k, x.ldk) && in_pieces(x.v, x.ldv) &&
             in_pieces(x.d_o, x.lddo) && in_pieces(x.dq, x.lddq) && in_pieces(x.dk, x.lddk) &&
             in_pieces(x.dv, x.lddv) && with_head_size(at.d, [&](auto d) { st = launch<d.value>(ex, x, at); });
    return st;
}
