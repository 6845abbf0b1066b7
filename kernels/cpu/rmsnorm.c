/* rmsnorm.c - root-mean-square norm on the CPU; contracts in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"

#include <math.h>

rt_status RT_CPU(add_rmsnorm_fwd)(struct rt_exec *ex, rt_act *sum, rt_act *y, int64_t ldy, float *rstd,
                                  const rt_act *x, const rt_act *delta, const rt_act *w, int64_t rows,
                                  int64_t cols, float eps)
{
    RT_TRY(rt_check_shape(ex, "add_rmsnorm_fwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "add_rmsnorm_fwd", "y", ldy, cols));
    const act *gain = in(w);
    for (int64_t r = 0; r < rows; r++) {
        const act *s = in(x) + r * cols;
        act *yr = out(y) + r * ldy;
        if (delta != NULL) {
            const act *dr = in(delta) + r * cols;
            act *sr = out(sum) + r * cols;
            RT_SIMD
            for (int64_t c = 0; c < cols; c++)
                sr[c] = rn(f32(s[c]) + f32(dr[c]));
            s = sr;
        }
        float squares = 0.0f;
#pragma omp simd reduction(+ : squares)
        for (int64_t c = 0; c < cols; c++)
            squares += f32(s[c]) * f32(s[c]);
        const float rs = 1.0f / sqrtf(squares / (float)cols + eps);
        rstd[r] = rs;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            yr[c] = rn(f32(gain[c]) * f32(rn(f32(s[c]) * rs)));
    }
    return RT_OK;
}

rt_status RT_CPU(rmsnorm_bwd)(struct rt_exec *ex, rt_act *dx, const rt_act *dy, int64_t lddy, const rt_act *x,
                              const float *rstd, const rt_act *w, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "rmsnorm_bwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "rmsnorm_bwd", "dy", lddy, cols));
    const act *gain = in(w);
    for (int64_t r = 0; r < rows; r++) {
        const act *xr = in(x) + r * cols, *dyr = in(dy) + r * lddy;
        act *dxr = out(dx) + r * cols;
        const float rs = rstd[r];
        float dot = 0.0f; /* of p and x; xh = x * rstd */
#pragma omp simd reduction(+ : dot)
        for (int64_t c = 0; c < cols; c++)
            dot += f32(gain[c]) * f32(dyr[c]) * f32(xr[c]);
        const float mean = dot * rs / (float)cols;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            dxr[c] = rn(f32(dxr[c]) + rs * (f32(gain[c]) * f32(dyr[c]) - f32(xr[c]) * rs * mean));
    }
    return RT_OK;
}
