/*
 * swiglu.cu - the gated unit of the MLPs on CUDA; contracts in ops.h. A thread makes V elements, one pass; with
 * a product of low rank added in bf16, LOW_ROWS rows of them.
 */
#include "config.h"
#include "kernels/cuda/low.cuh"

template <typename T, int V>
static __global__ void fwd(T *y, int64_t ldy, const T *gu, int64_t rows, int64_t cols)
{
    EACH (i, rows * (cols / V)) {
        const place at = place_of(i, cols / V);
        const T *const from = gu + at.row * 2 * cols + at.col * V;
        const pack<T, V> g = load<V>(from), u = load<V>(from + cols);
        pack<T, V> to;
#pragma unroll
        for (int j = 0; j < V; j++) {
            const float gj = f32(g.e[j]);
            to.e[j] = rn<T>(f32(rn<T>(gj * logistic(gj))) * f32(u.e[j]));
        }
        store<V>(y + at.row * ldy + at.col * V, to);
    }
}

/* g and u become their gradients, of which d is that of silu(g) u. */
template <typename T, int V>
static __device__ __forceinline__ void gradients(pack<T, V> &g, pack<T, V> &u, const float (&d)[V])
{
#pragma unroll
    for (int j = 0; j < V; j++) {
        const float gj = f32(g.e[j]), uj = f32(u.e[j]), s = logistic(gj);
        g.e[j] = rn<T>(d[j] * uj * (s * (1.0f + gj * (1.0f - s)))); /* silu'(g) */
        u.e[j] = rn<T>(d[j] * (gj * s));
    }
}

/* d += u a, for what bwd_low does not take. */
template <typename T, int V>
static __device__ __forceinline__ void add_terms(float (&d)[V], const T *u, const T *a, int64_t lda,
                                                 int64_t rank)
{
    for (int64_t k = 0; k < rank; k++) {
        const float uk = f32(u[k]);
#pragma unroll
        for (int j = 0; j < V; j++)
            d[j] += uk * f32(a[k * lda + j]);
    }
}

template <typename T, int V>
static __global__ void bwd(T *dgu, const T *dy, int64_t lddy, const struct rt_low low, const T *gu,
                           int64_t rows, int64_t cols)
{
    EACH (i, rows * (cols / V)) {
        const place at = place_of(i, cols / V);
        const int64_t col = at.col * V, where = at.row * 2 * cols + col;
        pack<T, V> g = load<V>(gu + where), u = load<V>(gu + where + cols);
        const pack<T, V> from = load<V>(dy + at.row * lddy + col);
        float d[V];
#pragma unroll
        for (int j = 0; j < V; j++)
            d[j] = f32(from.e[j]);
        add_terms(d, (const T *)low.u + at.row * low.ldu, (const T *)low.a + col, low.lda, low.rank);
        gradients(g, u, d);
        store<V>(dgu + where, g);
        store<V>(dgu + where + cols, u);
    }
}

constexpr int LOW_ROWS = 2; /* 697 us for 13,400 x 18,944 and rank 8; 4 rows 766, without the product 589 */

/* The same in bf16 with a product of low rank added to dy by low.cuh. Each lane reads before it writes: dgu may
 * be gu. */
static __global__ void __launch_bounds__(32 * LOW_WARPS)
    bwd_low(low_rank x, bf16 *dgu, const bf16 *dy, int64_t lddy, const bf16 *gu)
{
    low_rows<LOW_ROWS>(x, [&](int64_t row, int64_t col, const bf16 *a) {
        const int64_t ld = 2 * x.cols;
        pack<bf16, 8> d[LOW_ROWS], g[LOW_ROWS], u[LOW_ROWS];
        float sum[LOW_ROWS][8];
        low_read(d, dy + col, lddy, x, row);
        low_read(g, gu + col, ld, x, row);
        low_read(u, gu + x.cols + col, ld, x, row);
        low_add(sum, d, x, row, a);
#pragma unroll
        for (int i = 0; i < LOW_ROWS; i++) {
            gradients(g[i], u[i], sum[i]);
            if (row + i < x.rows) {
                store<8>(dgu + (row + i) * ld + col, g[i]);
                store<8>(dgu + (row + i) * ld + x.cols + col, u[i]);
            }
        }
    });
}

/* Launches bwd_low if it takes this. */
static bool launched_low(struct rt_exec *ex, bf16 *dgu, const bf16 *dy, int64_t lddy, const struct rt_low &low,
                         const bf16 *gu, int64_t rows, int64_t cols)
{
    const low_rank x = { in<bf16>(low.u), in<bf16>(low.a), low.ldu, low.lda, rows, cols, low.rank };
    if (!low_fits(x) || width_of(cols, { view_of(dgu, cols), view_of(dy, lddy), view_of(gu, cols) }) != 8)
        return false;
    low_launch(ex, bwd_low, x, dgu, dy, lddy, gu);
    return true;
}

template <typename T>
rt_status rt_cuda_ops<T>::swiglu_fwd(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *gu, int64_t rows,
                                     int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "swiglu_fwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "swiglu_fwd", "y", ldy, cols));
    if (rows == 0)
        return RT_OK;
    with_width(width_of(cols, { view_of(out<T>(y), ldy), view_of(in<T>(gu), cols) }), [&](auto v) {
        fwd<T, v.value><<<blocks_for(rows * (cols / v.value)), BLOCK, 0, rt_stream(ex)>>>(
            out<T>(y), ldy, in<T>(gu), rows, cols);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

template <typename T>
rt_status rt_cuda_ops<T>::swiglu_bwd(struct rt_exec *ex, rt_act *dgu, const rt_act *dy, int64_t lddy,
                                     const struct rt_low *low, const rt_act *gu, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "swiglu_bwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "swiglu_bwd", "dy", lddy, cols));
    RT_TRY(rt_check_low(ex, "swiglu_bwd", low, cols));
    if (rows == 0)
        return RT_OK;
    const struct rt_low nothing = {}, &adds = low != NULL ? *low : nothing;
    if constexpr (std::is_same_v<T, bf16>)
        if (launched_low(ex, out<T>(dgu), in<T>(dy), lddy, adds, in<T>(gu), rows, cols))
            return RT_CUDA(ex, cudaGetLastError());
    with_width(
        width_of(cols, { view_of(out<T>(dgu), cols), view_of(in<T>(dy), lddy), view_of(in<T>(gu), cols) }),
        [&](auto v) {
            bwd<T, v.value><<<blocks_for(rows * (cols / v.value)), BLOCK, 0, rt_stream(ex)>>>(
                out<T>(dgu), in<T>(dy), lddy, adds, in<T>(gu), rows, cols);
        });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(swiglu_fwd);
RT_CUDA_BOTH(swiglu_bwd);
