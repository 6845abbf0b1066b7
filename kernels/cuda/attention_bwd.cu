/*
 * attention_bwd.cu - attention backward on CUDA from the forward's lse; contract in ops.h.
 *
 * Three launches: delta = the sum over columns of do o; dk and dv, a block for each tile of keys and key head,
 * which meets the query heads of its group and their tiles of queries in order; dq, a block for each tile of
 * queries and query head. The scores are made twice, and nothing is added from two blocks: the same bits. In
 * bf16 tensor cores do the latter two where they take the shape.
 */
#include "config.h"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/attention_wgmma.cuh"

template <typename T> struct bwd_tensors {
    const T *q, *k, *v, *o, *d_o;
    const float *lse;
    float *delta; /* [heads, rows] */
    T *dq, *dk, *dv;
    int64_t ldq, ldk, ldv, ldo, lddo, lddq, lddk, lddv;
};

/* `lanes` neighbouring lanes, a power of 2, add up a row of a head, V columns at a time; heads of a row follow
 * each other. */
template <typename T, int V>
static __global__ void __launch_bounds__(BLOCK) deltas(bwd_tensors<T> x, struct rt_attention at, int lanes)
{
    const int64_t n = at.heads * at.rows, together = 32 / lanes, warps = (int64_t)gridDim.x * (BLOCK / 32);
    const int64_t warp = (int64_t)blockIdx.x * (BLOCK / 32) + threadIdx.x / 32;
    const int lane = threadIdx.x % 32;
    for (int64_t first = warp * together; first < n; first += warps * together) {
        const int64_t i = first + lane / lanes;
        const place row = place_of(i < n ? i : n - 1, at.heads);
        const T *const o = x.o + row.row * x.ldo + row.col * at.d, *const d_o = x.d_o + row.row * x.lddo +
                                                                                row.col * at.d;
        float dot = 0.0f;
        for (int64_t c = lane % lanes * V; c < at.d; c += lanes * V) {
            const pack<T, V> a = load<V>(d_o + c), b = load<V>(o + c);
#pragma unroll
            for (int e = 0; e < V; e++)
                dot = fmaf(f32(a.e[e]), f32(b.e[e]), dot);
        }
        for (int other = lanes / 2; other > 0; other /= 2)
            dot += __shfl_xor_sync(~0u, dot, other);
        if (i < n && lane % lanes == 0)
            x.delta[row.col * at.rows + row.row] = dot;
    }
}

