/* rope.c - rotary embedding in place on the CPU; contract in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"

static void rotate(act *lo, act *hi, const float *cos, const float *sin, int64_t half, float sign)
{
    RT_SIMD
    for (int64_t i = 0; i < half; i++) {
        const float c = cos[i], s = sin[i] * sign, l = f32(lo[i]), h = f32(hi[i]);
        lo[i] = rn(l * c - h * s);
        hi[i] = rn(h * c + l * s);
    }
}

rt_status RT_CPU(rope)(struct rt_exec *ex, rt_act *x, int64_t ldx, const float *cos, const float *sin,
                       int64_t rows, int64_t heads, int64_t d, int sign)
{
    RT_TRY(rt_check_shape(ex, "rope", heads, d));
    RT_TRY(rt_check_shape(ex, "rope", rows, heads * d));
    RT_TRY(rt_check_ld(ex, "rope", "x", ldx, heads * d));
    RT_TRY(rt_check(ex, "rope", d % 2 == 0, "heads have an odd size"));
    RT_TRY(rt_check(ex, "rope", sign == 1 || sign == -1, "the sign is neither 1 nor -1"));
    const int64_t half = d / 2;
    RT_EACH_ROW(ex, r, rows, heads * d)
    for (int64_t h = 0; h < heads; h++) {
        act *lo = out(x) + r * ldx + h * d;
        rotate(lo, lo + half, cos + r * half, sin + r * half, half, (float)sign);
    }
    return RT_OK;
}
