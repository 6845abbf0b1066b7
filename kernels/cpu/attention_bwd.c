/* attention_bwd.c - attention backward on the CPU from the forward's lse, five products; contract in ops.h. */
#include "config.h"
#include "kernels/cpu/attention.h"

struct bwd {
    const struct rt_exec *ex;
    const act *q, *k, *v, *o, *d_o;
    const float *lse;
    act *dq, *dk, *dv;
    int64_t ldq, ldk, ldv, ldo, lddo, lddq, lddk, lddv;
    struct blocks mem;          /* of the thread */
    struct sums dk_sum, dv_sum; /* of the segment and key head at hand */
};

/* The block's lse, and delta = sum over c of do o. */
static void row_terms(float *lse, float *delta, const struct block *b, const struct bwd *f, int64_t rows,
                      const struct rt_attention *at)
{
    for (int64_t i = 0; i < rows; i++) {
        const int64_t head = b->head0 + i / b->queries, row = b->start + b->q0 + i % b->queries;
        const act *o = f->o + row * f->ldo + head * at->d;
        const float *d_o = f->mem.d_o + i * at->d;
        float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
        for (int64_t c = 0; c < at->d; c++)
            dot += d_o[c] * f32(o[c]);
        delta[i] = dot;
        lse[i] = f->lse[head * at->rows + row];
    }
}

/* s: scores to probabilities p = exp(s - lse). ds: dp to scale p (dp - delta). Hidden keys become 0 in both. */
static void probability_row(float *s, float *ds, int64_t visible, int64_t keys, float lse, float delta,
                            float scale)
{
    RT_SIMD
    for (int64_t j = 0; j < visible; j++) {
        const float p = exp_f32(s[j] - lse);
        s[j] = p;
        ds[j] = scale * p * (ds[j] - delta);
    }
    for (int64_t j = visible; j < keys; j++)
        s[j] = ds[j] = 0.0f;
}

static void bwd_block(const struct block *b, const struct rt_attention *at, void *context)
{
    const struct bwd *f = context;
    const struct blocks *mem = &f->mem;
    const int64_t d = at->d, rows = block_rows(b), all_keys = block_keys(b, at->causal);
    float *lse = mem->stat[0], *delta = mem->stat[1];
    block_load(mem->q, b, f->q, f->ldq, d);
    block_load(mem->d_o, b, f->d_o, f->lddo, d);
    row_terms(lse, delta, b, f, rows, at);
    for (int64_t k0 = 0; k0 < all_keys; k0 += BLOCK_KEYS) {
        const int64_t keys = all_keys - k0 < BLOCK_KEYS ? all_keys - k0 : BLOCK_KEYS, row0 = b->start + k0;
        const struct panel k = panel_of(f->k + row0 * f->ldk + b->kv_head * d, f->ldk, keys, d, mem->k);
        const struct panel v = panel_of(f->v + row0 * f->ldv + b->kv_head * d, f->ldv, keys, d, mem->v);
        rt_cpu_sgemm(mem->s, keys, mem->q, d, false, k.p, k.ld, true, rows, keys, d, at->scale, 0.0f);
        rt_cpu_sgemm(mem->ds, keys, mem->d_o, d, false, v.p, v.ld, true, rows, keys, d, 1.0f, 0.0f);
        for (int64_t i = 0; i < rows; i++)
            probability_row(mem->s + i * keys, mem->ds + i * keys, visible_keys(b, i, k0, keys, at->causal),
                            keys, lse[i], delta[i], at->scale);
        rt_cpu_sgemm(f->dv_sum.p + k0 * f->dv_sum.ld, f->dv_sum.ld, mem->s, keys, true, mem->d_o, d, false,
                     keys, d, rows, 1.0f, 1.0f);
        rt_cpu_sgemm(f->dk_sum.p + k0 * f->dk_sum.ld, f->dk_sum.ld, mem->ds, keys, true, mem->q, d, false, keys,
                     d, rows, 1.0f, 1.0f);
        rt_cpu_sgemm(mem->dq, d, mem->ds, keys, false, k.p, k.ld, false, rows, d, keys, 1.0f,
                     k0 == 0 ? 0.0f : 1.0f);
    }
    for (int64_t i = 0; i < rows; i++) {
        const int64_t head = b->head0 + i / b->queries, row = b->start + b->q0 + i % b->queries;
        act *to = f->dq + row * f->lddq + head * d;
        const float *from = mem->dq + i * d;
        RT_SIMD
        for (int64_t c = 0; c < d; c++)
            to[c] = rn(from[c]);
    }
}

