/* loss.c - final norm, lm_head and cross entropy of the learned tokens only, in chunks of rows. */
#include "config.h"
#include "model/state.h"

rt_status rt_loss_fwd(struct rt_model *m, int64_t learned)
{
    struct rt_text_acts *a = &m->text_acts;
    struct rt_exec *ex = m->ex;
    const struct rt_linear *head = &m->text.head;
    const int64_t d = m->config.hidden, v = m->config.vocab;
    if (learned == 0)
        return RT_OK;
    RT_TRY(ex->ops->add_rmsnorm_fwd(ex, a->xl, a->hl, head->ld, a->stats, a->xl, a->dl, m->text.norm_w, learned, d,
                                    m->config.rms_norm_eps, false));
    for (int64_t at = 0; at < learned; at += a->chunk) {
        const int64_t n = learned - at < a->chunk ? learned - at : a->chunk, row = m->host.first + at;
        rt_act *h = rt_at(ex, a->hl, at * head->ld);
        RT_TRY(rt_linear_fwd(&m->pass, head, a->logits, v, h, n));
        RT_TRY(ex->ops->xent(ex, a->logits, a->row_loss + row, a->row_hit + row, m->in.targets + at, m->in.weights + at, n,
                             v, m->pass.train));
        if (m->pass.train) /* the gradient of this chunk's logits is at hand now and nowhere later */
            RT_TRY(rt_linear_bwd(&m->pass, head, rt_at(ex, a->dhl, at * head->ld), a->logits, v, h, n, true));
    }
    return RT_OK;
}

rt_status rt_loss_bwd(struct rt_model *m)
{
    struct rt_text_acts *a = &m->text_acts;
    struct rt_exec *ex = m->ex;
    const int64_t d = m->config.hidden, learned = m->host.learned;
    RT_TRY(rt_exec_zero(ex, a->dxl, (size_t)(learned * d) * sizeof(float)));
    return ex->ops->rmsnorm_bwd(ex, a->dxl, a->dxl_act, a->dhl, m->text.head.ld, a->xl, a->stats, m->text.norm_w, learned, d);
}
