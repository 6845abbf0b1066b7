/* bf16.h - bfloat16 on the host: conversion by round to nearest even, as the hardware and torch round. */
#ifndef RT_BASE_BF16_H
#define RT_BASE_BF16_H

#include <stdint.h>
#include <string.h>

typedef struct { uint16_t bits; } rt_bf16;

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

#endif
