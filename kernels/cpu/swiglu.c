/* swiglu.c - the gated unit of the decoder's and the tower's MLP on the CPU; contracts in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"
#include "kernels/cpu/exp.h"
#include "kernels/cpu/low.h"

rt_status RT_CPU(swiglu_fwd)(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *gu, int64_t rows,
                             int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "swiglu_fwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "swiglu_fwd", "y", ldy, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        const act *g = in(gu) + r * 2 * cols, *u = g + cols;
        act *yr = out(y) + r * ldy;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            yr[c] = rn(f32(rn(f32(g[c]) * logistic(f32(g[c])))) * f32(u[c]));
    }
    return RT_OK;
}

rt_status RT_CPU(swiglu_bwd)(struct rt_exec *ex, rt_act *dgu, const rt_act *dy, int64_t lddy,
                             const struct rt_low *low, const rt_act *gu, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "swiglu_bwd", rows, cols));
    RT_TRY(rt_check_ld(ex, "swiglu_bwd", "dy", lddy, cols));
    RT_TRY(rt_check_low(ex, "swiglu_bwd", low, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        const act *g = in(gu) + r * 2 * cols, *u = g + cols, *dyr = in(dy) + r * lddy;
        act *dg = out(dgu) + r * 2 * cols, *du = dg + cols;
        for (int64_t first = 0; first < cols; first += LOW_COLS) {
            const int64_t n = low_cols(cols - first);
            float d[LOW_COLS];
            low_read(d, dyr + first, low, r, first, n);
            RT_SIMD
            for (int64_t i = 0; i < n; i++) {
                const int64_t c = first + i;
                const float gc = f32(g[c]), uc = f32(u[c]), s = logistic(gc);
                dg[c] = rn(d[i] * uc * (s * (1.0f + gc * (1.0f - s)))); /* silu'(g) */
                du[c] = rn(d[i] * (gc * s));
            }
        }
    }
    return RT_OK;
}
