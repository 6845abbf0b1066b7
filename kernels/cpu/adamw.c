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

rt_status RT_CPU(adamw)(struct rt_exec *ex, float *p, float *m, float *v, const float *grad, int64_t n,
                        const float *norm, const struct rt_adamw *h)
{
    RT_TRY(rt_check_shape(ex, "adamw", n, 1));
    RT_TRY(rt_check(ex, "adamw", h->step >= 1, "steps count from 1"));
    const double t = (double)h->step;
    const float clip = clip_factor(norm, h->max_norm);
    const float keep = (float)(1.0 - h->lr * h->decay);
    const float m_new = (float)(1.0 - h->beta1), v_old = (float)h->beta2, v_new = (float)(1.0 - h->beta2);
    const float rate = (float)(h->lr / (1.0 - pow(h->beta1, t)));
    const float v_bias = (float)sqrt(1.0 - pow(h->beta2, t)), eps = (float)h->eps;
    RT_SIMD
    for (int64_t i = 0; i < n; i++) {
        const float g = clip * grad[i];
        const float mi = fmaf(g - m[i], m_new, m[i]);
        const float vi = fmaf(v_new * g, g, v_old * v[i]);
        m[i] = mi;
        v[i] = vi;
        p[i] = p[i] * keep - rate * mi / (sqrtf(vi) / v_bias + eps);
    }
    return RT_OK;
}
