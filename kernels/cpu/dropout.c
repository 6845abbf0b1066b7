/* dropout.c - dropout from a counter generator on the CPU; contract in ops.h. */
#include "config.h"
#include "base/rng.h"
#include "kernels/cpu/act.h"

#include <math.h>

rt_status RT_CPU(dropout)(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t ldx,
                          int64_t rows, int64_t cols, float p, uint64_t seed, uint64_t stream, bool accumulate)
{
    RT_TRY(rt_check_shape(ex, "dropout", rows, cols));
    RT_TRY(rt_check_ld(ex, "dropout", "y", ldy, cols));
    RT_TRY(rt_check_ld(ex, "dropout", "x", ldx, cols));
    RT_TRY(rt_check(ex, "dropout", p >= 0.0f && p < 1.0f, "p is not in [0, 1)"));
    const uint32_t first_kept = (uint32_t)ceil((double)p * 0x1p32); /* below 2^32: p is a float below 1 */
    const float share = 1.0f - p;
    const int64_t quads = (cols + 3) / 4;
    RT_EACH_ROW(ex, r, rows, cols)
    {
        const act *xr = in(x) + r * ldx;
        act *yr = out(y) + r * ldy;
        for (int64_t quad = 0; quad < quads; quad++) {
            uint32_t word[4];
            rt_philox(word, stream, (uint64_t)(r * quads + quad), seed);
            for (int64_t c = 4 * quad; c < cols && c < 4 * quad + 4; c++) {
                const float v = word[c % 4] >= first_kept ? f32(xr[c]) / share : 0.0f;
                yr[c] = rn(accumulate ? f32(yr[c]) + v : v);
            }
        }
    }
    return RT_OK;
}
