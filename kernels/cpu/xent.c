/* xent.c - cross entropy of rows of logits, and its gradient in place, on the CPU; contract in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"
#include "kernels/cpu/exp.h"

#include <math.h>

enum { CHUNK = 1024 }; /* columns summed in fp32 before they go to the double of the row */

static float largest(const act *z, int64_t cols)
{
    float m = -INFINITY;
#pragma omp simd reduction(max : m)
    for (int64_t c = 0; c < cols; c++)
        m = f32(z[c]) > m ? f32(z[c]) : m;
    return m;
}

static double sum_exp(const act *z, int64_t cols, float shift)
{
    double total = 0.0;
    for (int64_t c0 = 0; c0 < cols; c0 += CHUNK) {
        const int64_t end = c0 + CHUNK < cols ? c0 + CHUNK : cols;
        float part = 0.0f;
#pragma omp simd reduction(+ : part)
        for (int64_t c = c0; c < end; c++)
            part += exp_f32(f32(z[c]) - shift);
        total += part;
    }
    return total;
}

/* Whether the target is the first of the columns that hold the largest logit. */
static bool hit(const act *z, int64_t target, float m)
{
    if (f32(z[target]) != m)
        return false;
    for (int64_t c = 0; c < target; c++)
        if (f32(z[c]) == m)
            return false;
    return true;
}

rt_status RT_CPU(xent)(struct rt_exec *ex, rt_act *logits, float *row_loss, float *row_hit,
                       const int32_t *targets, const float *weight, int64_t rows, int64_t cols, bool with_grad)
{
    RT_TRY(rt_check_shape(ex, "xent", rows, cols));
    for (int64_t r = 0; r < rows; r++)
        RT_TRY(
            rt_check(ex, "xent", targets[r] >= 0 && targets[r] < cols, "a target is no column of the logits"));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        act *z = out(logits) + r * cols;
        const int64_t target = targets[r];
        const float m = largest(z, cols);
        const double sum = sum_exp(z, cols, m);
        row_loss[r] = (float)(log(sum) - ((double)f32(z[target]) - (double)m));
        if (row_hit != NULL)
            row_hit[r] = hit(z, target, m) ? 1.0f : 0.0f;
        if (!with_grad)
            continue;
        /* exp(z - lse) = exp(z - m) / sum; the target's p - 1 is made from its own p before rounding. */
        const float inverse = (float)(1.0 / sum), w = weight[r];
        const float p_target = exp_f32(f32(z[target]) - m) * inverse;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            z[c] = rn(w * (exp_f32(f32(z[c]) - m) * inverse));
        z[target] = rn(w * (p_target - 1.0f));
    }
    return RT_OK;
}
