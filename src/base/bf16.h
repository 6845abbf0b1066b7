/* bf16.h - bfloat16 on the host: conversion by round to nearest even, as the hardware and torch round. */
#ifndef RT_BASE_BF16_H
#define RT_BASE_BF16_H

#include <stdint.h>
#include <string.h>

typedef struct {
    uint16_t bits;
} rt_bf16;

static inline float rt_f32_of_bf16(rt_bf16 x)
{
    const uint32_t u = (uint32_t)x.bits << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* Nearest even; NaN stays NaN (quiet). */
static inline rt_bf16 rt_bf16_of_f32(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (rt_bf16){ (uint16_t)((u >> 16) | 0x40u) };
    return (rt_bf16){ (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16) };
}

/* IEEE half to float, exact. */
static inline float rt_f32_of_f16(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, mag = h & 0x7fffu;
    uint32_t u = sign;
    if (mag >= 0x7c00u) {
        u |= 0x7f800000u | ((mag & 0x3ffu) << 13);
    } else if (mag >= 0x400u) {
        u |= (mag + 0x1c000u) << 13;
    } else if (mag != 0) { /* subnormal: mag * 2^-24, exact in float */
        const float f = (float)mag * 0x1p-24f;
        memcpy(&u, &f, sizeof u);
        u |= sign;
    }
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* Float to IEEE half, nearest even; too large becomes infinity, NaN stays NaN. */
static inline uint16_t rt_f16_of_f32(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    const uint16_t sign = (uint16_t)((u >> 16) & 0x8000u);
    const uint32_t mag = u & 0x7fffffffu;
    if (mag > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (mag >= 0x477ff000u) /* 65520 and more rounds to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (mag < 0x38800000u) { /* below 2^-14: multiples of 2^-24; adding 0.5 rounds there, nearest even */
        float a;
        memcpy(&a, &mag, sizeof a);
        a += 0.5f;
        memcpy(&u, &a, sizeof u);
        return (uint16_t)(sign | (u - 0x3f000000u));
    }
    return (uint16_t)(sign | ((mag - 0x38000000u + 0xfffu + ((mag >> 13) & 1u)) >> 13));
}

#endif
