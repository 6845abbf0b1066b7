/*
 * attention_fwd.cu - attention forward on CUDA, tile by tile with a running softmax; contract in ops.h.
 *
 * A block for each tile of queries and each query head; it meets the tiles of keys that it sees, in order.
 * Reads q once and k and v once a tile of queries; the scores never leave the chip. In bf16 tensor cores do it
 * where they take the shape.
 */
#include "config.h"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/attention_wgmma.cuh"

template <typename T> struct fwd_tensors {
    const T *q, *k, *v;
    T *o;
    float *lse;
    int64_t ldq, ldk, ldv, ldo;
};

/* Scores to exp(s - m) with the running maximum m; o and total are brought to the new maximum first. Hidden
 * keys become 0; each row of a tile sees at least the segment's first key, so that m is finite from the first
 * tile on. */
template <typename T, int J>
static __device__ __forceinline__ void
softmax(float (&s)[PER_THREAD][PER_THREAD], float (&m)[PER_THREAD], float (&total)[PER_THREAD],
        float (&o)[PER_THREAD][J], const struct rt_attention &at, int64_t q0, int64_t k0, int64_t length)
{
    const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++) {
        const int64_t query = q0 + ty + SIDE * i;
        float top = -INFINITY;
#pragma unroll
        for (int j = 0; j < PER_THREAD; j++) {
            const int64_t key = k0 + tx + SIDE * j;
            s[i][j] = key < length && (!at.causal || key <= query) ? s[i][j] * at.scale : -INFINITY;
            top = fmaxf(top, s[i][j]);
        }
        top = fmaxf(m[i], row_max(top));
        const float shrink = expf(m[i] - top);
        float part = 0.0f;
#pragma unroll
        for (int j = 0; j < PER_THREAD; j++) {
            const float p = expf(s[i][j] - top);
            part += p;
            s[i][j] = f32(rn<T>(p));
        }
        m[i] = top;
        total[i] = total[i] * shrink + row_sum(part);
#pragma unroll
        for (int j = 0; j < J; j++)
            o[i][j] *= shrink;
    }
}

template <typename T, int J>
static __global__ void __launch_bounds__(THREADS) fwd(fwd_tensors<T> x, struct rt_attention at)
{
    __shared__ tiles shared;
    const int64_t d = at.d, head = blockIdx.y, kv = head / (at.heads / at.kv_heads), c0 = blockIdx.z * SIDE * J;
    /* the last tiles of a causal segment have most keys: they go first */
    const span t = span_of(gridDim.x - 1 - blockIdx.x, at.cu, at.segments);
    if (t.length == 0)
        return;
    const int64_t q0 = t.first, queries = t.length - q0;
    const int64_t seen = at.causal && q0 + TILE < t.length ? q0 + TILE : t.length;
    const matrix<T> q = rows_of(x.q, x.ldq, t.start + q0, queries, head, d);
    float m[PER_THREAD], total[PER_THREAD], o[PER_THREAD][J] = {};
    for (int i = 0; i < PER_THREAD; i++)
        m[i] = -INFINITY, total[i] = 0.0f;
    for (int64_t k0 = 0; k0 < seen; k0 += TILE) {
        float s[PER_THREAD][PER_THREAD] = {};
        scores(s, &shared, q, rows_of(x.k, x.ldk, t.start + k0, t.length - k0, kv, d), d);
        softmax<T>(s, m, total, o, at, q0, k0, t.length);
        keep(&shared, s);
        accumulate<false>(o, &shared, rows_of(x.v, x.ldv, t.start + k0, t.length - k0, kv, d), c0, d);
    }
    const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
    float inverse[PER_THREAD];
    for (int i = 0; i < PER_THREAD; i++) {
        inverse[i] = 1.0f / total[i];
        if (tx == 0 && c0 == 0 && ty + SIDE * i < queries)
            x.lse[head * at.rows + t.start + q0 + ty + SIDE * i] = m[i] + logf(total[i]);
    }
    write_rows(x.o + (t.start + q0) * x.ldo + head * d, x.ldo, queries, o, inverse, c0, d);
}

template <typename T>
rt_status rt_cuda_ops<T>::attention_fwd(struct rt_exec *ex, rt_act *o, int64_t ldo, float *lse, const rt_act *q,
                                        int64_t ldq, const rt_act *k, int64_t ldk, const rt_act *v, int64_t ldv,
                                        const struct rt_attention *at)
{
    const int64_t ld_q[] = { ldo, ldq }, ld_kv[] = { ldk, ldv };
    RT_TRY(rt_check_attention(ex, "attention_fwd", at, ld_q, 2, ld_kv, 2));
    RT_TRY(check_grid(ex, "attention_fwd", at));
    if (at->rows == 0)
        return RT_OK;
    if constexpr (std::is_same_v<T, bf16>) {
        const rt_mma_fwd m = { in<T>(q), in<T>(k), in<T>(v), out<T>(o), lse, ldq, ldk, ldv, ldo };
        bool taken = false;
        RT_TRY(rt_wgmma_attention_fwd(ex, m, *at, &taken));
        if (!taken)
            RT_TRY(rt_mma_attention_fwd(ex, m, *at, &taken));
        if (taken)
            return RT_OK;
    }
    const fwd_tensors<T> x = { in<T>(q), in<T>(k), in<T>(v), out<T>(o), lse, ldq, ldk, ldv, ldo };
    with_columns(at->d, [&](auto j) {
        fwd<T, j.value><<<grid_of(at, at->heads, j.value), THREADS, 0, rt_stream(ex)>>>(x, *at);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(attention_fwd);
