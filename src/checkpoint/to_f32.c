/* to_f32.c - stored numbers to float, written so that compilers turn the inner loops into vector code. */
#include "config.h"
#include "checkpoint/checkpoint.h"

#include <math.h>
#include <string.h>

enum { LANES = 32 }; /* a fixed count in the inner loop: -O2 vectorises no other */

/* dst[i] = the float whose upper half is src[i] */
static void bf16_lanes(float *dst, const char *src)
{
    uint16_t half[LANES];
    uint32_t word[LANES];
    memcpy(half, src, sizeof half);
    for (int i = 0; i < LANES; i++)
        word[i] = (uint32_t)half[i] << 16;
    memcpy(dst, word, sizeof word);
}

/* Exponent and fraction move up by 13 bits and the exponent is rebiased by 112; infinities and NaNs need 112
 * more. A subnormal is read as 2^-14 (1 + fraction) and the 2^-14 is taken off again, which is exact. No branch
 * and no subnormal float on the way, so the result does not hang on the processor's flush-to-zero setting. */
static void f16_lanes(float *dst, const char *src)
{
    uint16_t half[LANES];
    memcpy(half, src, sizeof half);
    for (int i = 0; i < LANES; i++) {
        const uint32_t sign = (uint32_t)(half[i] & 0x8000u) << 16, mag = (uint32_t)(half[i] & 0x7fffu) << 13;
        const uint32_t exponent = mag & 0x0f800000u;
        uint32_t plain = mag + 0x38000000u + (exponent == 0x0f800000u ? 0x38000000u : 0u);
        const uint32_t tiny = mag + 0x38800000u;
        float f;
        memcpy(&f, &tiny, sizeof f);
        f -= 0x1p-14f;
        uint32_t low;
        memcpy(&low, &f, sizeof low);
        plain = (exponent == 0 ? low : plain) | sign;
        memcpy(&dst[i], &plain, sizeof plain);
    }
}

void rt_file_to_f32(float *dst, const void *src, enum rt_file_dtype dtype, int64_t n)
{
    const char *from = src;
    float tail[LANES];
    int64_t i = 0;
    if (dtype == RT_FILE_F32) {
        if (n > 0)
            memcpy(dst, src, (size_t)n * sizeof *dst);
        return;
    }
    if (dtype == RT_FILE_OTHER) { /* the caller's mistake: seen at the first use */
        for (; i < n; i++)
            dst[i] = NAN;
        return;
    }
    void (*lanes)(float *, const char *) = dtype == RT_FILE_BF16 ? bf16_lanes : f16_lanes;
    for (; n - i >= LANES; i += LANES)
        lanes(dst + i, from + 2 * i);
    if (i < n) {
        char last[2 * LANES] = { 0 };
        memcpy(last, from + 2 * i, (size_t)(n - i) * 2);
        lanes(tail, last);
        memcpy(dst + i, tail, (size_t)(n - i) * sizeof *dst);
    }
}
