/* adamw.c - clipping and decoupled AdamW on the CPU; contract in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"

#include <math.h>

/* min(1, max_norm / (norm + 1e-6)) in fp32, as torch makes it; a norm that is not a number stays one. */
static float clip_factor(const float *norm, double max_norm)
{
    if (!(max_norm > 0.0))
        return 1.0f;
    const float coef = (float)max_norm / (*norm + 1e-6f);
    return coef > 1.0f ? 1.0f : coef;
}

/* On x86-64 a second copy of the loop uses the processor's own fused multiply-add where there is one; elsewhere
 * fmaf is a call an element (8 times slower). fmaf is exact in both, nothing else is fused: same bits. */
#if defined __x86_64__ && defined __gnu_linux__
#define WITH_FMA __attribute__((target_clones("fma", "default")))
#else
#define WITH_FMA
#endif

enum { UPDATE = 1 << 14 }; /* elements that a thread takes at a time */

struct scalars {
    float clip, keep, m_new, v_old, v_new, rate, v_bias, eps;
};

/* Named for its element type because clang makes its resolver visible to the linker. */
WITH_FMA static void RT_CPU(adamw_update)(float *p, float *m, float *v, const float *grad, int64_t n,
                                          const struct scalars *s)
{
    const struct scalars k = *s;
    RT_SIMD
    for (int64_t i = 0; i < n; i++) {
        const float g = k.clip * grad[i];
        const float mi = fmaf(g - m[i], k.m_new, m[i]);
        const float vi = fmaf(k.v_new * g, g, k.v_old * v[i]);
        m[i] = mi;
        v[i] = vi;
        p[i] = p[i] * k.keep - k.rate * mi / (sqrtf(vi) / k.v_bias + k.eps);
    }
}

rt_status RT_CPU(adamw)(struct rt_exec *ex, float *p, float *m, float *v, const float *grad, int64_t n,
                        const float *norm, const struct rt_adamw *h)
{
    RT_TRY(rt_check_shape(ex, "adamw", n, 1));
    RT_TRY(rt_check(ex, "adamw", h->step >= 1, "steps count from 1"));
    const double t = (double)h->step;
    const struct scalars s = {
        .clip = clip_factor(norm, h->max_norm),
        .keep = (float)(1.0 - h->lr * h->decay),
        .m_new = (float)(1.0 - h->beta1),
        .v_old = (float)h->beta2,
        .v_new = (float)(1.0 - h->beta2),
        .rate = (float)(h->lr / (1.0 - pow(h->beta1, t))),
        .v_bias = (float)sqrt(1.0 - pow(h->beta2, t)),
        .eps = (float)h->eps,
    };
    const int64_t rows = (n + UPDATE - 1) / UPDATE;
    RT_EACH_ROW(ex, r, rows, UPDATE)
    {
        const int64_t at = r * UPDATE, part = n - at < UPDATE ? n - at : UPDATE;
        RT_CPU(adamw_update)(p + at, m + at, v + at, grad + at, part, &s);
    }
    return RT_OK;
}