/* In bf16, dk and dv are summed in fp32 in the workspace. */
size_t RT_CPU(attention_work)(const struct rt_attention *at)
{
    return ACT_IS_F32 ? 0 : 2 * (size_t)(at->rows * at->kv_heads * at->d) * sizeof(float);
}

static void zero_sums(struct sums s, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++)
            s.p[r * s.ld + c] = 0.0f;
}

/* One segment and key head; f is the caller's own copy. */
static void bwd_head(struct bwd f, int64_t segment, int64_t kv_head, const struct rt_attention *at)
{
    const int64_t start = at->host_cu[segment], length = at->host_cu[segment + 1] - start;
    act *const dk = f.dk + start * f.lddk + kv_head * at->d, *const dv =
                                                                 f.dv + start * f.lddv + kv_head * at->d;
    float *const work = ACT_IS_F32 ? NULL : (float *)f.ex->work + (kv_head * at->rows + start) * at->d;
    f.mem = blocks_in(rt_cpu_scratch(f.ex), at->d);
    f.dk_sum = sums_for(dk, f.lddk, at->d, work);
    f.dv_sum = sums_for(dv, f.lddv, at->d, ACT_IS_F32 ? NULL : work + at->rows * at->kv_heads * at->d);
    zero_sums(f.dk_sum, length, at->d);
    zero_sums(f.dv_sum, length, at->d);
    blocks_of(segment, kv_head, at, bwd_block, &f);
    sums_round(dk, f.lddk, length, at->d, f.dk_sum);
    sums_round(dv, f.lddv, length, at->d, f.dv_sum);
}

rt_status RT_CPU(attention_bwd)(struct rt_exec *ex, rt_act *dq, int64_t lddq, rt_act *dk, int64_t lddk,
                                rt_act *dv, int64_t lddv, const rt_act *d_o, int64_t lddo, const rt_act *q,
                                int64_t ldq, const rt_act *k, int64_t ldk, const rt_act *v, int64_t ldv,
                                const rt_act *o, int64_t ldo, const float *lse, const struct rt_attention *at)
{
    RT_TRY(attention_check(ex, "attention_bwd", at, (int64_t[]){ lddq, lddo, ldq, ldo }, 4,
                           (int64_t[]){ lddk, lddv, ldk, ldv }, 4));
    if (at->rows == 0)
        return RT_OK;
    RT_TRY(rt_check(ex, "attention_bwd", ex->work_bytes >= RT_CPU(attention_work)(at),
                    "the workspace is smaller than attention_work asks"));
    const struct bwd f = {
        .ex = ex,
        .q = in(q),
        .k = in(k),
        .v = in(v),
        .o = in(o),
        .d_o = in(d_o),
        .lse = lse,
        .dq = out(dq),
        .dk = out(dk),
        .dv = out(dv),
        .ldq = ldq,
        .ldk = ldk,
        .ldv = ldv,
        .ldo = ldo,
        .lddo = lddo,
        .lddq = lddq,
        .lddk = lddk,
        .lddv = lddv,
    };
    RT_PRAGMA(omp parallel for schedule(dynamic) num_threads(attention_team(ex, at)))
    for (int64_t i = 0; i < at->segments * at->kv_heads; i++)
        bwd_head(f, i / at->kv_heads, i % at->kv_heads, at);
    return RT_OK;
}
