/* gelu.cu - the three GELUs on CUDA; contracts in ops.h. A thread makes V elements, one pass. */
#include "config.h"
#include "kernels/cuda/common.cuh"

/* The tanh form is x logistic(2 k (x + a x^3)), as (1 + tanh z) / 2 = logistic(2 z): nothing cancels below 0.
 */
#define TANH_2K 0x1.988454p+0f /* 2 sqrt(2 / pi) */
#define TANH_A 0.044715f
#define QUICK_K 1.702f
#define SQRT_HALF 0x1.6a09e6p-1f
#define DENSITY_0 0x1.988454p-2f /* 1 / sqrt(2 pi) */

static __device__ float gelu(float x, enum rt_gelu kind)
{
    if (kind == RT_GELU_ERF) /* erfc(-z) = 1 + erf(z), also exact where erf is near -1 */
        return 0.5f * x * erfcf(-x * SQRT_HALF);
    return x * logistic(kind == RT_GELU_TANH ? TANH_2K * (x + TANH_A * x * x * x) : QUICK_K * x);
}

static __device__ float slope(float x, enum rt_gelu kind)
{
    if (kind == RT_GELU_ERF) /* Phi(x) + x phi(x) */
        return 0.5f * erfcf(-x * SQRT_HALF) + x * (DENSITY_0 * expf(-0.5f * x * x));
    const float s = logistic(kind == RT_GELU_TANH ? TANH_2K * (x + TANH_A * x * x * x) : QUICK_K * x);
    const float steepness = kind == RT_GELU_TANH ? TANH_2K * (1.0f + 3.0f * TANH_A * x * x) : QUICK_K;
    return s * (1.0f + x * (1.0f - s) * steepness);
}

template <typename T, int V>
static __global__ void fwd(T *y, int64_t ldy, const T *x, int64_t rows, int64_t cols, enum rt_gelu kind)
{
    EACH (i, rows * (cols / V)) {
        const place at = place_of(i, cols / V);
        pack<T, V> p = load<V>(x + i * V);
#pragma unroll
        for (int j = 0; j < V; j++)
            p.e[j] = rn<T>(gelu(f32(p.e[j]), kind));
        store<V>(y + at.row * ldy + at.col * V, p);
    }
}

template <typename T, int V>
static __global__ void bwd(T *dx, const T *dy, int64_t lddy, const T *x, int64_t rows, int64_t cols,
                           enum rt_gelu kind)
{
    EACH (i, rows * (cols / V)) {
        const place at = place_of(i, cols / V);
        pack<T, V> p = load<V>(x + i * V);
        const pack<T, V> d = load<V>(dy + at.row * lddy + at.col * V);
#pragma unroll
        for (int j = 0; j < V; j++)
            p.e[j] = rn<T>(f32(d.e[j]) * slope(f32(p.e[j]), kind));
        store<V>(dx + i * V, p);
    }
}

static rt_status check_kind(struct rt_exec *ex, const char *op, enum rt_gelu kind)
{
    return rt_check(ex, op, kind == RT_GELU_ERF || kind == RT_GELU_TANH || kind == RT_GELU_QUICK,
                    "unknown kind");
}

template <typename T>
rt_status rt_cuda_ops<T>::gelu_fwd(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t rows,
                                   int64_t cols, enum rt_gelu kind)
{
    RT_TRY(rt_check_shape(ex, "gelu_fwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "gelu_fwd", "y", ldy, cols));
    RT_TRY(check_kind(ex, "gelu_fwd", kind));
    if (rows == 0)
        return RT_OK;
    with_width(width_of(cols, { view_of(out<T>(y), ldy), view_of(in<T>(x), cols) }), [&](auto v) {
        fwd<T, v.value><<<blocks_for(rows * (cols / v.value)), BLOCK, 0, rt_stream(ex)>>>(
            out<T>(y), ldy, in<T>(x), rows, cols, kind);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

template <typename T>
rt_status rt_cuda_ops<T>::gelu_bwd(struct rt_exec *ex, rt_act *dx, const rt_act *dy, int64_t lddy,
                                   const rt_act *x, int64_t rows, int64_t cols, enum rt_gelu kind)
{
    RT_TRY(rt_check_shape(ex, "gelu_bwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "gelu_bwd", "dy", lddy, cols));
    RT_TRY(check_kind(ex, "gelu_bwd", kind));
    if (rows == 0)
        return RT_OK;
    const int width =
        width_of(cols, { view_of(out<T>(dx), cols), view_of(in<T>(dy), lddy), view_of(in<T>(x), cols) });
    with_width(width, [&](auto v) {
        bwd<T, v.value><<<blocks_for(rows * (cols / v.value)), BLOCK, 0, rt_stream(ex)>>>(
            out<T>(dx), in<T>(dy), lddy, in<T>(x), rows, cols, kind);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(gelu_fwd);
RT_CUDA_BOTH(gelu_bwd);
