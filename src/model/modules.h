/*
 * modules.h - the model's module tree by the reference's names, in its registration order: what lora_target is
 * matched against, and the order in which LoRA's starting values are drawn. Private to model.
 */
#ifndef RT_MODEL_MODULES_H
#define RT_MODEL_MODULES_H

#include "base/status.h"
#include "model/arch.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

struct rt_module {
    char *name;      /* "model.language_model.layers.0.self_attn.q_proj" */
    bool linear;     /* false: a container, norm, embedding, ... */
    int64_t in, out; /* of a linear */
};
struct rt_modules {
    int64_t count;
    struct rt_module *module; /* [count] */
};
/* Fails: RT_ERR_MEMORY. */
rt_status rt_modules_list(struct rt_modules *list, const struct rt_model_config *config, struct rt_error *err);
void rt_modules_free(struct rt_modules *list);

/*
 * Which linears get LoRA, as LLaMA-Factory chooses (find_all_linear_modules, patch_target_modules): hit[count]
 * is set to 1 or 0, *hits counts them. Fails: RT_ERR_JOB when a target is no linear, names nothing, or nothing
 * is left.
 */
rt_status rt_modules_target(const struct rt_modules *list, const struct rt_model_options *opt, bool *hit,
                            int64_t *hits, struct rt_error *err);

#endif
