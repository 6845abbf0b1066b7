/*
 * low.h - a row with a product of low rank added, as struct rt_low in ops.h says, for the operations that read
 * it.
 *
 * Rows go through a buffer on the stack, LOW_COLS columns at a time, so that all inner loops run over columns.
 */
#ifndef RT_KERNELS_CPU_LOW_H
#define RT_KERNELS_CPU_LOW_H

#include "kernels/cpu/act.h"

enum { LOW_COLS = 512 };

static inline int64_t low_cols(int64_t left)
{
    return left < LOW_COLS ? left : LOW_COLS;
}

/* sum[c] = d[c] + sum over k of u[r,k] a[k, first + c], c < n; d is row r from column first. low may be NULL.
 */
static inline void low_read(float *sum, const act *d, const struct rt_low *low, int64_t r, int64_t first,
                            int64_t n)
{
    RT_SIMD
    for (int64_t c = 0; c < n; c++)
        sum[c] = f32(d[c]);
    for (int64_t k = 0; low != NULL && k < low->rank; k++) {
        const float u = f32(in(low->u)[r * low->ldu + k]);
        const act *a = in(low->a) + k * low->lda + first;
        RT_SIMD
        for (int64_t c = 0; c < n; c++)
            sum[c] += u * f32(a[c]);
    }
}

#endif
