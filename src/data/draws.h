/*
 * draws.h - with group_by_length: the state of the one generator that the reference's orders come from.
 *
 * Torch's own generator, which nothing else of a run touches: the loader of an epoch or of an evaluation draws
 * a seed for its workers and then the permutation of its rows. So an order depends on all orders before it.
 */
#ifndef RT_DATA_DRAWS_H
#define RT_DATA_DRAWS_H

#include "base/rng.h"
#include "data/data.h"

struct rt_draws {
    uint64_t seed;
    bool evaluation; /* whose orders are asked for: false: the epochs' */
    int64_t rows, eval_rows;
    int64_t steps_per_epoch;
    struct rt_data_course course;
};
/* The generator as it is when it permutes the rows of epoch, or evaluation, `number`. Takes time in proportion
 * to all the rows before: a nanosecond or two each. */
void rt_draws_until(struct rt_mt19937 *g, const struct rt_draws *draws, int64_t number);
/* Evaluations done after `step` steps, those that follow this step included. */
int64_t rt_draws_evaluations(const struct rt_data_course *course, int64_t steps_per_epoch, int64_t step);

#endif
