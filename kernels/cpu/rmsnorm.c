/* rmsnorm.c - root-mean-square norm on the CPU; contracts in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"
#include "kernels/cpu/stream.h"

#include <math.h>

rt_status RT_CPU(add_rmsnorm_fwd)(struct rt_exec *ex, float *sum, rt_act *y, int64_t ldy, float *rstd,
                                  const float *x, const rt_act *delta, const float *w, int64_t rows,
                                  int64_t cols, float eps, bool round_sum)
{
    RT_TRY(rt_check_shape(ex, "add_rmsnorm_fwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "add_rmsnorm_fwd", "y", ldy, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        const float *s = stream_row(sum, x, delta, r * cols, cols, round_sum);
        act *yr = out(y) + r * ldy;
        float squares = 0.0f;
#pragma omp simd reduction(+ : squares)
        for (int64_t c = 0; c < cols; c++)
            squares += s[c] * s[c];
        const float rs = 1.0f / sqrtf(squares / (float)cols + eps);
        rstd[r] = rs;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            yr[c] = rn(w[c] * (s[c] * rs));
    }
    return RT_OK;
}

rt_status RT_CPU(rmsnorm_bwd)(struct rt_exec *ex, float *dx, rt_act *dx_act, const rt_act *dy, int64_t lddy,
                              const float *x, const float *rstd, const float *w, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "rmsnorm_bwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "rmsnorm_bwd", "dy", lddy, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        const act *dyr = in(dy) + r * lddy;
        const float *xr = x + r * cols;
        float *dxr = dx + r * cols;
        act *rounded = out(dx_act) + r * cols;
        const float rs = rstd[r];
        float dot = 0.0f; /* of p and x; xh = x * rstd */
#pragma omp simd reduction(+ : dot)
        for (int64_t c = 0; c < cols; c++)
            dot += w[c] * f32(dyr[c]) * xr[c];
        const float mean = dot * rs / (float)cols;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++) {
            dxr[c] += rs * (w[c] * f32(dyr[c]) - xr[c] * rs * mean);
            rounded[c] = rn(dxr[c]);
        }
    }
    return RT_OK;
}
