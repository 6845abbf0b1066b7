/* swiglu.cu - the gated unit of the MLPs on CUDA; contracts in ops.h. A thread makes V elements, one pass. */
#include "config.h"
#include "kernels/cuda/common.cuh"

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

template <typename T, int V>
static __global__ void bwd(T *dgu, const T *dy, int64_t lddy, const T *gu, int64_t rows, int64_t cols)
{
    EACH (i, rows * (cols / V)) {
        const place at = place_of(i, cols / V);
        const int64_t where = at.row * 2 * cols + at.col * V;
        const pack<T, V> g = load<V>(gu + where), u = load<V>(gu + where + cols);
        const pack<T, V> d = load<V>(dy + at.row * lddy + at.col * V);
        pack<T, V> dg, du;
#pragma unroll
        for (int j = 0; j < V; j++) {
            const float gj = f32(g.e[j]), dj = f32(d.e[j]), s = logistic(gj);
            dg.e[j] = rn<T>(dj * f32(u.e[j]) * (s * (1.0f + gj * (1.0f - s)))); /* silu'(g) */
            du.e[j] = rn<T>(dj * (gj * s));
        }
        store<V>(dgu + where, dg);
        store<V>(dgu + where + cols, du);
    }
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
                                     const rt_act *gu, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "swiglu_bwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "swiglu_bwd", "dy", lddy, cols));
    if (rows == 0)
        return RT_OK;
    const int width =
        width_of(cols, { view_of(out<T>(dgu), cols), view_of(in<T>(dy), lddy), view_of(in<T>(gu), cols) });
    with_width(width, [&](auto v) {
        bwd<T, v.value><<<blocks_for(rows * (cols / v.value)), BLOCK, 0, rt_stream(ex)>>>(
            out<T>(dgu), in<T>(dy), lddy, in<T>(gu), rows, cols);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(swiglu_fwd);
RT_CUDA_BOTH(swiglu_bwd);
