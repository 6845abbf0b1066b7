/* train.h - a job from its options to its last file. */
#ifndef RT_TRAIN_TRAIN_H
#define RT_TRAIN_TRAIN_H

#include "base/status.h"
#include "job/job.h"

#include <signal.h>

struct rt_dist;

/* Collective. Trains and evaluates as do_train and do_eval say. stop, [RT_SIGNALS] of base/signals.h, is
 * counted up by a signal handler: the ranks agree within a step, or in any long phase, write a checkpoint and
 * all return RT_STOPPED; err->exit_code then is what the job wants for it. Every rank returns the same status;
 * a failure that one rank alone meets inside the loop ends the whole job by rt_dist_abort. */
rt_status rt_train(const struct rt_job *job, struct rt_dist *dist, const volatile sig_atomic_t *stop,
                   struct rt_error *err);

/* What a run on so many ranks comes to. Also tells data when the run evaluates (rt_data_set_course). */
struct rt_counts {
    int64_t steps, logging_steps, save_steps, eval_steps; /* optimizer steps; 0: never */
};
struct rt_counts rt_train_count(const struct rt_train_options *opt, struct rt_data *data, int64_t ranks);

#endif
