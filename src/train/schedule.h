/* schedule.h - the learning rate of each step: every schedule of the reference. Private to train. */
#ifndef RT_TRAIN_SCHEDULE_H
#define RT_TRAIN_SCHEDULE_H

#include "base/status.h"
#include "job/job.h"

#include <stdint.h>

struct rt_schedule {
    const char *type;
    const struct rt_schedule_kwargs *kwargs; /* lr_scheduler_kwargs */
    double lr;                               /* learning_rate */
    int64_t steps;                           /* T, all optimizer steps */
    int64_t warmup;                          /* w, in steps */
    double stable, decay;                    /* warmup_stable_decay: steps of the middle and last part */
};

/* Checks type and kwargs against each other. Fails: RT_ERR_JOB naming key and value. */
rt_status rt_schedule_init(struct rt_schedule *schedule, const struct rt_train_options *opt, int64_t steps,
                           struct rt_error *err);
/* Learning rate of the step that follows `done` finished steps. Source: transformers/optimization.py. */
double rt_schedule_lr(const struct rt_schedule *schedule, int64_t done);

#endif
