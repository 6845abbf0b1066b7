/* attention_fwd.c - attention forward on the CPU, block by block with a running softmax; contract in ops.h. */
#include "config.h"
#include "kernels/cpu/attention.h"

#include <math.h>

struct fwd {
    const struct rt_exec *ex;
    const act *q, *k, *v;
    act *o;
    float *lse;
    int64_t ldq, ldk, ldv, ldo;
};

/* One row of scores s[keys], of which the first `visible` count: s becomes exp(s - m) with the running maximum
 * m, and *total and the row of sums o are brought to the new maximum before the row's exponentials are added to
 * *total. */
static void softmax_row(float *s, int64_t visible, int64_t keys, float *m, float *total, float *o, int64_t d)
{
    float top = *m;
#pragma omp simd reduction(max : top)
    for (int64_t j = 0; j < visible; j++)
        top = s[j] > top ? s[j] : top;
    if (top > *m && *total > 0.0f) {
        const float shrink = exp_f32(*m - top);
        *total *= shrink;
        RT_SIMD
        for (int64_t c = 0; c < d; c++)
            o[c] *= shrink;
    }
    *m = top;
    float part = 0.0f;
#pragma omp simd reduction(+ : part)
    for (int64_t j = 0; j < visible; j++) {
        const float p = exp_f32(s[j] - top);
        part += p;
        s[j] = f32(rn(p));
    }
    *total += part;
    for (int64_t j = visible; j < keys; j++)
        s[j] = 0.0f;
}

static void fwd_block(const struct block *b, const struct rt_attention *at, void *context)
{
    const struct fwd *f = context;
    const struct blocks blocks = blocks_in(rt_cpu_scratch(f->ex), at->d), *mem = &blocks;
    const int64_t d = at->d, rows = block_rows(b), all_keys = block_keys(b, at->causal);
    float *m = mem->stat[0], *total = mem->stat[1];
    block_load(mem->q, b, f->q, f->ldq, d);
    for (int64_t i = 0; i < rows; i++)
        m[i] = -INFINITY, total[i] = 0.0f;
    for (int64_t k0 = 0; k0 < all_keys; k0 += BLOCK_KEYS) {
        const int64_t keys = all_keys - k0 < BLOCK_KEYS ? all_keys - k0 : BLOCK_KEYS, row0 = b->start + k0;
        const struct panel k = panel_of(f->k + row0 * f->ldk + b->kv_head * d, f->ldk, keys, d, mem->k);
        const struct panel v = panel_of(f->v + row0 * f->ldv + b->kv_head * d, f->ldv, keys, d, mem->v);
        rt_cpu_sgemm(mem->s, keys, mem->q, d, false, k.p, k.ld, true, rows, keys, d, at->scale, 0.0f);
        for (int64_t i = 0; i < rows; i++)
            softmax_row(mem->s + i * keys, visible_keys(b, i, k0, keys, at->causal), keys, m + i, total + i,
                        mem->o + i * d, d);
        rt_cpu_sgemm(mem->o, d, mem->s, keys, false, v.p, v.ld, false, rows, d, keys, 1.0f,
                     k0 == 0 ? 0.0f : 1.0f);
    }
    for (int64_t i = 0; i < rows; i++) {
        const int64_t head = b->head0 + i / b->queries, row = b->start + b->q0 + i % b->queries;
        const float *from = mem->o + i * d, inverse = 1.0f / total[i];
        act *to = f->o + row * f->ldo + head * d;
        f->lse[head * at->rows + row] = m[i] + logf(total[i]);
        RT_SIMD
        for (int64_t c = 0; c < d; c++)
            to[c] = rn(from[c] * inverse);
    }
}

rt_status RT_CPU(attention_fwd)(struct rt_exec *ex, rt_act *o, int64_t ldo, float *lse, const rt_act *q,
                                int64_t ldq, const rt_act *k, int64_t ldk, const rt_act *v, int64_t ldv,
                                const struct rt_attention *at)
{
    RT_TRY(attention_check(ex, "attention_fwd", at, (int64_t[]){ ldo, ldq }, 2, (int64_t[]){ ldk, ldv }, 2));
    if (at->rows == 0)
        return RT_OK;
    struct fwd f = { ex, in(q), in(k), in(v), out(o), lse, ldq, ldk, ldv, ldo };
    RT_PRAGMA(omp parallel for schedule(dynamic) num_threads(attention_team(ex, at)))
    for (int64_t i = 0; i < at->segments * at->kv_heads; i++)
        blocks_of(i / at->kv_heads, i % at->kv_heads, at, fwd_block, &f);
    return RT_OK;
}
