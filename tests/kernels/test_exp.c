/* test_exp.c - the vector exponential and logistic of the CPU backend against libm in double. */
#include "config.h"
#include "kernels/cpu/exp.h"
#include "tests/tap.h"

#include <math.h>

/* Distance of two floats around the true value, which is no subnormal. */
static double ulp_of(double x)
{
    return ldexp(1.0, ilogb(x) - 23);
}

int main(void)
{
    double worst = 0, worst_logistic = 0;
    int64_t n = 0;
    for (double x = -86.98; x < 88.722; x += 0x1.9p-14, n++) { /* 2 million; not a multiple of a power of two */
        const float f = (float)x;
        const double want = exp((double)f), error = fabs((double)exp_f32(f) - want) / ulp_of(want);
        worst = error > worst ? error : worst;
        const double s = 1 / (1 + exp(-(double)f)), s_error = fabs((double)logistic(f) - s) / s;
        if (s_error > worst_logistic)
            worst_logistic = s_error;
    }
    ok(worst <= 2, "exp at %lld arguments: error %.3f <= 2 ulp", (long long)n, worst);
    for (int e = -140; e < -3; e++) { /* arguments that are all rounding */
        const float f = ldexpf(1.37f, e);
        worst = fmax(worst, fabs((double)exp_f32(f) - exp((double)f)) / 0x1p-23);
        worst = fmax(worst, fabs((double)exp_f32(-f) - exp(-(double)f)) / 0x1p-24);
    }
    ok(worst <= 2, "exp near 0: error %.3f <= 2 ulp", worst);
    /* 2 ulp of exp are 2^-22 of it, the sum and the quotient cost 2^-24 each. */
    ok(worst_logistic <= 0x1.8p-22, "logistic: error %.2e <= %.2e", worst_logistic, 0x1.8p-22);
    ok(exp_f32(0.0f) == 1.0f && exp_f32(-0.0f) == 1.0f, "exp(0) is 1");
    ok(exp_f32(-INFINITY) == 0.0f && exp_f32(-200.0f) == 0.0f, "exp far below is 0");
    ok(exp_f32(INFINITY) == INFINITY && exp_f32(89.0f) == INFINITY && exp_f32(88.7229f) == INFINITY,
       "exp far above is infinite");
    float least = EXP_ZERO; /* the last 0 is followed by a normal number */
    while (exp_f32(least) == 0.0f && least < 0.0f)
        least = nextafterf(least, 0.0f);
    ok(exp_f32(EXP_ZERO) == 0.0f && least < -86.98f && exp_f32(least) >= 0x1p-126f, "0 ends at %.4f, with %.2e",
       (double)least, (double)exp_f32(least));
    ok(isnan(exp_f32(NAN)) && isnan(exp_f32(-NAN)) && isnan(logistic(NAN)), "NaN stays NaN");
    ok(logistic(-INFINITY) == 0.0f && logistic(INFINITY) == 1.0f && logistic(0.0f) == 0.5f,
       "logistic at its ends");
    return tap_done();
}
