/* foreign.h - what the files of a checkpoint of LLaMA-Factory say, each read from its pickle: private to this
 * folder. */
#ifndef RT_CHECKPOINT_FOREIGN_H
#define RT_CHECKPOINT_FOREIGN_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/torch_file.h"

/* trainer_state.json: step, epoch, batch size into facts; *text is the whole file. */
rt_status rt_foreign_state(struct rt_foreign_facts *facts, char **text, const char *folder,
                           struct rt_error *err);

/* optimizer.pt: AdamW's groups into facts. param [2 * modules] is set to the numbers in its state of A and B of
 * each module in the model's order: the groups of the Trainer (all of it decays), or those of LoRA+ (every A,
 * then every B). */
rt_status rt_foreign_optimizer(struct rt_foreign_facts *facts, int64_t *param, int64_t modules,
                               const struct rt_pickle *pickle, const char *file, struct rt_error *err);
/* The state of parameter number n: its step, a number or a tensor of one (then count.key is set), and both
 * moments, of the same shape. */
struct rt_foreign_param {
    struct rt_torch_tensor count, exp_avg, exp_avg_sq;
    double step;
};
rt_status rt_foreign_param(struct rt_foreign_param *param, int64_t n, const struct rt_pickle *pickle,
                           const char *file, struct rt_error *err);

/* scheduler.pt: learning rates into facts; its step must be that of facts. */
rt_status rt_foreign_scheduler(struct rt_foreign_facts *facts, const struct rt_pickle *pickle, const char *file,
                               struct rt_error *err);

/* rng_state.pth: generators of Python, numpy and torch are there. */
rt_status rt_foreign_generators(const struct rt_pickle *pickle, const char *file, struct rt_error *err);

#endif
