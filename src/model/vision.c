/* vision.c - the vision tower and its merger: pictures to rows of the decoder's width, and back where it
 * learns. */
#include "config.h"
#include "model/state.h"

#include <stdio.h>

static void block_build(struct rt_block *block, struct rt_build *b, const struct rt_model_config *c, int64_t i)
{
    const int64_t e = c->vision.width, f = c->vision.mlp;
    const bool two = c->family == RT_QWEN2_VL;
    struct rt_build_part qkv = { .rows = 3 * e }, proj = { .rows = e }, down = { .rows = e };
    struct rt_build_part up[2] = { { .rows = f }, { .rows = f } };
    char root[64], name[96];
    snprintf(root, sizeof root, "model.visual.blocks.%lld", (long long)i);
    snprintf(qkv.module, sizeof qkv.module, "%s.attn.qkv", root);
    snprintf(proj.module, sizeof proj.module, "%s.attn.proj", root);
    snprintf(up[0].module, sizeof up[0].module, "%s.mlp.%s", root, two ? "fc1" : "gate_proj");
    snprintf(up[1].module, sizeof up[1].module, "%s.mlp.up_proj", root);
    snprintf(down.module, sizeof down.module, "%s.mlp.%s", root, two ? "fc2" : "down_proj");
    snprintf(name, sizeof name, "%s.norm1.weight", root);
    block->norm1_w = rt_build_vector(b, name, e);
    snprintf(name, sizeof name, "%s.norm2.weight", root);
    block->norm2_w = rt_build_vector(b, name, e);
    if (two) {
        snprintf(name, sizeof name, "%s.norm1.bias", root);
        block->norm1_b = rt_build_vector(b, name, e);
        snprintf(name, sizeof name, "%s.norm2.bias", root);
        block->norm2_b = rt_build_vector(b, name, e);
    }
    rt_build_linear(b, &block->qkv, e, true, &qkv, 1);
    rt_build_linear(b, &block->proj, e, true, &proj, 1);
    rt_build_linear(b, &block->up, e, true, up, two ? 1 : 2);
    rt_build_linear(b, &block->down, f, true, &down, 1);
}

void rt_vision_build(struct rt_vision *v, struct rt_build *b, const struct rt_model_config *c)
{
    const int64_t e = c->vision.width, group = e * c->vision.merge * c->vision.merge;
    const bool two = c->family == RT_QWEN2_VL;
    v->tower = (struct rt_tower){ .width = e,
                                  .heads = c->vision.heads,
                                  .kv_heads = c->vision.heads,
                                  .head_dim = e / c->vision.heads,
                                  .mlp_width = c->vision.mlp,
                                  .norm = two ? RT_LAYERNORM : RT_RMSNORM,
                                  .mlp = two ? RT_QUICK_GELU : RT_SWIGLU,
                                  .causal = false,
                                  .round_stream = true,
                                  .eps = 1e-6f };
    const struct rt_build_part patch = { .rows = e, .module = "model.visual.patch_embed.proj" };
    rt_build_dense(b, &v->patch, 3 * c->vision.temporal * c->vision.patch * c->vision.patch, &patch);
    v->lowest = c->vision.depth;
    for (int64_t i = 0; i < c->vision.depth; i++) {
        block_build(&v->block[i], b, c, i);
        if (rt_block_learns(&v->block[i]) && v->lowest == c->vision.depth)
            v->lowest = i;
    }
    v->norm_w = rt_build_vector(b, "model.visual.merger.ln_q.weight", e);
    v->norm_b = two ? rt_build_vector(b, "model.visual.merger.ln_q.bias", e) : NULL;
    const struct rt_build_part fc1 = { .rows = group, .module = "model.visual.merger.mlp.0" };
    const struct rt_build_part fc2 = { .rows = c->vision.out, .module = "model.visual.merger.mlp.2" };
    rt_build_linear(b, &v->fc1, group, true, &fc1, 1);
    rt_build_linear(b, &v->fc2, group, true, &fc2, 1);
    v->learns = v->lowest < c->vision.depth || v->fc1.rank + v->fc2.rank > 0;
}

