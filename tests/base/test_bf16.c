/* tests/base/test_bf16.c - bfloat16 and half conversions against their definitions in double. */
#include "config.h"
#include "base/bf16.h"
#include "base/rng.h"
#include "tap.h"

#include <float.h>
#include <math.h>

static float of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* The value of a binary floating-point number with `exp_bits` and `man_bits`, from its definition. */
static double value_of(uint32_t bits, int exp_bits, int man_bits)
{
    const uint32_t man = bits & ((1u << man_bits) - 1), exp = bits >> man_bits & ((1u << exp_bits) - 1);
    const int bias = (1 << (exp_bits - 1)) - 1;
    const double sign = bits >> (exp_bits + man_bits) != 0 ? -1.0 : 1.0;
    if (exp == (1u << exp_bits) - 1)
        return man != 0 ? NAN : sign * INFINITY;
    if (exp == 0)
        return sign * ldexp((double)man, 1 - bias - man_bits);
    return sign * ldexp((double)(man + (1u << man_bits)), (int)exp - bias - man_bits);
}

static int same(float got, double want)
{
    if (isnan(want))
        return isnan(got);
    return (double)got == want && !signbit(got) == !signbit(want);
}

static void test_all_codes(void)
{
    int wrong_half = 0, wrong_bf16 = 0, wrong_trip = 0;
    for (uint32_t b = 0; b < 65536; b++) {
        const rt_bf16 x = { (uint16_t)b };
        const float f = rt_f32_of_bf16(x);
        wrong_half += !same(rt_f32_of_f16((uint16_t)b), value_of(b, 5, 10));
        wrong_bf16 += !same(f, value_of(b, 8, 7));
        if (isnan(f)) /* may become quiet, keeps its sign and stays NaN */
            wrong_trip += rt_bf16_of_f32(f).bits != (b | 0x40u);
        else
            wrong_trip += rt_bf16_of_f32(f).bits != b;
    }
    ok(wrong_half == 0, "half to float: %d of 65536 wrong", wrong_half);
    ok(wrong_bf16 == 0, "bf16 to float: %d of 65536 wrong", wrong_bf16);
    ok(wrong_trip == 0, "bf16 to float and back: %d of 65536 changed", wrong_trip);
}

/* Nearest of the two neighbours in double; a tie goes to the even one. f is finite. */
static uint32_t nearest_even(float f)
{
    const uint32_t down = bits_of(f) >> 16, up = down + 1; /* towards and away from zero */
    const double at = fabs((double)f), lo = fabs(value_of(down, 8, 7));
    /* past the largest bf16 comes 2^128, which is written as infinity */
    const double hi = (up & 0x7fffu) == 0x7f80u ? ldexp(1.0, 128) : fabs(value_of(up, 8, 7));
    if (at - lo != hi - at)
        return at - lo < hi - at ? down : up;
    return (down & 1u) == 0 ? down : up;
}

static void test_rounding(void)
{
    int wrong_tie = 0, wrong_near = 0, wrong_random = 0;
    for (uint32_t b = 0; b < 65536; b++) {
        if ((b & 0x7f80u) == 0x7f80u)
            continue; /* infinities and NaN: below */
        const uint32_t tie = b << 16 | 0x8000u;
        wrong_tie += rt_bf16_of_f32(of_bits(tie)).bits != nearest_even(of_bits(tie));
        wrong_near += rt_bf16_of_f32(of_bits(tie - 1)).bits != b;
        wrong_near += rt_bf16_of_f32(of_bits(tie + 1)).bits != b + 1;
    }
    ok(wrong_tie == 0, "halfway between two bf16: %d not to the even one", wrong_tie);
    ok(wrong_near == 0, "one bit beside halfway: %d not to the nearer one", wrong_near);
    struct rt_mt19937 g;
    rt_mt19937_seed(&g, 1);
    for (int i = 0; i < 200000; i++) {
        const float f = of_bits(rt_mt19937_u32(&g));
        wrong_random += isfinite(f) && rt_bf16_of_f32(f).bits != nearest_even(f);
    }
    ok(wrong_random == 0, "200000 random floats: %d not to the nearest", wrong_random);
}

static void test_special(void)
{
    int wrong = 0;
    ok(rt_bf16_of_f32(INFINITY).bits == 0x7f80u && rt_bf16_of_f32(-INFINITY).bits == 0xff80u,
       "infinities stay");
    ok(rt_bf16_of_f32(FLT_MAX).bits == 0x7f80u && rt_bf16_of_f32(-FLT_MAX).bits == 0xff80u,
       "the largest float rounds to infinity");
    ok(rt_bf16_of_f32(-0.0f).bits == 0x8000u, "minus zero keeps its sign");
    /* Every NaN whose payload sits in the low half only would become infinity if it were cut. */
    for (uint32_t low = 1; low < 65536; low++)
        for (uint32_t high = 0x7f80u; high <= 0xff80u; high += 0x8000u) {
            const uint32_t bits = rt_bf16_of_f32(of_bits(high << 16 | low)).bits;
            wrong += !isnan(value_of(bits, 8, 7)) || (bits & 0x8000u) != (high & 0x8000u);
        }
    ok(wrong == 0, "NaN with a payload in the low bits: %d do not stay NaN", wrong);
}

int main(void)
{
    test_all_codes();
    test_rounding();
    test_special();
    return tap_done();
}
