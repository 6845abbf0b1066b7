/* gelu.c - the three GELUs on the CPU; contracts in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"
#include "kernels/cpu/exp.h"

#include <math.h>

/* The tanh form is x logistic(2 k (x + a x^3)), as (1 + tanh z) / 2 = logistic(2 z): nothing cancels below 0.
 */
static const float tanh_2k = 0x1.988454p+0f; /* 2 sqrt(2 / pi) */
static const float tanh_a = 0.044715f;
static const float quick_k = 1.702f;
static const float sqrt_half = 0x1.6a09e6p-1f;
static const float density_0 = 0x1.988454p-2f; /* 1 / sqrt(2 pi) */

rt_status RT_CPU(gelu_fwd)(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t rows,
                           int64_t cols, enum rt_gelu kind)
{
    RT_TRY(rt_check_shape(ex, "gelu_fwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "gelu_fwd", "y", ldy, cols));
    RT_TRY(rt_check(ex, "gelu_fwd", kind == RT_GELU_ERF || kind == RT_GELU_TANH || kind == RT_GELU_QUICK,
                    "unknown kind"));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        const act *xr = in(x) + r * cols;
        act *yr = out(y) + r * ldy;
        if (kind == RT_GELU_ERF) {
            for (int64_t c = 0; c < cols; c++) /* erfc(-z) = 1 + erf(z), also exact where erf is near -1 */
                yr[c] = rn(0.5f * f32(xr[c]) * erfcf(-f32(xr[c]) * sqrt_half));
        } else if (kind == RT_GELU_TANH) {
            RT_SIMD
            for (int64_t c = 0; c < cols; c++) {
                const float v = f32(xr[c]);
                yr[c] = rn(v * logistic(tanh_2k * (v + tanh_a * v * v * v)));
            }
        } else {
            RT_SIMD
            for (int64_t c = 0; c < cols; c++)
                yr[c] = rn(f32(xr[c]) * logistic(quick_k * f32(xr[c])));
        }
    }
    return RT_OK;
}

rt_status RT_CPU(gelu_bwd)(struct rt_exec *ex, rt_act *dx, const rt_act *dy, int64_t lddy, const rt_act *x,
                           int64_t rows, int64_t cols, enum rt_gelu kind)
{
    RT_TRY(rt_check_shape(ex, "gelu_bwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "gelu_bwd", "dy", lddy, cols));
    RT_TRY(rt_check(ex, "gelu_bwd", kind == RT_GELU_ERF || kind == RT_GELU_TANH || kind == RT_GELU_QUICK,
                    "unknown kind"));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        const act *xr = in(x) + r * cols, *dyr = in(dy) + r * lddy;
        act *dxr = out(dx) + r * cols;
        if (kind == RT_GELU_ERF) {
            for (int64_t c = 0; c < cols; c++) { /* Phi(x) + x phi(x) */
                const float v = f32(xr[c]);
                dxr[c] =
                    rn(f32(dyr[c]) * (0.5f * erfcf(-v * sqrt_half) + v * (density_0 * exp_f32(-0.5f * v * v))));
            }
        } else if (kind == RT_GELU_TANH) {
            RT_SIMD
            for (int64_t c = 0; c < cols; c++) {
                const float v = f32(xr[c]), s = logistic(tanh_2k * (v + tanh_a * v * v * v));
                const float slope = tanh_2k * (1.0f + 3.0f * tanh_a * v * v);
                dxr[c] = rn(f32(dyr[c]) * (s * (1.0f + v * (1.0f - s) * slope)));
            }
        } else {
            RT_SIMD
            for (int64_t c = 0; c < cols; c++) {
                const float v = f32(xr[c]), s = logistic(quick_k * v);
                dxr[c] = rn(f32(dyr[c]) * (s * (1.0f + quick_k * v * (1.0f - s))));
            }
        }
    }
    return RT_OK;
}
