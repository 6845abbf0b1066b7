/* text.c - the decoder: embedding with picture rows put in, layers, and back. */
#include "config.h"
#include "model/state.h"

#include <stdio.h>

void rt_text_build(struct rt_text *t, struct rt_build *b, const struct rt_model_config *c)
{
    const int64_t d = c->hidden, q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim,
                  m = c->intermediate;
    t->tower = (struct rt_tower){ .width = d,
                                  .heads = c->heads,
                                  .kv_heads = c->kv_heads,
                                  .head_dim = c->head_dim,
                                  .mlp_width = m,
                                  .norm = RT_RMSNORM,
                                  .mlp = RT_SWIGLU,
                                  .causal = true,
                                  .eps = c->rms_norm_eps };
    t->embed_f32 = c->dtype == RT_FILE_F32; /* an fp32 folder's table: its rows start the f32 stream */
    t->embed = rt_build_table(b, "model.language_model.embed_tokens.weight", c->vocab, d, t->embed_f32);
    t->lowest = c->layers;
    for (int64_t i = 0; i < c->layers; i++) {
        struct rt_block *block = &t->block[i];
        struct rt_build_part qkv[3] = { { .rows = q }, { .rows = kv }, { .rows = kv } }, proj = { .rows = d };
        struct rt_build_part up[2] = { { .rows = m }, { .rows = m } }, down = { .rows = d };
        char root[64], name[112];
        snprintf(root, sizeof root, "model.language_model.layers.%lld", (long long)i);
        snprintf(qkv[0].module, sizeof qkv[0].module, "%s.self_attn.q_proj", root);
        snprintf(qkv[1].module, sizeof qkv[1].module, "%s.self_attn.k_proj", root);
        snprintf(qkv[2].module, sizeof qkv[2].module, "%s.self_attn.v_proj", root);
        snprintf(proj.module, sizeof proj.module, "%s.self_attn.o_proj", root);
        snprintf(up[0].module, sizeof up[0].module, "%s.mlp.gate_proj", root);
        snprintf(up[1].module, sizeof up[1].module, "%s.mlp.up_proj", root);
        snprintf(down.module, sizeof down.module, "%s.mlp.down_proj", root);
        snprintf(name, sizeof name, "%s.input_layernorm.weight", root);
        block->norm1_w = rt_build_vector(b, name, d);
        snprintf(name, sizeof name, "%s.post_attention_layernorm.weight", root);
        block->norm2_w = rt_build_vector(b, name, d);
        rt_build_linear(b, &block->qkv, d, true, qkv, 3);
        rt_build_linear(b, &block->proj, q, false, &proj, 1);
        rt_build_linear(b, &block->up, d, false, up, 2);
        rt_build_linear(b, &block->down, m, false, &down, 1);
        if (rt_block_learns(block) && t->lowest == c->layers)
            t->lowest = i;
    }
    t->norm_w = rt_build_vector(b, "model.language_model.norm.weight", d);
    const struct rt_build_part head = { .rows = c->vocab, .module = "lm_head" };
    t->head_copied = false;
    if (c->tied)
        t->head_copied =
            !rt_build_tied(b, &t->head, d, &head, t->embed, !t->embed_f32 || b->act_bytes == sizeof(float));
    else
        rt_build_linear(b, &t->head, d, false, &head, 1);
}

/* A tied head that could not use the table in place. */
rt_status rt_text_tie(struct rt_model *m)
{
    const struct rt_text *t = &m->text;
    const struct rt_ops *op = m->ex->ops;
    const int64_t d = m->config.hidden, v = m->config.vocab;
    if (!t->head_copied)
        return RT_OK;
    if (t->embed_f32)
        return op->cast(m->ex, t->head.w, t->head.ld, t->embed, v, d, 1.0f);
    return op->gather_rows(m->ex, t->head.w, t->head.ld, t->embed, d, NULL, v, d);
}

void rt_text_take(struct rt_model *m, struct rt_arena *arena, const struct rt_model_limits *limits,
                  bool backward)
{
    struct rt_text_acts *a = &m->text_acts;
    const struct rt_text *t = &m->text;
    const int64_t d = m->config.hidden, rows = limits->tokens;
    const size_t row = (size_t)d * m->ex->act_bytes, stream = (size_t)d * sizeof(float);
    a->x0 = rt_arena_take(arena, (size_t)rows * stream);
    a->delta = rt_arena_take(arena, (size_t)rows * row);
    rt_kept_take(&a->kept, arena, &t->tower, t->block, rows, m->ex->act_bytes, backward);
    rt_loss_take(m, arena, limits->learned, backward);
    if (!backward)
        return;
    a->dx = rt_arena_take(arena, (size_t)rows * stream);
    a->dx_act = rt_arena_take(arena, (size_t)rows * row);
}

