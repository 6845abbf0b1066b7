/* upload.c - a batch from host memory to where the exec runs, with the tables that operations read beside it. */
#include "config.h"
#include "model/state.h"

#include <stdlib.h>
#include <string.h>

rt_status rt_upload_init(struct rt_model *m, struct rt_error *err)
{
    const struct rt_model_config *c = &m->config;
    const struct rt_model_limits *l = &m->limits;
    const size_t tokens = (size_t)l->tokens, patches = (size_t)l->patches, learned = (size_t)l->step_learned;
    const size_t units = patches / (size_t)(c->vision.merge * c->vision.merge);
    const size_t text_half = (size_t)c->head_dim / 2, vision_half = (size_t)(c->vision.width / c->vision.heads) / 2;
    struct rt_staging *h = &m->host;
    h->order.unit = malloc((units + 1) * sizeof(int32_t));
    h->order.where = malloc((units + 1) * sizeof(int32_t));
    h->order.full_cu = malloc(((size_t)l->pictures + 1) * sizeof(int32_t));
    h->order.window_cu = malloc((units + 1) * sizeof(int32_t));
    h->image_rows = malloc((tokens + 1) * sizeof(int32_t));
    h->cu = malloc(((size_t)l->samples + 1) * sizeof(int32_t));
    h->cos = malloc((tokens * text_half + 1) * sizeof(float));
    h->sin = malloc((tokens * text_half + 1) * sizeof(float));
    h->vision_cos = malloc((patches * vision_half + 1) * sizeof(float));
    h->vision_sin = malloc((patches * vision_half + 1) * sizeof(float));
    h->weights = malloc((learned + 1) * sizeof(float));
    h->row_loss = malloc((learned + 1) * sizeof(float));
    if (h->order.unit == NULL || h->order.where == NULL || h->order.full_cu == NULL || h->order.window_cu == NULL ||
        h->image_rows == NULL || h->cu == NULL || h->cos == NULL || h->sin == NULL || h->vision_cos == NULL ||
        h->vision_sin == NULL || h->weights == NULL || h->row_loss == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of host memory for the staging of a batch");
    const int64_t cells = l->max_picture_patches; /* a picture is at most this many patches high or wide */
    RT_TRY(rt_rope_table_init(&m->text_rope, l->max_length + 1, c->head_dim / 2, c->rope_theta, c->head_dim, err));
    return rt_rope_table_init(&m->vision_rope, cells + 1, (int64_t)vision_half / 2, 10000.0, (int64_t)vision_half, err);
}

void rt_upload_free(struct rt_model *m)
{
    struct rt_staging *h = &m->host;
    free(h->order.unit);
    free(h->order.where);
    free(h->order.full_cu);
    free(h->order.window_cu);
    free(h->image_rows);
    free(h->cu);
    free(h->cos);
    free(h->sin);
    free(h->vision_cos);
    free(h->vision_sin);
    free(h->weights);
    free(h->row_loss);
    rt_rope_table_free(&m->text_rope);
    rt_rope_table_free(&m->vision_rope);
}

void rt_upload_take(struct rt_model *m, struct rt_arena *arena)
{
    const struct rt_model_config *c = &m->config;
    const struct rt_model_limits *l = &m->limits;
    const size_t tokens = (size_t)l->tokens, patches = (size_t)l->patches, learned = (size_t)l->learned;
    const size_t units = patches / (size_t)(c->vision.merge * c->vision.merge);
    const size_t text_half = (size_t)c->head_dim / 2, vision_half = (size_t)(c->vision.width / c->vision.heads) / 2;
    struct rt_inputs *in = &m->in;
    in->ids = rt_arena_take(arena, tokens * sizeof(int32_t));
    in->image_rows = rt_arena_take(arena, tokens * sizeof(int32_t));
    in->cu = rt_arena_take(arena, ((size_t)l->samples + 1) * sizeof(int32_t));
    in->learned_at = rt_arena_take(arena, learned * sizeof(int32_t));
    in->targets = rt_arena_take(arena, learned * sizeof(int32_t));
    in->weights = rt_arena_take(arena, learned * sizeof(float));
    in->cos = rt_arena_take(arena, tokens * text_half * sizeof(float));
    in->sin = rt_arena_take(arena, tokens * text_half * sizeof(float));
    in->lut = rt_arena_take(arena, 3 * 256 * sizeof(float));
    in->rgb = rt_arena_take(arena, (size_t)l->max_picture_patches * (size_t)(c->vision.patch * c->vision.patch * 3 * 2));
    in->unit = rt_arena_take(arena, units * sizeof(int32_t));
    in->full_cu = rt_arena_take(arena, ((size_t)l->pictures + 1) * sizeof(int32_t));
    in->window_cu = rt_arena_take(arena, (units + 1) * sizeof(int32_t));
    in->vision_cos = rt_arena_take(arena, patches * vision_half * sizeof(float));
    in->vision_sin = rt_arena_take(arena, patches * vision_half * sizeof(float));
}

/* A batch larger than the plan, or one that points outside itself, is a bug above: caught here, before any operation. */
static rt_status check(const struct rt_model *m, const struct rt_batch *b)
{
    const struct rt_model_limits *l = &m->limits;
    struct rt_error *err = m->ex->err;
    if (b->tokens > l->tokens || b->samples > l->samples || b->learned > l->learned || b->patches > l->patches ||
        b->pictures > l->pictures || b->max_length > l->max_length)
        return rt_fail(err, RT_ERR_INTERNAL, "a batch of %lld tokens, %lld patches and %lld learned tokens is larger than "
                       "the plan (%lld, %lld, %lld)", (long long)b->tokens, (long long)b->patches,
                       (long long)b->learned, (long long)l->tokens, (long long)l->patches, (long long)l->learned);
    for (int64_t i = 0; i < b->tokens; i++)
        if (b->ids[i] < 0 || b->ids[i] >= m->config.vocab)
            return rt_fail(err, RT_ERR_FILE, "token id %d is outside the model's vocab_size %lld: the tokenizer does not "
                           "belong to this model", b->ids[i], (long long)m->config.vocab);
    for (int64_t i = 0; i < b->learned; i++)
        if (b->targets[i] < 0 || b->targets[i] >= m->config.vocab)
            return rt_fail(err, RT_ERR_FILE, "token id %d is outside the model's vocab_size %lld", b->targets[i],
                           (long long)m->config.vocab);
    return RT_OK;
}

/* Rotary rows of every patch, written where the window order puts it. */
static void vision_rope(struct rt_model *m, const struct rt_batch *b)
{
    struct rt_staging *h = &m->host;
    const int64_t merge = m->config.vision.merge, half = 2 * m->vision_rope.freqs;
    int64_t old = 0;
    for (int64_t i = 0; i < b->pictures; i++) {
        const int64_t rows = b->picture[i].grid_h / merge, cols = b->picture[i].grid_w / merge;
        for (int64_t cell = 0; cell < rows * cols; cell++, old++) {
            const int64_t y = cell / cols * merge, x = cell % cols * merge;
            for (int64_t k = 0; k < merge * merge; k++) {
                const int64_t at = (h->order.where[old] * merge * merge + k) * half;
                rt_rope_vision_row(&m->vision_rope, y + k / merge, x + k % merge, h->vision_cos + at, h->vision_sin + at);
            }
        }
    }
}

static rt_status upload_vision(struct rt_model *m, const struct rt_batch *b)
{
    struct rt_exec *ex = m->ex;
    struct rt_window_order *o = &m->host.order;
    struct rt_inputs *in = &m->in;
    m->pictures = b->pictures;
    m->patches = b->patches;
    if (b->pictures == 0)
        return RT_OK;
    rt_window_order(o, &m->config, b);
    vision_rope(m, b);
    const size_t table = (size_t)(b->patches * 2 * m->vision_rope.freqs) * sizeof(float);
    RT_TRY(rt_exec_put(ex, in->unit, o->unit, (size_t)o->units * sizeof(int32_t)));
    RT_TRY(rt_exec_put(ex, in->full_cu, o->full_cu, ((size_t)b->pictures + 1) * sizeof(int32_t)));
    RT_TRY(rt_exec_put(ex, in->window_cu, o->window_cu, ((size_t)o->windows + 1) * sizeof(int32_t)));
    RT_TRY(rt_exec_put(ex, in->vision_cos, m->host.vision_cos, table));
    RT_TRY(rt_exec_put(ex, in->vision_sin, m->host.vision_sin, table));
    m->full = (struct rt_place){ b->patches, in->vision_cos, in->vision_sin, in->full_cu, o->full_cu, b->pictures,
                                 o->full_max };
    m->window = (struct rt_place){ b->patches, in->vision_cos, in->vision_sin, in->window_cu, o->window_cu, o->windows,
                                   o->window_max };
    return RT_OK;
}

rt_status rt_upload(struct rt_model *m, const struct rt_batch *b)
{
    struct rt_exec *ex = m->ex;
    struct rt_staging *h = &m->host;
    struct rt_inputs *in = &m->in;
    const size_t tokens = (size_t)b->tokens * sizeof(int32_t), learned = (size_t)b->learned * sizeof(int32_t);
    RT_TRY(check(m, b));
    RT_TRY(upload_vision(m, b));
    for (int64_t i = 0; i < b->tokens; i++) /* picture rows lie in window order */
        h->image_rows[i] = b->image_rows[i] < 0 ? -1 : h->order.where[b->image_rows[i]];
    rt_rope_text(&m->text_rope, m->config.mrope_section, b->positions, b->tokens, h->cos, h->sin);
    memcpy(h->cu, b->offsets, ((size_t)b->samples + 1) * sizeof(int32_t));
    h->learned = b->learned;
    const size_t table = (size_t)(b->tokens * m->text_rope.freqs) * sizeof(float);
    RT_TRY(rt_exec_put(ex, in->ids, b->ids, tokens));
    RT_TRY(rt_exec_put(ex, in->image_rows, h->image_rows, tokens));
    RT_TRY(rt_exec_put(ex, in->cu, h->cu, ((size_t)b->samples + 1) * sizeof(int32_t)));
    RT_TRY(rt_exec_put(ex, in->learned_at, b->learned_at, learned));
    RT_TRY(rt_exec_put(ex, in->targets, b->targets, learned));
    RT_TRY(rt_exec_put(ex, in->weights, b->weights, learned));
    RT_TRY(rt_exec_put(ex, in->cos, h->cos, table));
    RT_TRY(rt_exec_put(ex, in->sin, h->sin, table));
    RT_TRY(rt_vision_put(m, b));
    m->place = (struct rt_place){ b->tokens, in->cos, in->sin, in->cu, h->cu, b->samples, b->max_length };
    return RT_OK;
}
