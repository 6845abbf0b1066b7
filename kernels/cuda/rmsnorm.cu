/*
 * rmsnorm.cu - root-mean-square norm on CUDA; contracts in ops.h.
 *
 * A block a row, threads stride the columns V at a time; the second read of a row hits the cache.
 */
#include "config.h"
#include "kernels/cuda/common.cuh"

template <typename T, int V>
static __global__ void fwd(float *sum, T *y, int64_t ldy, float *rstd, const float *x, const T *delta,
                           const float *w, int64_t rows, int64_t cols, float eps, bool round_sum)
{
    const float *const s = delta == NULL ? x : sum; /* what is normed; each thread reads what it wrote itself */
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        float squares = 0.0f;
        for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += BLOCK * V) {
            pack<float, V> p = load<V>(x + r * cols + c);
            if (delta != NULL) {
                const pack<T, V> d = load<V>(delta + r * cols + c);
#pragma unroll
                for (int j = 0; j < V; j++) {
                    const float v = p.e[j] + f32(d.e[j]);
                    p.e[j] = round_sum ? f32(rn<T>(v)) : v;
                }
                store<V>(sum + r * cols + c, p);
            }
#pragma unroll
            for (int j = 0; j < V; j++)
                squares += p.e[j] * p.e[j];
        }
        const float rs = 1.0f / sqrtf(block_sum<BLOCK>(squares) / (float)cols + eps);
        if (threadIdx.x == 0)
            rstd[r] = rs;
        for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += BLOCK * V) {
            const pack<float, V> p = load<V>(s + r * cols + c), gain = load<V>(w + c);
            pack<T, V> to;
#pragma unroll
            for (int j = 0; j < V; j++)
                to.e[j] = rn<T>(gain.e[j] * (p.e[j] * rs));
            store<V>(y + r * ldy + c, to);
        }
    }
}

template <typename T, int V>
static __global__ void bwd(float *dx, T *dx_act, const T *dy, int64_t lddy, const float *x, const float *rstd,
                           const float *w, int64_t rows, int64_t cols)
{
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        const float rs = rstd[r];
        float dot = 0.0f; /* of p and x; xh = x * rstd */
        for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += BLOCK * V) {
            const pack<float, V> px = load<V>(x + r * cols + c), pw = load<V>(w + c);
            const pack<T, V> pd = load<V>(dy + r * lddy + c);
#pragma unroll
            for (int j = 0; j < V; j++)
                dot += pw.e[j] * f32(pd.e[j]) * px.e[j];
        }
        const float mean = block_sum<BLOCK>(dot) * rs / (float)cols;
        for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += BLOCK * V) {
            const pack<float, V> px = load<V>(x + r * cols + c), pw = load<V>(w + c);
            const pack<T, V> pd = load<V>(dy + r * lddy + c);
            pack<float, V> to = load<V>(dx + r * cols + c);
            pack<T, V> rounded;
#pragma unroll
            for (int j = 0; j < V; j++) {
                to.e[j] += rs * (pw.e[j] * f32(pd.e[j]) - px.e[j] * rs * mean);
                rounded.e[j] = rn<T>(to.e[j]);
            }
            store<V>(dx + r * cols + c, to);
            store<V>(dx_act + r * cols + c, rounded);
        }
    }
}

template <typename T>
rt_status rt_cuda_ops<T>::add_rmsnorm_fwd(struct rt_exec *ex, float *sum, rt_act *y, int64_t ldy, float *rstd,
                                          const float *x, const rt_act *delta, const float *w, int64_t rows,
                                          int64_t cols, float eps, bool round_sum)
{
    RT_TRY(rt_check_shape(ex, "add_rmsnorm_fwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "add_rmsnorm_fwd", "y", ldy, cols));
    if (rows == 0)
        return RT_OK;
    const int width = width_of(cols, { view_of(sum, cols), view_of(out<T>(y), ldy), view_of(x, cols),
                                       view_of(in<T>(delta), cols), view_of(w, cols) });
    with_width(width, [&](auto v) {
        fwd<T, v.value><<<blocks_of_rows(rows), BLOCK, 0, rt_stream(ex)>>>(
            sum, out<T>(y), ldy, rstd, x, in<T>(delta), w, rows, cols, eps, round_sum);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

template <typename T>
rt_status rt_cuda_ops<T>::rmsnorm_bwd(struct rt_exec *ex, float *dx, rt_act *dx_act, const rt_act *dy,
                                      int64_t lddy, const float *x, const float *rstd, const float *w,
                                      int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "rmsnorm_bwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "rmsnorm_bwd", "dy", lddy, cols));
    if (rows == 0)
        return RT_OK;
    const int width = width_of(cols, { view_of(dx, cols), view_of(out<T>(dx_act), cols),
                                       view_of(in<T>(dy), lddy), view_of(x, cols), view_of(w, cols) });
    with_width(width, [&](auto v) {
        bwd<T, v.value><<<blocks_of_rows(rows), BLOCK, 0, rt_stream(ex)>>>(dx, out<T>(dx_act), in<T>(dy), lddy,
                                                                           x, rstd, w, rows, cols);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(add_rmsnorm_fwd);
RT_CUDA_BOTH(rmsnorm_bwd);