void rt_vision_inputs_take(struct rt_model *m, struct rt_arena *arena)
{
    struct rt_vision_acts *a = &m->vision_acts;
    const struct rt_vision *v = &m->vision;
    a->pixels = rt_arena_take(arena, (size_t)(rt_vision_put_patches(m) * v->patch.in) * m->ex->act_bytes);
    a->features = rt_arena_take(arena, (size_t)(rt_vision_put_units(m) * v->fc2.out) * m->ex->act_bytes);
}

void rt_vision_take(struct rt_model *m, struct rt_arena *arena, const struct rt_model_limits *limits,
                    bool backward)
{
    struct rt_vision_acts *a = &m->vision_acts;
    const struct rt_vision *v = &m->vision;
    const int64_t e = m->config.vision.width, rows = v->learns ? limits->patches : limits->max_picture_patches;
    const int64_t cells = m->config.vision.merge * m->config.vision.merge, units = rows / cells;
    const size_t act = m->ex->act_bytes, row = (size_t)(rows * e) * act,
                 stream = (size_t)(rows * e) * sizeof(float);
    const bool keep = backward && v->learns;
    a->kept.kept_bytes = a->kept.spare_bytes = a->kept.work_bytes = 0;
    if (rows == 0)
        return;
    a->x0 = rt_arena_take(arena, stream);
    a->natural = rt_arena_take(arena, row);
    a->ordered = rt_arena_take(arena, row);
    a->delta = rt_arena_take(arena, row);
    rt_kept_take(&a->kept, arena, &v->tower, v->block, rows, act, keep);
    a->xm = rt_arena_take(arena, stream);
    a->normed = rt_arena_take(arena, row);
    a->stats = rt_arena_take(arena, (size_t)rows * 2 * sizeof(float));
    a->grouped = rt_arena_take(arena, (size_t)(units * v->fc1.ld) * act);
    a->m1 = rt_arena_take(arena, (size_t)(units * v->fc1.out) * act);
    a->m2 = rt_arena_take(arena, (size_t)(units * v->fc2.ld) * act);
    if (!keep)
        return;
    a->dfeatures = rt_arena_take(arena, (size_t)(units * v->fc2.out) * act);
    a->dx = rt_arena_take(arena, stream);
    a->dx_act = rt_arena_take(arena, row);
    a->dm = rt_arena_take(arena, (size_t)(units * v->fc2.ld) * act);
    a->dg = rt_arena_take(arena, (size_t)(units * v->fc1.ld) * act);
}

/* Patch rows to the tower's width, into window order. */
static rt_status embed(struct rt_model *m)
{
    struct rt_vision_acts *a = &m->vision_acts;
    struct rt_exec *ex = m->ex;
    const int64_t merge = m->config.vision.merge, cells = merge * merge, e = m->config.vision.width,
                  row = m->now->patches;
    rt_act *pixels = rt_at(ex, a->pixels, m->now->row * m->vision.patch.in);
    RT_TRY(rt_linear_fwd(&m->pass, &m->vision.patch, a->natural, e, pixels, row));
    const rt_act *x = a->natural;
    if (m->config.family == RT_QWEN2_5_VL) {
        RT_TRY(ex->ops->gather_rows(ex, a->ordered, e * cells, a->natural, e * cells, m->now->order,
                                    row / cells, e * cells));
        x = a->ordered;
    }
    return ex->ops->widen(ex, a->x0, x, e, row, e);
}

static const struct rt_place *place_of(const struct rt_model *m, int64_t block)
{
    return m->config.vision.full[block] ? &m->now->full : &m->now->window;
}