/* Layers only: the stream after them is (rt_kept_last, delta). */
static rt_status layers_fwd(struct rt_model *m, const struct rt_batch *batch)
{
    struct rt_text_acts *a = &m->text_acts;
    struct rt_exec *ex = m->ex;
    RT_TRY(ex->ops->embed_fwd(ex, a->x0, m->text.embed, m->text.embed_f32 ? RT_F32 : ex->act, m->in.ids,
                              m->vision_acts.features, m->in.image_rows, batch->tokens, m->config.hidden));
    for (int64_t i = 0; i < m->config.layers; i++)
        RT_TRY(rt_kept_fwd(&m->pass, &m->text.tower, m->text.block, &a->kept, i, &m->place, a->x0, a->delta));
    return RT_OK;
}

rt_status rt_text_fwd(struct rt_model *m, const struct rt_batch *batch)
{
    struct rt_text_acts *a = &m->text_acts;
    struct rt_exec *ex = m->ex;
    const int64_t d = m->config.hidden;
    RT_TRY(layers_fwd(m, batch));
    RT_TRY(
        ex->ops->gather_rows_f32(ex, a->xl, d, rt_kept_last(&a->kept), d, m->in.learned_at, batch->learned, d));
    RT_TRY(ex->ops->gather_rows(ex, a->dl, d, a->delta, d, m->in.learned_at, batch->learned, d));
    return rt_loss_fwd(m, batch->learned);
}

rt_status rt_text_bwd(struct rt_model *m)
{
    struct rt_text_acts *a = &m->text_acts;
    struct rt_exec *ex = m->ex;
    const int64_t d = m->config.hidden, tokens = m->place.rows;
    const bool below = m->vision.learns && m->pictures > 0;
    const int64_t lowest = below ? 0 : m->text.lowest;
    RT_TRY(rt_loss_bwd(m));
    if (lowest == m->config.layers)
        return RT_OK;
    RT_TRY(rt_exec_zero(ex, a->dx, (size_t)(tokens * d) * sizeof(float)));
    RT_TRY(rt_exec_zero(ex, a->dx_act, (size_t)(tokens * d) * ex->act_bytes));
    RT_TRY(ex->ops->scatter_rows_f32(ex, a->dx, d, a->dxl, d, m->in.learned_at, m->host.learned, d));
    RT_TRY(ex->ops->scatter_rows(ex, a->dx_act, d, a->dxl_act, d, m->in.learned_at, m->host.learned, d));
    for (int64_t i = m->config.layers - 1; i >= lowest; i--) {
        RT_TRY(rt_kept_bwd(&m->pass, &m->text.tower, m->text.block, &a->kept, i, &m->place, a->x0, a->delta,
                           a->dx, a->dx_act, i > lowest || below));
        RT_TRY(rt_adapter_ready(m, &m->text.block[i]));
    }
    if (!below)
        return RT_OK;
    return ex->ops->embed_bwd(ex, m->vision_acts.dfeatures, a->dx, m->in.image_rows, tokens, d);
}

/* All positions, in chunks through the same buffers as the learned rows. */
rt_status rt_text_logits(struct rt_model *m, const struct rt_batch *batch, float *host_logits)
{
    struct rt_text_acts *a = &m->text_acts;
    struct rt_exec *ex = m->ex;
    const int64_t d = m->config.hidden, v = m->config.vocab, step = a->chunk;
    RT_TRY(layers_fwd(m, batch));
    float *wide = NULL;
    rt_status st = rt_exec_alloc(ex, (void **)&wide, (size_t)(step * v) * sizeof(float));
    if (st != RT_OK)
        return st;
    for (int64_t at = 0; at < batch->tokens && st == RT_OK; at += step) {
        const int64_t n = batch->tokens - at < step ? batch->tokens - at : step;
        const float *x = rt_kept_last(&a->kept) + at * d;
        const rt_act *delta = rt_at(ex, a->delta, at * d);
        RT_TRY_TO(st,
                  ex->ops->add_rmsnorm_fwd(ex, a->xl, a->hl, m->text.head.ld, a->stats, x, delta,
                                           m->text.norm_w, n, d, m->config.rms_norm_eps, false),
                  err_free);
        RT_TRY_TO(st, rt_linear_fwd(&m->pass, &m->text.head, a->logits, v, a->hl, n), err_free);
        RT_TRY_TO(st, ex->ops->widen(ex, wide, a->logits, v, n, v), err_free);
        RT_TRY_TO(st, rt_exec_get(ex, host_logits + at * v, wide, (size_t)(n * v) * sizeof(float)), err_free);
    }
err_free:
    rt_exec_free(ex, wide);
    return st;
}
