/* draws.c - with group_by_length: the state of the one generator that the reference's orders come from. */
#include "config.h"
#include "data/draws.h"

#include <math.h>

/* How many of every, 2 every, 3 every, ... are at least `from` and at most `to`. */
static int64_t multiples(int64_t every, double from, int64_t to)
{
    const double first = fmax(1, ceil(from / (double)every)), last = (double)(to / every);
    return last >= first ? (int64_t)(last - first) + 1 : 0;
}

int64_t rt_draws_evaluations(const struct rt_data_course *course, int64_t steps_per_epoch, int64_t step)
{
    int64_t count = course->eval_on_start;
    if (course->eval_each_epoch && steps_per_epoch > 0) {
        const int64_t whole = step / steps_per_epoch;
        const bool last =
            step == course->steps && step % steps_per_epoch != 0; /* an epoch that the run leaves early */
        const double epoch = (double)step / (double)steps_per_epoch;
        count += multiples(1, course->eval_delay, whole) + (last && epoch >= course->eval_delay);
    } else if (course->eval_steps > 0) {
        const bool last = step == course->steps && step % course->eval_steps != 0;
        count += multiples(course->eval_steps, course->eval_delay, step) +
                 (last && (double)step >= course->eval_delay);
    }
    return count;
}

void rt_draws_until(struct rt_mt19937 *g, const struct rt_draws *draws, int64_t number)
{
    const int64_t u = draws->steps_per_epoch, steps = draws->course.steps;
    int64_t epochs = 0, evals = 0;
    rt_mt19937_seed(g, draws->seed);
    for (;;) {
        const bool trained = epochs * u >= steps; /* nothing but evaluations is left */
        const bool eval =
            (draws->evaluation && trained) || evals < rt_draws_evaluations(&draws->course, u, epochs * u);
        rt_mt19937_u64(g); /* the workers' seed */
        if (eval == draws->evaluation && (eval ? evals : epochs) == number)
            return;
        rt_torch_randperm_skip(g, eval ? draws->eval_rows : draws->rows);
        if (eval)
            evals++;
        else
            epochs++;
    }
}
