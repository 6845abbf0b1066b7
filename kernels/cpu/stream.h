/* stream.h - the stream's row that a norm reads. */
#ifndef RT_KERNELS_CPU_STREAM_H
#define RT_KERNELS_CPU_STREAM_H

#include "kernels/cpu/act.h"

/* The row of cols elements that begins at `at`: that of x, or, where the block before left something in delta,
 * that of sum = x + delta. */
static inline const float *stream_row(float *sum, const float *x, const rt_act *delta, int64_t at, int64_t cols,
                                      bool round_sum)
{
    if (delta == NULL)
        return x + at;
    const act *dr = in(delta) + at;
    const float *xr = x + at;
    float *sr = sum + at;
    RT_SIMD
    for (int64_t c = 0; c < cols; c++)
        sr[c] = round_sum ? f32(rn(xr[c] + f32(dr[c]))) : xr[c] + f32(dr[c]);
    return sr;
}

#endif
