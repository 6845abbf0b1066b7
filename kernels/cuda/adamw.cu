/* adamw.cu - clipping and decoupled AdamW on CUDA; contract in ops.h. A thread an element, one pass; the same
 * operations in the same order as on the CPU, all of them correctly rounded: the same bits. */
#include "config.h"
#include "kernels/cuda/common.cuh"

#include <math.h>

struct scalars {
    float max_norm, keep, m_new, v_old, v_new, rate, v_bias, eps;
};

static __global__ void update(float *p, float *m, float *v, const float *grad, int64_t n, const float *norm,
                              scalars k)
{
    float clip = 1.0f; /* min(1, max_norm / (norm + 1e-6)); a norm that is not a number stays one */
    if (norm != NULL) {
        const float coef = k.max_norm / (*norm + 1e-6f);
        clip = coef > 1.0f ? 1.0f : coef;
    }
    EACH (i, n) {
        const float g = clip * grad[i];
        const float mi = fmaf(g - m[i], k.m_new, m[i]);
        const float vi = fmaf(k.v_new * g, g, k.v_old * v[i]);
        m[i] = mi;
        v[i] = vi;
        p[i] = p[i] * k.keep - k.rate * mi / (sqrtf(vi) / k.v_bias + k.eps);
    }
}

template <typename T>
rt_status rt_cuda_ops<T>::adamw(struct rt_exec *ex, float *p, float *m, float *v, const float *grad, int64_t n,
                                const float *norm, const struct rt_adamw *h)
{
    RT_TRY(rt_check_shape(ex, "adamw", n, 1));
    RT_TRY(rt_check(ex, "adamw", h->step >= 1, "steps count from 1"));
    if (n == 0)
        return RT_OK;
    const double t = (double)h->step;
    const scalars k = {
        .max_norm = (float)h->max_norm,
        .keep = (float)(1.0 - h->lr * h->decay),
        .m_new = (float)(1.0 - h->beta1),
        .v_old = (float)h->beta2,
        .v_new = (float)(1.0 - h->beta2),
        .rate = (float)(h->lr / (1.0 - pow(h->beta1, t))),
        .v_bias = (float)sqrt(1.0 - pow(h->beta2, t)),
        .eps = (float)h->eps,
    };
    const bool clips = h->max_norm > 0.0;
    update<<<blocks_for(n), BLOCK, 0, rt_stream(ex)>>>(p, m, v, grad, n, clips ? norm : NULL, k);
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(adamw);
