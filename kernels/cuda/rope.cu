/* rope.cu - rotary embedding in place on CUDA; contract in ops.h. A thread turns V pairs of one head, once. */
#include "config.h"
#include "kernels/cuda/common.cuh"

template <typename T, int V>
static __global__ void rotate(T *x, int64_t ldx, const float *cos, const float *sin, int64_t rows,
                              int64_t heads, int64_t half, float sign)
{
    const int64_t steps = half / V;
    EACH (i, rows * heads * steps) {
        const place head = place_of(i, steps), at = place_of(head.row, heads);
        T *const lo = x + at.row * ldx + at.col * 2 * half + head.col * V, *const hi = lo + half;
        const pack<float, V> c = load<V>(cos + at.row * half + head.col * V);
        const pack<float, V> s = load<V>(sin + at.row * half + head.col * V);
        pack<T, V> l = load<V>(lo), h = load<V>(hi);
#pragma unroll
        for (int j = 0; j < V; j++) {
            const float lj = f32(l.e[j]), hj = f32(h.e[j]), sj = s.e[j] * sign;
            l.e[j] = rn<T>(lj * c.e[j] - hj * sj);
            h.e[j] = rn<T>(hj * c.e[j] + lj * sj);
        }
        store<V>(lo, l);
        store<V>(hi, h);
    }
}

template <typename T>
rt_status rt_cuda_ops<T>::rope(struct rt_exec *ex, rt_act *x, int64_t ldx, const float *cos, const float *sin,
                               int64_t rows, int64_t heads, int64_t d, int sign)
{
    RT_TRY(rt_check_shape(ex, "rope", heads, d));
    RT_TRY(rt_check_shape(ex, "rope", rows, heads * d));
    RT_TRY(rt_check_ld(ex, "rope", "x", ldx, heads * d));
    RT_TRY(rt_check(ex, "rope", d % 2 == 0, "heads have an odd size"));
    RT_TRY(rt_check(ex, "rope", sign == 1 || sign == -1, "the sign is neither 1 nor -1"));
    if (rows == 0)
        return RT_OK;
    const int64_t half = d / 2;
    with_width(width_of(half, { view_of(out<T>(x), ldx), view_of(cos, half), view_of(sin, half) }),
               [&](auto v) {
                   rotate<T, v.value><<<blocks_for(rows * heads * (half / v.value)), BLOCK, 0, rt_stream(ex)>>>(
                       out<T>(x), ldx, cos, sin, rows, heads, half, (float)sign);
               });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(rope);
