/* foreign_optimizer.c - the state_dict of torch's AdamW: its groups, and the moments of each parameter. */
#include "config.h"
#include "checkpoint/foreign.h"

#include <math.h>
#include <stdio.h>

/* Source: transformers 5.6.0 trainer.py:create_optimizer (decay, no decay); LLaMA-Factory 0.9.5
 * train/trainer_utils.py:_create_loraplus_optimizer (A, B, B without decay, embedding). */
enum { TRAINER_GROUPS = 2, LORAPLUS_GROUPS = 4 };
enum { MOST_KEYS = 16 };

static rt_status wrong_groups(const char *file, const struct rt_pickle *p, const struct rt_pickle_value *groups,
                              int64_t modules, struct rt_error *err)
{
    char sizes[128] = "";
    size_t used = 0;
    for (int64_t g = 0; g < rt_pickle_count(groups) && used < sizeof sizes - 24; g++)
        used += (size_t)snprintf(
            sizes + used, sizeof sizes - used, "%s%lld", g > 0 ? ", " : "",
            (long long)rt_pickle_count(rt_pickle_key(p, rt_pickle_at(p, groups, g), "params")));
    return rt_fail(
        err, RT_ERR_FILE,
        "%.500s: its parameters come in groups of %s; A and B of the adapter's %lld modules make %lld, 0 "
        "(or %lld, %lld, 0, 0 with loraplus_lr_ratio)",
        file, used > 0 ? sizes : "none", (long long)modules, (long long)(2 * modules), (long long)modules,
        (long long)modules);
}

/* Numbers of one group, in its order, to every `stride`th element of param. */
static bool read_group(int64_t *param, int64_t stride, int64_t most, const struct rt_pickle *p,
                       const struct rt_pickle_value *group)
{
    const struct rt_pickle_value *params = rt_pickle_key(p, group, "params");
    if (!rt_pickle_is(params, RT_PICKLE_LIST) || rt_pickle_count(params) != most)
        return false;
    for (int64_t i = 0; i < most; i++)
        if (!rt_pickle_int(rt_pickle_at(p, params, i), &param[i * stride]))
            return false;
    return true;
}

static bool read_numbers(struct rt_foreign_facts *facts, const struct rt_pickle *p,
                         const struct rt_pickle_value *group)
{
    const struct rt_pickle_value *betas = rt_pickle_key(p, group, "betas");
    const struct rt_pickle_value *amsgrad = rt_pickle_key(p, group, "amsgrad");
    return rt_pickle_real(rt_pickle_key(p, group, "weight_decay"), &facts->weight_decay) &&
           rt_pickle_real(rt_pickle_key(p, group, "eps"), &facts->adam_epsilon) &&
           rt_pickle_real(rt_pickle_at(p, betas, 0), &facts->adam_beta1) &&
           rt_pickle_real(rt_pickle_at(p, betas, 1), &facts->adam_beta2) &&
           !(rt_pickle_is(amsgrad, RT_PICKLE_BOOL) && amsgrad->integer != 0);
}

rt_status rt_foreign_optimizer(struct rt_foreign_facts *facts, int64_t *param, int64_t modules,
                               const struct rt_pickle *p, const char *file, struct rt_error *err)
{
    const struct rt_pickle_value *root = rt_pickle_root(p), *groups = rt_pickle_key(p, root, "param_groups"),
                                 *state = rt_pickle_key(p, root, "state");
    const int64_t count = rt_pickle_count(groups);
    int64_t none;
    bool fits = false;
    if (!rt_pickle_is(groups, RT_PICKLE_LIST) || !rt_pickle_is(state, RT_PICKLE_DICT))
        return rt_fail(err, RT_ERR_FILE,
                       "%.500s: is no state of an optimizer: state or param_groups is missing", file);
    facts->loraplus = count == LORAPLUS_GROUPS;
    if (count == LORAPLUS_GROUPS)
        fits = read_group(param, 2, modules, p, rt_pickle_at(p, groups, 0)) &&
               read_group(param + 1, 2, modules, p, rt_pickle_at(p, groups, 1)) &&
               read_group(&none, 1, 0, p, rt_pickle_at(p, groups, 2)) &&
               read_group(&none, 1, 0, p, rt_pickle_at(p, groups, 3));
    else if (count == TRAINER_GROUPS)
        fits = read_group(param, 1, 2 * modules, p, rt_pickle_at(p, groups, 0)) &&
               read_group(&none, 1, 0, p, rt_pickle_at(p, groups, 1));
    if (!fits)
        return wrong_groups(file, p, groups, modules, err);
    if (!read_numbers(facts, p, rt_pickle_at(p, groups, 0)))
        return rt_fail(err, RT_ERR_FILE, "%.500s: is not the state of AdamW, the one optimizer here", file);
    if (rt_pickle_count(state) != 2 * modules)
        return rt_fail(err, RT_ERR_FILE, "%.500s: has a state for %lld of %lld parameters", file,
                       (long long)rt_pickle_count(state), (long long)(2 * modules));
    return RT_OK;
}

static bool same_shape(const struct rt_torch_tensor *a, const struct rt_torch_tensor *b)
{
    bool same = a->dims == b->dims;
    for (int d = 0; same && d < a->dims; d++)
        same = a->shape[d] == b->shape[d];
    return same;
}

rt_status rt_foreign_param(struct rt_foreign_param *param, int64_t n, const struct rt_pickle *p,
                           const char *file, struct rt_error *err)
{
    char what[80];
    const struct rt_pickle_value *state = rt_pickle_key_of(p, rt_pickle_key(p, rt_pickle_root(p), "state"), n);
    const struct rt_pickle_value *step = rt_pickle_key(p, state, "step");
    *param = (struct rt_foreign_param){ .step = NAN };
    if (rt_pickle_count(state) > MOST_KEYS) /* each look goes through all of them */
        return rt_fail(err, RT_ERR_FILE, "%.500s: the state of parameter %lld is not AdamW's", file,
                       (long long)n);
    snprintf(what, sizeof what, "exp_avg of parameter %lld", (long long)n);
    RT_TRY(rt_torch_tensor(&param->exp_avg, p, rt_pickle_key(p, state, "exp_avg"), file, what, err));
    snprintf(what, sizeof what, "exp_avg_sq of parameter %lld", (long long)n);
    RT_TRY(rt_torch_tensor(&param->exp_avg_sq, p, rt_pickle_key(p, state, "exp_avg_sq"), file, what, err));
    if (!same_shape(&param->exp_avg, &param->exp_avg_sq) || param->exp_avg.dims != 2)
        return rt_fail(err, RT_ERR_FILE,
                       "%.500s: the moments of parameter %lld are no two matrices of one shape", file,
                       (long long)n);
    if (rt_pickle_real(step, &param->step)) /* torch before 1.12 */
        return RT_OK;
    snprintf(what, sizeof what, "step of parameter %lld", (long long)n);
    RT_TRY(rt_torch_tensor(&param->count, p, step, file, what, err));
    return param->count.elements == 1 ? RT_OK
                                      : rt_fail(err, RT_ERR_FILE, "%.500s: %s is not one number", file, what);
}
