/* layernorm.c - layer norm on the CPU; contracts in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"
#include "kernels/cpu/stream.h"

#include <math.h>

rt_status RT_CPU(add_layernorm_fwd)(struct rt_exec *ex, float *sum, rt_act *y, int64_t ldy, float *stats,
                                    const float *x, const rt_act *delta, const float *w, const float *b,
                                    int64_t rows, int64_t cols, float eps, bool round_sum)
{
    RT_TRY(rt_check_shape(ex, "add_layernorm_fwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "add_layernorm_fwd", "y", ldy, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        const float *s = stream_row(sum, x, delta, r * cols, cols, round_sum);
        act *yr = out(y) + r * ldy;
        float total = 0.0f;
#pragma omp simd reduction(+ : total)
        for (int64_t c = 0; c < cols; c++)
            total += s[c];
        const float mean = total / (float)cols;
        float squares = 0.0f;
#pragma omp simd reduction(+ : squares)
        for (int64_t c = 0; c < cols; c++)
            squares += (s[c] - mean) * (s[c] - mean);
        const float rs = 1.0f / sqrtf(squares / (float)cols + eps);
        stats[2 * r] = mean;
        stats[2 * r + 1] = rs;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            yr[c] = rn((s[c] - mean) * rs * w[c] + b[c]);
    }
    return RT_OK;
}

rt_status RT_CPU(layernorm_bwd)(struct rt_exec *ex, float *dx, rt_act *dx_act, const rt_act *dy, int64_t lddy,
                                const float *x, const float *stats, const float *w, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "layernorm_bwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "layernorm_bwd", "dy", lddy, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        const act *dyr = in(dy) + r * lddy;
        const float *xr = x + r * cols;
        float *dxr = dx + r * cols;
        act *rounded = out(dx_act) + r * cols;
        const float mean = stats[2 * r], rs = stats[2 * r + 1];
        float total = 0.0f, dot = 0.0f;
#pragma omp simd reduction(+ : total, dot)
        for (int64_t c = 0; c < cols; c++) {
            const float p = w[c] * f32(dyr[c]);
            total += p;
            dot += p * ((xr[c] - mean) * rs);
        }
        const float mean_p = total / (float)cols, mean_pxh = dot / (float)cols;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++) {
            const float p = w[c] * f32(dyr[c]), xh = (xr[c] - mean) * rs;
            dxr[c] += rs * (p - mean_p - xh * mean_pxh);
            rounded[c] = rn(dxr[c]);
        }
    }
    return RT_OK;
}
