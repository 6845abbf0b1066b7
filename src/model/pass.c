/* pass.c - a pass: a batch handed over, forward, backward, losses. */
#include "config.h"
#include "model/layout.h"

#include <string.h>

rt_status rt_model_put(struct rt_model *m, const struct rt_batch *batch)
{
    return rt_upload(m, batch);
}

/* The buffers for a pass of this kind. */
static rt_status lay_out(struct rt_model *m, const struct rt_batch *b, bool train)
{
    const struct rt_model_limits *l = train ? &m->train : &m->eval;
    if (b->tokens > l->tokens || b->patches > l->patches || b->learned > l->learned)
        return rt_fail(m->ex->err, RT_ERR_INTERNAL,
                       "a pass of %lld tokens, %lld patches and %lld learned tokens is larger than "
                       "the plan for %s (%lld, %lld, %lld)",
                       (long long)b->tokens, (long long)b->patches, (long long)b->learned,
                       train ? "training" : "evaluation", (long long)l->tokens, (long long)l->patches,
                       (long long)l->learned);
    if (m->laid_out_train != train)
        rt_layout_acts(m, m->act_memory, m->plan.acts, train);
    return RT_OK;
}

/* The pass's losses go behind those of the step's earlier passes. */
static rt_status keep_weights(struct rt_model *m, const struct rt_batch *batch, bool train)
{
    struct rt_staging *h = &m->host;
    h->first = train ? h->first + h->passed : 0;
    h->passed = batch->learned;
    if (h->first + h->passed > m->step_learned)
        return rt_fail(m->ex->err, RT_ERR_INTERNAL,
                       "a step of more than %lld learned tokens is larger than the plan",
                       (long long)m->step_learned);
    memcpy(h->weights + h->first, batch->weights, (size_t)batch->learned * sizeof(float));
    return RT_OK;
}

rt_status rt_model_grads_zero(struct rt_model *m)
{
    m->host.first = m->host.passed = 0;
    return rt_exec_zero(m->ex, m->adapter.g, (size_t)m->adapter.count * sizeof(float));
}

rt_status rt_model_fwd(struct rt_model *m, const struct rt_batch *batch, bool train, uint64_t dropout_stream)
{
    m->pass.train = train;
    m->pass.stream = dropout_stream;
    RT_TRY(lay_out(m, batch, train));
    RT_TRY(keep_weights(m, batch, train));
    RT_TRY(rt_vision_fwd(m));
    return rt_text_fwd(m, batch);
}

rt_status rt_model_bwd(struct rt_model *m, rt_grads_ready_fn *ready, void *context)
{
    m->ready = ready;
    m->ready_context = context;
    if (m->host.learned == 0)
        return RT_OK;
    RT_TRY(rt_text_bwd(m));
    RT_TRY(rt_vision_bwd(m));
    return rt_vision_saved_flush(m); /* while the device is at it */
}

rt_status rt_model_loss(struct rt_model *m, double *weighted_sum, float *row_loss, float *row_hit)
{
    const int64_t learned = m->host.first + m->host.passed;
    const size_t bytes = (size_t)learned * sizeof(float);
    RT_TRY(rt_vision_saved_flush(m));
    RT_TRY(rt_exec_get(m->ex, m->host.row_loss, m->text_acts.row_loss, bytes));
    double sum = 0;
    for (int64_t i = 0; i < learned; i++)
        sum += (double)m->host.weights[i] * (double)m->host.row_loss[i];
    *weighted_sum = sum;
    if (row_loss != NULL)
        memcpy(row_loss, m->host.row_loss, bytes);
    if (row_hit != NULL)
        RT_TRY(rt_exec_get(m->ex, row_hit, m->text_acts.row_hit, bytes));
    return RT_OK;
}

rt_status rt_model_logits(struct rt_model *m, const struct rt_batch *batch, float *host_logits)
{
    m->pass.train = false;
    RT_TRY(lay_out(m, batch, false));
    RT_TRY(rt_upload(m, batch));
    RT_TRY(rt_vision_fwd(m));
    return rt_text_logits(m, batch, host_logits);
}
