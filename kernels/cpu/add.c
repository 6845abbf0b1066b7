/* add.c - elementwise sum on the CPU; contract in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"

rt_status RT_CPU(add)(struct rt_exec *ex, rt_act *y, const rt_act *a, const rt_act *b, int64_t n)
{
    RT_TRY(rt_check_shape(ex, "add", n, 1));
    const act *pa = in(a), *pb = in(b);
    act *py = out(y);
    RT_SIMD
    for (int64_t i = 0; i < n; i++)
        py[i] = rn(f32(pa[i]) + f32(pb[i]));
    return RT_OK;
}
