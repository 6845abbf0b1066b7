/*
 * adapter.h - where an adapter comes from: drawn anew, or read from a folder; merging one into the weights.
 * Private to model.
 */
#ifndef RT_MODEL_ADAPTER_H
#define RT_MODEL_ADAPTER_H

#include "model/state.h"

/* A folder's adapter on every rank. */
struct rt_given {
    int64_t r, modules;
    double alpha, dropout;
    bool rslora;
    char **name;       /* [modules] */
    int64_t *in, *out; /* [modules] */
    float **a, **b;    /* [modules] A [r, in], B [out, r] on the host */
};

/* Collective: rank 0 reads, all get it. Fails: RT_ERR_FILE. */
rt_status rt_given_open(struct rt_given *given, const char *folder, struct rt_dist *dist, struct rt_error *err);
void rt_given_close(struct rt_given *given);

/* The adapter's modules, before the layout: those hit (drawn anew) or those of a given one (in the model's
 * order). adapter_of [modules] is set to indices or -1. Fails: RT_ERR_FILE for a module or shape the model
 * lacks. */
rt_status rt_adapter_choose(struct rt_model *m, const struct rt_model_options *opt,
                            const struct rt_given *given, int64_t *adapter_of, struct rt_error *err);

/* LoRA's starting values as the reference draws them from torch's generator: `skip` numbers are drawn before.
 */
rt_status rt_adapter_draw(struct rt_model *m, uint64_t seed, int64_t skip, struct rt_error *err);
/* The values of a given adapter instead. */
rt_status rt_adapter_set(struct rt_model *m, const struct rt_given *given, struct rt_error *err);
/* How many numbers creating this adapter's layers draws. */
int64_t rt_given_draws(const struct rt_given *given);
/* W += scale B A on the linear that holds each module, rounded to the weights' type. */
rt_status rt_adapter_merge(struct rt_model *m, const struct rt_given *given, struct rt_error *err);

#endif
