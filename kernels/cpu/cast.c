/* cast.c - between f32 and the element type on the CPU; contracts in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"

rt_status RT_CPU(cast)(struct rt_exec *ex, rt_act *y, int64_t ldy, const float *x, int64_t rows, int64_t cols,
                       float scale)
{
    RT_TRY(rt_check_shape(ex, "cast", rows, cols));
    RT_TRY(rt_check_ld(ex, "cast", "y", ldy, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        act *yr = out(y) + r * ldy;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            yr[c] = rn(scale * x[r * cols + c]);
    }
    return RT_OK;
}

rt_status RT_CPU(widen)(struct rt_exec *ex, float *y, const rt_act *x, int64_t ldx, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "widen", rows, cols));
    RT_TRY(rt_check_ld(ex, "widen", "x", ldx, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        const act *xr = in(x) + r * ldx;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            y[r * cols + c] = f32(xr[c]);
    }
    return RT_OK;
}
