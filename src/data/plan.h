/*
 * plan.h - the reference's order: which rows, in which order, in which micro-batch, on which rank.
 *
 * Pure arithmetic over row numbers (torch.randperm, accelerate's BatchSamplerShard, numpy's split); any rank
 * can compute any rank's share, and skipping to a position costs nothing.
 */
#ifndef RT_DATA_PLAN_H
#define RT_DATA_PLAN_H

#include "base/status.h"
#include "data/draws.h"

#include <stdbool.h>
#include <stdint.h>

struct rt_plan_options {
    int64_t rows;         /* N > 0 */
    int64_t batch;        /* B, rows per micro-batch */
    int64_t accumulation; /* G; 1 for evaluation */
    int64_t ranks;        /* W */
    bool drop_last;
    bool sequential;              /* evaluation, disable_shuffling */
    const int32_t *group_lengths; /* [rows] group_by_length: tokens of each row, else NULL */
    uint64_t seed;                /* data_seed or seed: epoch e permutes with seed + e */
    struct rt_draws draws;        /* group_by_length: the generator instead, and who else draws from it */
};
/* Micro-batches per rank and epoch; optimizer steps per epoch. */
int64_t rt_plan_micros(const struct rt_plan_options *opt);
int64_t rt_plan_steps(const struct rt_plan_options *opt);

struct rt_plan_epoch; /* the order of one epoch or, of evaluation's rows, of one evaluation; keeps no pointer of
                         opt's */
rt_status rt_plan_epoch_open(struct rt_plan_epoch **epoch, const struct rt_plan_options *opt, int64_t number,
                             struct rt_error *err);
void rt_plan_epoch_close(struct rt_plan_epoch *epoch);
/* Row numbers of micro-batch `micro` of `rank`: fills rows[B], returns how many (the last may be short on one
 * rank; on several it is filled from the start of the order). */
int64_t rt_plan_micro(const struct rt_plan_epoch *epoch, int64_t rank, int64_t micro, int64_t *rows);
/* Micro-batches of the optimizer step that `micro` belongs to (G, or what an epoch's last step has left). */
int64_t rt_plan_micros_of_step(const struct rt_plan_options *opt, int64_t micro);

/* datasets.train_test_split(test_size = val_size, seed): permutation by default_rng(seed); eval gets the first
 * n = val_size or ceil(val_size * rows) of it, train the rest in permuted order. Arrays [rows] are the
 * caller's. Fails: RT_ERR_JOB when either side would be empty. */
rt_status rt_plan_split(int64_t rows, double val_size, uint64_t seed, int64_t *train, int64_t *trains,
                        int64_t *eval, int64_t *evals, struct rt_error *err);

#endif
