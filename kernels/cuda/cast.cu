/* cast.cu - between f32 and the element type on CUDA; contracts in ops.h. A thread moves V elements, once. */
#include "config.h"
#include "kernels/cuda/common.cuh"

template <typename T, int V>
static __global__ void cast_rows(T *y, int64_t ldy, const float *x, int64_t rows, int64_t cols, float scale)
{
    EACH (i, rows * (cols / V)) {
        const place at = place_of(i, cols / V);
        const pack<float, V> from = load<V>(x + i * V);
        pack<T, V> to;
#pragma unroll
        for (int j = 0; j < V; j++)
            to.e[j] = rn<T>(scale * from.e[j]);
        store<V>(y + at.row * ldy + at.col * V, to);
    }
}

template <typename T, int V>
static __global__ void widen_rows(float *y, const T *x, int64_t ldx, int64_t rows, int64_t cols)
{
    EACH (i, rows * (cols / V)) {
        const place at = place_of(i, cols / V);
        const pack<T, V> from = load<V>(x + at.row * ldx + at.col * V);
        pack<float, V> to;
#pragma unroll
        for (int j = 0; j < V; j++)
            to.e[j] = f32(from.e[j]);
        store<V>(y + i * V, to);
    }
}

template <typename T>
rt_status rt_cuda_ops<T>::cast(struct rt_exec *ex, rt_act *y, int64_t ldy, const float *x, int64_t rows,
                               int64_t cols, float scale)
{
    RT_TRY(rt_check_shape(ex, "cast", rows, cols));
    RT_TRY(rt_check_ld(ex, "cast", "y", ldy, cols));
    if (rows == 0)
        return RT_OK;
    with_width(width_of(cols, { view_of(out<T>(y), ldy), view_of(x, cols) }), [&](auto v) {
        cast_rows<T, v.value><<<blocks_for(rows * (cols / v.value)), BLOCK, 0, rt_stream(ex)>>>(
            out<T>(y), ldy, x, rows, cols, scale);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

template <typename T>
rt_status rt_cuda_ops<T>::widen(struct rt_exec *ex, float *y, const rt_act *x, int64_t ldx, int64_t rows,
                                int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "widen", rows, cols));
    RT_TRY(rt_check_ld(ex, "widen", "x", ldx, cols));
    if (rows == 0)
        return RT_OK;
    with_width(width_of(cols, { view_of(y, cols), view_of(in<T>(x), ldx) }), [&](auto v) {
        widen_rows<T, v.value>
            <<<blocks_for(rows * (cols / v.value)), BLOCK, 0, rt_stream(ex)>>>(y, in<T>(x), ldx, rows, cols);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(cast);
RT_CUDA_BOTH(widen);
