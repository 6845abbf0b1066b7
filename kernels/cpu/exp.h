/*
 * exp.h - exp and the logistic function in fp32, written so that a loop over them becomes vector code.
 *
 * libm's expf is a call an element. Here x = n ln 2 + r with |r| <= ln 2 / 2, exp(r) = 1 + r + r^2 P(r) with P
 * a minimax polynomial fitted to the weighted error (3.2e-9 relative to exp(r)), and 2^n is made of exponent
 * bits. At most 2 ulp from the true value; 0 from EXP_ZERO down, where it would come near the subnormal
 * numbers, which are slow; NaN stays NaN. There is no branch, table or state: the same bits in any vector width
 * (tests/kernels/test_exp.c).
 */
#ifndef RT_KERNELS_CPU_EXP_H
#define RT_KERNELS_CPU_EXP_H

#include <stdint.h>
#include <string.h>

#define EXP_ZERO (-87.0f) /* n = -126: exp(-87) = 1.6e-38 */

/* 2^n for -126 <= n <= 127, and 0 for n = -127 */
static inline float exp2_int(int32_t n)
{
    const uint32_t bits = (uint32_t)(n + 127) << 23;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline float exp_f32(float x)
{
    const float log2e = 0x1.715476p+0f;
    const float ln2_hi = 0x1.62e8p-1f, ln2_lo = -0x1.e8082ep-16f; /* n * ln2_hi is exact: 14 bits by 8 */
    const float rounder = 12582912.0f; /* 1.5 * 2^23: adding it leaves the nearest integer in the low bits */
    x = x < EXP_ZERO ? EXP_ZERO : x;
    x = x > 89.0f ? 89.0f : x; /* n = 128: infinite */
    const float shifted = x * log2e + rounder;
    const float n = shifted - rounder;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    const int32_t k = bits - 0x4b400000; /* n: 0x4b400000 is the rounder; of a NaN any will do */
    const float r = (x - n * ln2_hi) - n * ln2_lo;
    float p = 0x1.6a58cep-10f;
    p = p * r + 0x1.123b0ep-7f;
    p = p * r + 0x1.5558a8p-5f;
    p = p * r + 0x1.55549p-3f;
    p = p * r + 0x1.fffffcp-2f;
    const float e = 1.0f + (r + r * r * p);
    return (e + e) * exp2_int(k - 1); /* 2^128 is no float, 2^127 is; 0 for k = -126 */
}

/* 1 / (1 + exp(-x)) */
static inline float logistic(float x)
{
    return 1.0f / (1.0f + exp_f32(-x));
}

#endif