template <typename T>
static rt_status make_deltas(struct rt_exec *ex, const bwd_tensors<T> &x, const struct rt_attention &at)
{
    const int v = width_of(at.d, { view_of(x.o, x.ldo), view_of(x.d_o, x.lddo) });
    int lanes = 1;
    while (lanes < 32 && lanes * v < at.d)
        lanes *= 2;
    with_width(v, [&](auto width) {
        deltas<T, width.value>
            <<<blocks_for(at.heads * at.rows * lanes), BLOCK, 0, rt_stream(ex)>>>(x, at, lanes);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

/* For queries q0 .. and keys k0 .. of a segment: p = exp(scale q kT - lse) and ds = scale p (do vT - delta); 0
 * where a key is hidden or there is no such query. */
template <typename T>
static __device__ __forceinline__ void
gradients(float (&p)[PER_THREAD][PER_THREAD], float (&ds)[PER_THREAD][PER_THREAD], tiles *shared,
          const bwd_tensors<T> &x, const struct rt_attention &at, const span &t, int64_t q0, int64_t k0,
          int64_t head, int64_t kv)
{
    const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
    const int64_t queries = t.length - q0, keys = t.length - k0, row = t.start + q0;
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++)
#pragma unroll
        for (int j = 0; j < PER_THREAD; j++)
            p[i][j] = ds[i][j] = 0.0f;
    scores(p, shared, rows_of(x.q, x.ldq, row, queries, head, at.d),
           rows_of(x.k, x.ldk, t.start + k0, keys, kv, at.d), at.d);
    scores(ds, shared, rows_of(x.d_o, x.lddo, row, queries, head, at.d),
           rows_of(x.v, x.ldv, t.start + k0, keys, kv, at.d), at.d);
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++) {
        const int64_t query = ty + SIDE * i;
        const bool there = query < queries;
        const float lse = there ? x.lse[head * at.rows + row + query] : 0.0f;
        const float delta = there ? x.delta[head * at.rows + row + query] : 0.0f;
#pragma unroll
        for (int j = 0; j < PER_THREAD; j++) {
            const int64_t key = tx + SIDE * j;
            const bool seen = there && key < keys && (!at.causal || k0 + key <= q0 + query);
            p[i][j] = seen ? expf(p[i][j] * at.scale - lse) : 0.0f;
            ds[i][j] = seen ? at.scale * p[i][j] * (ds[i][j] - delta) : 0.0f;
        }
    }
}

template <typename T, int J>
static __global__ void __launch_bounds__(THREADS) keys_and_values(bwd_tensors<T> x, struct rt_attention at)
{
    __shared__ tiles shared;
    const int64_t d = at.d, group = at.heads / at.kv_heads, kv = blockIdx.y, c0 = blockIdx.z * SIDE * J;
    const span t = span_of(blockIdx.x, at.cu, at.segments); /* the first keys are seen by most queries */
    if (t.length == 0)
        return;
    const int64_t k0 = t.first;
    float dk[PER_THREAD][J] = {}, dv[PER_THREAD][J] = {};
    for (int64_t head = kv * group; head < (kv + 1) * group; head++)
        for (int64_t q0 = at.causal ? k0 : 0; q0 < t.length; q0 += TILE) {
            const int64_t row = t.start + q0, queries = t.length - q0;
            float p[PER_THREAD][PER_THREAD], ds[PER_THREAD][PER_THREAD];
            gradients(p, ds, &shared, x, at, t, q0, k0, head, kv);
            keep(&shared, p);
            accumulate<true>(dv, &shared, rows_of(x.d_o, x.lddo, row, queries, head, d), c0, d);
            keep(&shared, ds);
            accumulate<true>(dk, &shared, rows_of(x.q, x.ldq, row, queries, head, d), c0, d);
        }
    const float one[PER_THREAD] = { 1.0f, 1.0f, 1.0f, 1.0f };
    write_rows(x.dk + (t.start + k0) * x.lddk + kv * d, x.lddk, t.length - k0, dk, one, c0, d);
    write_rows(x.dv + (t.start + k0) * x.lddv + kv * d, x.lddv, t.length - k0, dv, one, c0, d);
}

template <typename T, int J>
static __global__ void __launch_bounds__(THREADS) queries(bwd_tensors<T> x, struct rt_attention at)
{
    __shared__ tiles shared;
    const int64_t d = at.d, head = blockIdx.y, kv = head / (at.heads / at.kv_heads), c0 = blockIdx.z * SIDE * J;
    const span t = span_of(gridDim.x - 1 - blockIdx.x, at.cu, at.segments);
    if (t.length == 0)
        return;
    const int64_t q0 = t.first, seen = at.causal && q0 + TILE < t.length ? q0 + TILE : t.length;
    float dq[PER_THREAD][J] = {};
    for (int64_t k0 = 0; k0 < seen; k0 += TILE) {
        float p[PER_THREAD][PER_THREAD], ds[PER_THREAD][PER_THREAD];
        gradients(p, ds, &shared, x, at, t, q0, k0, head, kv);
        keep(&shared, ds);
        accumulate<false>(dq, &shared, rows_of(x.k, x.ldk, t.start + k0, t.length - k0, kv, d), c0, d);
    }
    const float one[PER_THREAD] = { 1.0f, 1.0f, 1.0f, 1.0f };
    write_rows(x.dq + (t.start + q0) * x.lddq + head * d, x.lddq, t.length - q0, dq, one, c0, d);
}

/* delta, so that what follows it is aligned */
static size_t delta_bytes(const struct rt_attention &at)
{
    return ((size_t)at.heads * (size_t)at.rows * sizeof(float) + 255) / 256 * 256;
}

template <typename T> size_t rt_cuda_ops<T>::attention_work(const struct rt_attention *at)
{
    return delta_bytes(*at) + (std::is_same_v<T, bf16> ? rt_wgmma_partial_bytes(at) : 0);
}

template <typename T>
rt_status rt_cuda_ops<T>::attention_bwd(struct rt_exec *ex, rt_act *dq, int64_t lddq, rt_act *dk, int64_t lddk,
                                        rt_act *dv, int64_t lddv, const rt_act *d_o, int64_t lddo,
                                        const rt_act *q, int64_t ldq, const rt_act *k, int64_t ldk,
                                        const rt_act *v, int64_t ldv, const rt_act *o, int64_t ldo,
                                        const float *lse, const struct rt_attention *at)
{
    const int64_t ld_q[] = { lddq, lddo, ldq, ldo }, ld_kv[] = { lddk, lddv, ldk, ldv };
    RT_TRY(rt_check_attention(ex, "attention_bwd", at, ld_q, 4, ld_kv, 4));
    RT_TRY(check_grid(ex, "attention_bwd", at));
    if (at->rows == 0)
        return RT_OK;
    RT_TRY(rt_check(ex, "attention_bwd", ex->work_bytes >= attention_work(at),
                    "the workspace is smaller than attention_work asks"));
    const bwd_tensors<T> x = { in<T>(q),   in<T>(k),   in<T>(v),   in<T>(o), in<T>(d_o), lse, (float *)ex->work,
                               out<T>(dq), out<T>(dk), out<T>(dv), ldq,      ldk,        ldv, ldo,
                               lddo,       lddq,       lddk,       lddv };
    RT_TRY(make_deltas(ex, x, *at));
    if constexpr (std::is_same_v<T, bf16>) {
        const rt_mma_bwd m = { x.q,  x.k,   x.v,   x.d_o, x.lse,  x.delta, x.dq,   x.dk,
                               x.dv, x.ldq, x.ldk, x.ldv, x.lddo, x.lddq,  x.lddk, x.lddv };
        float *const partial = (float *)((char *)ex->work + delta_bytes(*at));
        bool taken = false;
        RT_TRY(rt_wgmma_attention_bwd(ex, m, partial, *at, &taken));
        if (!taken)
            RT_TRY(rt_mma_attention_bwd(ex, m, *at, &taken));
        if (taken)
            return RT_OK;
    }
    with_columns(at->d, [&](auto j) {
        keys_and_values<T, j.value><<<grid_of(at, at->kv_heads, j.value), THREADS, 0, rt_stream(ex)>>>(x, *at);
    });
    RT_TRY(RT_CUDA(ex, cudaGetLastError()));
    with_columns(at->d, [&](auto j) {
        queries<T, j.value><<<grid_of(at, at->heads, j.value), THREADS, 0, rt_stream(ex)>>>(x, *at);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(attention_bwd);
RT_CUDA_BOTH(attention_work);
