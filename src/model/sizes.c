/* sizes.c - how large a model is, and what the plan of its memory came to. */
#include "config.h"
#include "dist/dist.h"
#include "model/state.h"

#include <string.h>

int64_t rt_model_params(const struct rt_model *m)
{
    return m->params + m->adapter.count;
}

int64_t rt_model_flos_params(const struct rt_model *m)
{
    return rt_model_params(m) - m->config.vocab * m->config.hidden;
}

int64_t rt_model_vocab(const struct rt_model *m)
{
    return m->config.vocab;
}

int64_t rt_model_pass_tokens(const struct rt_model *m)
{
    return m->plan.pass_tokens;
}

char *rt_model_plan_text(const struct rt_model *m)
{
    return rt_memplan_text(m);
}

rt_status rt_model_foresee(struct rt_model *m, const struct rt_model_options *opt,
                           const struct rt_model_needs *needs, size_t card_bytes, struct rt_dist *dist,
                           struct rt_error *err)
{
    struct rt_room room = rt_memplan_card(card_bytes);
    if (card_bytes == 0)
        RT_TRY(rt_memplan_room(m, dist, &room, err));
    return rt_dist_agree(dist, rt_memplan_make(m, needs, opt, room, err), err);
}

void rt_model_sizes(const struct rt_model *m, struct rt_model_sizes *sizes)
{
    const struct rt_memplan *p = &m->plan;
    *sizes = (struct rt_model_sizes){ .weights = p->weights,
                                      .adapter = p->adapter,
                                      .activations = p->acts + p->scratch,
                                      .total = p->total,
                                      .free = p->room.free_bytes,
                                      .layers_again = p->again,
                                      .layers_most = rt_memplan_steps(m),
                                      .pass_tokens = m->train.tokens };
    for (int64_t i = 0; i < m->weights; i++)
        if (strstr(m->weight[i].name, "language_model.layers.") != NULL)
            sizes->layer_params += m->weight[i].rows * m->weight[i].cols;
}