static rt_status merger_fwd(struct rt_model *m)
{
    struct rt_vision_acts *a = &m->vision_acts;
    struct rt_exec *ex = m->ex;
    const struct rt_vision *v = &m->vision;
    const int64_t e = v->tower.width, rows = m->now->patches, units = rows / (v->fc1.in / e);
    const float *x = rt_kept_last(&a->kept);
    if (v->tower.norm == RT_RMSNORM)
        RT_TRY(ex->ops->add_rmsnorm_fwd(ex, a->xm, a->normed, e, a->stats, x, a->delta, v->norm_w, rows, e,
                                        v->tower.eps, true));
    else
        RT_TRY(ex->ops->add_layernorm_fwd(ex, a->xm, a->normed, e, a->stats, x, a->delta, v->norm_w, v->norm_b,
                                          rows, e, v->tower.eps, true));
    RT_TRY(ex->ops->gather_rows(ex, a->grouped, v->fc1.ld, a->normed, v->fc1.in, NULL, units, v->fc1.in));
    RT_TRY(rt_linear_fwd(&m->pass, &v->fc1, a->m1, v->fc1.out, a->grouped, units));
    RT_TRY(ex->ops->gelu_fwd(ex, a->m2, v->fc2.ld, a->m1, units, v->fc1.out, RT_GELU_ERF));
    return rt_linear_fwd(&m->pass, &v->fc2, rt_at(ex, a->features, m->now->feature * v->fc2.out), v->fc2.out,
                         a->m2, units);
}

static rt_status part_fwd(struct rt_model *m)
{
    struct rt_vision_acts *a = &m->vision_acts;
    RT_TRY(embed(m));
    for (int64_t i = 0; i < m->config.vision.depth; i++)
        RT_TRY(rt_kept_fwd(&m->pass, &m->vision.tower, m->vision.block, &a->kept, i, place_of(m, i), a->x0,
                           a->delta));
    return merger_fwd(m);
}

rt_status rt_vision_fwd(struct rt_model *m)
{
    RT_TRY(rt_vision_saved_flush(m));
    for (int64_t i = 0; i < m->parts; i++) {
        m->now = &m->part[i];
        RT_TRY(part_fwd(m));
        RT_TRY(rt_vision_save(m, m->now));
    }
    return RT_OK;
}

/* dx (=) gradient of the stream after the last block, from dfeatures. */
static rt_status merger_bwd(struct rt_model *m, bool need_dx)
{
    struct rt_vision_acts *a = &m->vision_acts;
    struct rt_exec *ex = m->ex;
    const struct rt_vision *v = &m->vision;
    const int64_t e = v->tower.width, rows = m->now->patches, units = rows / (v->fc1.in / e);
    const bool need_m1 = need_dx || v->fc1.rank > 0;
    RT_TRY(rt_linear_bwd(&m->pass, &v->fc2, a->dm, a->dfeatures, v->fc2.out, a->m2, units, need_m1, NULL));
    if (!need_m1)
        return RT_OK;
    RT_TRY(ex->ops->gelu_bwd(ex, a->m1, a->dm, v->fc2.ld, a->m1, units, v->fc1.out, RT_GELU_ERF));
    RT_TRY(rt_linear_bwd(&m->pass, &v->fc1, a->dg, a->m1, v->fc1.out, a->grouped, units, need_dx, NULL));
    if (!need_dx)
        return RT_OK;
    rt_act *dnormed = a->normed; /* its values are not needed any more */
    RT_TRY(ex->ops->gather_rows(ex, dnormed, v->fc1.in, a->dg, v->fc1.ld, NULL, units, v->fc1.in));
    RT_TRY(rt_exec_zero(ex, a->dx, (size_t)(rows * e) * sizeof(float)));
    if (v->tower.norm == RT_RMSNORM)
        return ex->ops->rmsnorm_bwd(ex, a->dx, a->dx_act, dnormed, e, a->xm, a->stats, v->norm_w, rows, e);
    return ex->ops->layernorm_bwd(ex, a->dx, a->dx_act, dnormed, e, a->xm, a->stats, v->norm_w, rows, e);
}

rt_status rt_vision_bwd(struct rt_model *m)
{
    struct rt_vision_acts *a = &m->vision_acts;
    if (m->pictures == 0 || !m->vision.learns)
        return RT_OK;
    RT_TRY(merger_bwd(m, m->vision.lowest < m->config.vision.depth));
    for (int64_t i = m->config.vision.depth - 1; i >= m->vision.lowest; i--) {
        RT_TRY(rt_kept_bwd(&m->pass, &m->vision.tower, m->vision.block, &a->kept, i, place_of(m, i), a->x0,
                           a->delta, a->dx, a->dx_act, i > m->vision.lowest));
        RT_TRY(rt_adapter_ready(m, &m->vision.block[i]));
    }
    return RT_OK;
}
