/*
 * layernorm.cu - layer norm on CUDA; contracts in ops.h.
 *
 * A block a row, threads stride the columns V at a time; the later reads of a row (mean, variance, result) hit
 * the cache.
 */
#include "config.h"
#include "kernels/cuda/common.cuh"

/* The row's sum over columns, after adding delta and keeping the result in sum where there is one. */
template <typename T, int V>
static __device__ float add_row(float *sum, const float *x, const T *delta, int64_t cols, bool round_sum)
{
    float total = 0.0f;
    for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += BLOCK * V) {
        pack<float, V> p = load<V>(x + c);
        if (delta != NULL) {
            const pack<T, V> d = load<V>(delta + c);
#pragma unroll
            for (int j = 0; j < V; j++) {
                const float v = p.e[j] + f32(d.e[j]);
                p.e[j] = round_sum ? f32(rn<T>(v)) : v;
            }
            store<V>(sum + c, p);
        }
#pragma unroll
        for (int j = 0; j < V; j++)
            total += p.e[j];
    }
    return block_sum<BLOCK>(total);
}

template <typename T, int V>
static __global__ void fwd(float *sum, T *y, int64_t ldy, float *stats, const float *x, const T *delta,
                           const float *w, const float *b, int64_t rows, int64_t cols, float eps,
                           bool round_sum)
{
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        const float *const s =
            (delta == NULL ? x : sum) + r * cols; /* each thread reads what it wrote itself */
        const float total = add_row<T, V>(delta == NULL ? NULL : sum + r * cols, x + r * cols,
                                          delta == NULL ? NULL : delta + r * cols, cols, round_sum);
        const float mean = total / (float)cols;
        float squares = 0.0f;
        for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += BLOCK * V) {
            const pack<float, V> p = load<V>(s + c);
#pragma unroll
            for (int j = 0; j < V; j++)
                squares += (p.e[j] - mean) * (p.e[j] - mean);
        }
        const float rs = 1.0f / sqrtf(block_sum<BLOCK>(squares) / (float)cols + eps);
        if (threadIdx.x == 0) {
            stats[2 * r] = mean;
            stats[2 * r + 1] = rs;
        }
        for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += BLOCK * V) {
            const pack<float, V> p = load<V>(s + c), gain = load<V>(w + c), shift = load<V>(b + c);
            pack<T, V> to;
#pragma unroll
            for (int j = 0; j < V; j++)
                to.e[j] = rn<T>((p.e[j] - mean) * rs * gain.e[j] + shift.e[j]);
            store<V>(y + r * ldy + c, to);
        }
    }
}

template <typename T, int V>
static __global__ void bwd(float *dx, T *dx_act, const T *dy, int64_t lddy, const float *x, const float *stats,
                           const float *w, int64_t rows, int64_t cols)
{
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        const float mean = stats[2 * r], rs = stats[2 * r + 1];
        float total = 0.0f, dot = 0.0f;
        for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += BLOCK * V) {
            const pack<float, V> px = load<V>(x + r * cols + c), pw = load<V>(w + c);
            const pack<T, V> pd = load<V>(dy + r * lddy + c);
#pragma unroll
            for (int j = 0; j < V; j++) {
                const float p = pw.e[j] * f32(pd.e[j]);
                total += p;
                dot += p * ((px.e[j] - mean) * rs);
            }
        }
        const float mean_p = block_sum<BLOCK>(total) / (float)cols,
                    mean_pxh = block_sum<BLOCK>(dot) / (float)cols;
        for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += BLOCK * V) {
            const pack<float, V> px = load<V>(x + r * cols + c), pw = load<V>(w + c);
            const pack<T, V> pd = load<V>(dy + r * lddy + c);
            pack<float, V> to = load<V>(dx + r * cols + c);
            pack<T, V> rounded;
#pragma unroll
            for (int j = 0; j < V; j++) {
                const float p = pw.e[j] * f32(pd.e[j]), xh = (px.e[j] - mean) * rs;
                to.e[j] += rs * (p - mean_p - xh * mean_pxh);
                rounded.e[j] = rn<T>(to.e[j]);
            }
            store<V>(dx + r * cols + c, to);
            store<V>(dx_act + r * cols + c, rounded);
        }
    }
}

template <typename T>
rt_status rt_cuda_ops<T>::add_layernorm_fwd(struct rt_exec *ex, float *sum, rt_act *y, int64_t ldy,
                                            float *stats, const float *x, const rt_act *delta, const float *w,
                                            const float *b, int64_t rows, int64_t cols, float eps,
                                            bool round_sum)
{
    RT_TRY(rt_check_shape(ex, "add_layernorm_fwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "add_layernorm_fwd", "y", ldy, cols));
    if (rows == 0)
        return RT_OK;
    const int width = width_of(cols, { view_of(sum, cols), view_of(out<T>(y), ldy), view_of(x, cols),
                                       view_of(in<T>(delta), cols), view_of(w, cols), view_of(b, cols) });
    with_width(width, [&](auto v) {
        fwd<T, v.value><<<blocks_of_rows(rows), BLOCK, 0, rt_stream(ex)>>>(
            sum, out<T>(y), ldy, stats, x, in<T>(delta), w, b, rows, cols, eps, round_sum);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

template <typename T>
rt_status rt_cuda_ops<T>::layernorm_bwd(struct rt_exec *ex, float *dx, rt_act *dx_act, const rt_act *dy,
                                        int64_t lddy, const float *x, const float *stats, const float *w,
                                        int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "layernorm_bwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "layernorm_bwd", "dy", lddy, cols));
    if (rows == 0)
        return RT_OK;
    const int width = width_of(cols, { view_of(dx, cols), view_of(out<T>(dx_act), cols),
                                       view_of(in<T>(dy), lddy), view_of(x, cols), view_of(w, cols) });
    with_width(width, [&](auto v) {
        bwd<T, v.value><<<blocks_of_rows(rows), BLOCK, 0, rt_stream(ex)>>>(dx, out<T>(dx_act), in<T>(dy), lddy,
                                                                           x, stats, w, rows, cols);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(add_layernorm_fwd);
RT_CUDA_BOTH(layernorm_bwd);
