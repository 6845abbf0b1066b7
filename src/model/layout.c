/* layout.c - places for weights, adapter and activations. */
#include "config.h"
#include "kernels/ops.h"
#include "model/layout.h"

#include <stdlib.h>

rt_status rt_layout_weights(struct rt_model *m, const int64_t *adapter_of, char *base, struct rt_error *err)
{
    struct rt_build b = { .arena = { .base = base, .size_bytes = m->weight_bytes },
                          .act_bytes = m->ex->act_bytes,
                          .modules = &m->modules,
                          .adapter_of = adapter_of,
                          .adapter = m->adapter.count > 0 ? &m->adapter : NULL };
    rt_vision_build(&m->vision, &b, &m->config);
    rt_text_build(&m->text, &b, &m->config);
    free(m->weight);
    m->weight = b.weight;
    m->weights = b.weights;
    m->weight_bytes = b.arena.used_bytes;
    return b.failed ? rt_fail(err, RT_ERR_MEMORY, "out of host memory for the model") : RT_OK;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Room for the input of any linear with LoRA, dropped out. */
static int64_t widest_input(const struct rt_model *m)
{
    const struct rt_model_config *c = &m->config;
    const int64_t text = most(c->intermediate, c->hidden) * m->train.tokens;
    const int64_t vision =
        most(c->vision.mlp, c->vision.merge * c->vision.merge * c->vision.width) * m->train.patches;
    return m->vision.learns ? most(text, vision) : text;
}

size_t rt_layout_acts(struct rt_model *m, char *base, size_t bytes, bool train)
{
    struct rt_arena arena = { .base = base, .size_bytes = bytes };
    const struct rt_model_limits *limits = train ? &m->train : &m->eval;
    const bool backward = train && m->adapter.count > 0;
    m->laid_out_train = train;
    rt_upload_take(m, &arena);
    rt_vision_inputs_take(m, &arena);
    rt_loss_results_take(m, &arena);
    m->input_bytes = arena.used_bytes;
    rt_vision_take(m, &arena, limits, backward);
    if (!backward || !m->vision.learns)
        rt_arena_rewind(&arena, m->input_bytes);
    rt_text_take(m, &arena, limits, backward);
    if (backward && m->adapter.dropout > 0)
        m->pass.dropped = rt_arena_take(&arena, (size_t)widest_input(m) * m->ex->act_bytes);
    m->decoder_bytes = arena.used_bytes;
    return arena.peak_bytes;
}

static struct rt_attention largest(const struct rt_tower *t, int64_t rows, int64_t segments, int64_t max_length)
{
    return (struct rt_attention){ .segments = segments,
                                  .max_length = max_length,
                                  .rows = rows,
                                  .heads = t->heads,
                                  .kv_heads = t->kv_heads,
                                  .d = t->head_dim,
                                  .causal = t->causal,
                                  .scale = 1.0f };
}

size_t rt_layout_work(const struct rt_model *m)
{
    const struct rt_model_limits *l = &m->train;
    const struct rt_attention text = largest(&m->text.tower, l->tokens, l->samples, l->max_length);
    const struct rt_attention vision =
        largest(&m->vision.tower, l->patches, l->patches, l->max_picture_patches);
    const size_t a = m->adapter.count > 0 ? m->ex->ops->attention_work(&text) : 0;
    const size_t b = m->vision.learns ? m->ex->ops->attention_work(&vision) : 0;
    return a > b ? a : b;
}
