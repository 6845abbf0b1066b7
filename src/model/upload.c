/* upload.c - a batch from host memory to where the exec runs, with the tables that operations read beside it.
 */
#include "config.h"
#include "model/state.h"

#include <stdlib.h>
#include <string.h>

rt_status rt_upload_init(struct rt_model *m, struct rt_error *err)
{
    const struct rt_model_config *c = &m->config;
    const struct rt_model_limits *l = &m->limits;
    const size_t tokens = (size_t)l->tokens, learned = (size_t)m->step_learned,
                 text_half = (size_t)c->head_dim / 2;
    struct rt_staging *h = &m->host;
    h->image_rows = malloc((tokens + 1) * sizeof(int32_t));
    h->cu = malloc(((size_t)l->samples + 1) * sizeof(int32_t));
    h->cos = malloc((tokens * text_half + 1) * sizeof(float));
    h->sin = malloc((tokens * text_half + 1) * sizeof(float));
    h->weights = malloc((learned + 1) * sizeof(float));
    h->row_loss = malloc((learned + 1) * sizeof(float));
    if (h->image_rows == NULL || h->cu == NULL || h->cos == NULL || h->sin == NULL || h->weights == NULL ||
        h->row_loss == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of host memory for the staging of a batch");
    RT_TRY(
        rt_rope_table_init(&m->text_rope, l->max_length + 1, c->head_dim / 2, c->rope_theta, c->head_dim, err));
    return rt_vision_put_init(m, err);
}

void rt_upload_free(struct rt_model *m)
{
    struct rt_staging *h = &m->host;
    free(h->image_rows);
    free(h->cu);
    free(h->cos);
    free(h->sin);
    free(h->weights);
    free(h->row_loss);
    rt_rope_table_free(&m->text_rope);
    rt_vision_put_free(m);
}

void rt_upload_take(struct rt_model *m, struct rt_arena *arena)
{
    const struct rt_model_config *c = &m->config;
    const struct rt_model_limits *l = &m->limits;
    const size_t tokens = (size_t)l->tokens, learned = (size_t)l->learned, text_half = (size_t)c->head_dim / 2;
    struct rt_inputs *in = &m->in;
    in->ids = rt_arena_take(arena, tokens * sizeof(int32_t));
    in->image_rows = rt_arena_take(arena, tokens * sizeof(int32_t));
    in->cu = rt_arena_take(arena, ((size_t)l->samples + 1) * sizeof(int32_t));
    in->learned_at = rt_arena_take(arena, learned * sizeof(int32_t));
    in->targets = rt_arena_take(arena, learned * sizeof(int32_t));
    in->weights = rt_arena_take(arena, learned * sizeof(float));
    in->cos = rt_arena_take(arena, tokens * text_half * sizeof(float));
    in->sin = rt_arena_take(arena, tokens * text_half * sizeof(float));
    rt_vision_put_take(m, arena);
}

/* A batch larger than the plan, or one that points outside itself, is a bug above: caught here, before any
 * operation. */
static rt_status check(const struct rt_model *m, const struct rt_batch *b)
{
    const struct rt_model_limits *l = &m->limits;
    struct rt_error *err = m->ex->err;
    if (b->tokens > l->tokens || b->samples > l->samples || b->learned > l->learned ||
        b->patches > l->patches || b->pictures > l->pictures || b->max_length > l->max_length)
        return rt_fail(err, RT_ERR_INTERNAL,
                       "a batch of %lld tokens, %lld patches and %lld learned tokens is larger than "
                       "the plan (%lld, %lld, %lld)",
                       (long long)b->tokens, (long long)b->patches, (long long)b->learned, (long long)l->tokens,
                       (long long)l->patches, (long long)l->learned);
    for (int64_t i = 0; i < b->tokens; i++)
        if (b->ids[i] < 0 || b->ids[i] >= m->config.vocab)
            return rt_fail(err, RT_ERR_FILE,
                           "token id %d is outside the model's vocab_size %lld: the tokenizer does not "
                           "belong to this model",
                           b->ids[i], (long long)m->config.vocab);
    for (int64_t i = 0; i < b->learned; i++)
        if (b->targets[i] < 0 || b->targets[i] >= m->config.vocab)
            return rt_fail(err, RT_ERR_FILE, "token id %d is outside the model's vocab_size %lld",
                           b->targets[i], (long long)m->config.vocab);
    return RT_OK;
}

rt_status rt_upload(struct rt_model *m, const struct rt_batch *b)
{
    struct rt_exec *ex = m->ex;
    struct rt_staging *h = &m->host;
    struct rt_inputs *in = &m->in;
    const size_t tokens = (size_t)b->tokens * sizeof(int32_t), learned = (size_t)b->learned * sizeof(int32_t);
    RT_TRY(check(m, b));
    RT_TRY(rt_vision_put(m, b));
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
    m->place = (struct rt_place){ b->tokens, in->cos, in->sin, in->cu, h->cu, b->samples, b->max_length };
    return RT_OK;
}
