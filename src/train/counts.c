/* counts.c - how many optimizer steps a run takes, and after how many it logs, evaluates and saves. */
#include "config.h"
#include "train/train.h"

#include <math.h>

/* A key in steps, or a share of all steps below 1. */
static int64_t in_steps(double value, int64_t steps)
{
    if (isnan(value) || value <= 0)
        return 0;
    return (int64_t)(value < 1 ? ceil((double)steps * value) : value);
}

struct rt_counts rt_train_count(const struct rt_train_options *opt, struct rt_data *data, int64_t ranks)
{
    const double epochs = opt->num_train_epochs * (double)rt_data_steps_per_epoch(data, ranks);
    const int64_t steps = opt->max_steps > 0 ? opt->max_steps : (int64_t)ceil(epochs);
    const struct rt_counts n = { steps, in_steps(opt->logging_steps, steps), in_steps(opt->save_steps, steps),
                                 in_steps(opt->eval_steps, steps) };
    const struct rt_data_course course = {
        .steps = opt->do_train ? steps : 0,
        .eval_on_start = opt->eval_on_start && opt->eval_strategy != RT_STRATEGY_NO,
        .eval_each_epoch = opt->eval_strategy == RT_STRATEGY_EPOCH,
        .eval_steps = opt->eval_strategy == RT_STRATEGY_STEPS ? n.eval_steps : 0,
        .eval_delay = opt->eval_delay,
    };
    rt_data_set_course(data, &course);
    return n;
}
