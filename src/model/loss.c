/* loss.c - final norm, lm_head and cross entropy of the learned tokens only, in chunks of rows. */
#include "config.h"
#include "model/state.h"

/* Rows of logits made at once: few enough to stay in a CPU's cache between the product, the softmax and the
 * product back, many enough to fill a GPU; 16 at least. */
static int64_t chunk_rows(const struct rt_model *m, int64_t learned)
{
    const int64_t chunk_bytes = m->ex->device == RT_DEVICE_CPU ? (int64_t)2 << 20 : (int64_t)256 << 20;
    const int64_t most = chunk_bytes / (m->config.vocab * (int64_t)m->ex->act_bytes),
                  rows = most < 16 ? 16 : most;
    return rows < learned ? rows : learned;
}

void rt_loss_results_take(struct rt_model *m, struct rt_arena *arena)
{
    m->text_acts.row_loss = rt_arena_take(arena, (size_t)m->step_learned * sizeof(float));
    m->text_acts.row_hit = rt_arena_take(arena, (size_t)m->step_learned * sizeof(float));
}

void rt_loss_take(struct rt_model *m, struct rt_arena *arena, int64_t learned, bool backward)
{
    struct rt_text_acts *a = &m->text_acts;
    const int64_t d = m->config.hidden;
    const size_t row = (size_t)d * m->ex->act_bytes, stream = (size_t)d * sizeof(float),
                 mark = arena->used_bytes;
    const size_t normed = (size_t)(learned * m->text.head.ld) * m->ex->act_bytes;
    a->xl = rt_arena_take(arena, (size_t)learned * stream);
    a->dl = rt_arena_take(arena, (size_t)learned * row);
    a->stats = rt_arena_take(arena, (size_t)learned * 2 * sizeof(float));
    a->hl = rt_arena_take(arena, normed);
    a->chunk = chunk_rows(m, learned);
    a->logits = rt_arena_take(arena, (size_t)(a->chunk * m->config.vocab) * m->ex->act_bytes);
    if (backward) {
        a->dhl = rt_arena_take(arena, normed);
        a->dxl = rt_arena_take(arena, (size_t)learned * stream);
        a->dxl_act = rt_arena_take(arena, (size_t)learned * row);
    }
    a->loss_bytes = arena->used_bytes - mark;
}

rt_status rt_loss_fwd(struct rt_model *m, int64_t learned)
{
    struct rt_text_acts *a = &m->text_acts;
    struct rt_exec *ex = m->ex;
    const struct rt_linear *head = &m->text.head;
    const int64_t d = m->config.hidden, v = m->config.vocab;
    if (learned == 0)
        return RT_OK;
    RT_TRY(ex->ops->add_rmsnorm_fwd(ex, a->xl, a->hl, head->ld, a->stats, a->xl, a->dl, m->text.norm_w, learned,
                                    d, m->config.rms_norm_eps, false));
    for (int64_t at = 0; at < learned; at += a->chunk) {
        const int64_t n = learned - at < a->chunk ? learned - at : a->chunk, row = m->host.first + at;
        rt_act *h = rt_at(ex, a->hl, at * head->ld);
        RT_TRY(rt_linear_fwd(&m->pass, head, a->logits, v, h, n));
        RT_TRY(ex->ops->xent(ex, a->logits, a->row_loss + row, a->row_hit + row, m->in.targets + at,
                             m->in.weights + at, n, v, m->pass.train));
        if (m->pass.train) /* the gradient of this chunk's logits is at hand now and nowhere later */
            RT_TRY(rt_linear_bwd(&m->pass, head, rt_at(ex, a->dhl, at * head->ld), a->logits, v, h, n, true,
                                 NULL));
    }
    return RT_OK;
}

rt_status rt_loss_bwd(struct rt_model *m)
{
    struct rt_text_acts *a = &m->text_acts;
    struct rt_exec *ex = m->ex;
    const int64_t d = m->config.hidden, learned = m->host.learned;
    RT_TRY(rt_exec_zero(ex, a->dxl, (size_t)(learned * d) * sizeof(float)));
    return ex->ops->rmsnorm_bwd(ex, a->dxl, a->dxl_act, a->dhl, m->text.head.ld, a->xl, a->stats,
                                m->text.norm_w, learned, d);
}
