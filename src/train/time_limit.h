/* time_limit.h - when a run has to stop so that its last checkpoint is written before the batch system's end.
 * Private to train. */
#ifndef RT_TRAIN_TIME_LIMIT_H
#define RT_TRAIN_TIME_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum { RT_STEPS_REMEMBERED = 200 };

/* Times are rt_now_s(); all zeros: no limit. */
struct rt_time_limit {
    double begun_s, end_s;              /* end_s 0: no limit */
    double step_s[RT_STEPS_REMEMBERED]; /* of the last steps */
    int64_t steps;                      /* all of them */
    double save_s;                      /* the longest checkpoint so far */
};

/* max_hours: hours since begun_s, or with `automatic` as the batch system says: SLURM_JOB_END_TIME, squeue,
 * PBS_WALLTIME (since begun_s), qstat, flux. Runs their commands, for 10 s each at most. said: a line for the
 * log. */
enum { RT_TIME_LIMIT_CHARS = 300 };
void rt_time_limit_open(struct rt_time_limit *limit, double hours, bool automatic, double begun_s,
                        char said[RT_TIME_LIMIT_CHARS]);
void rt_time_limit_step(struct rt_time_limit *limit, double seconds);
void rt_time_limit_save(struct rt_time_limit *limit, double seconds);
/* What a step took but for the slowest hundredth; 0: none was done. */
double rt_time_limit_p99(const struct rt_time_limit *limit);
/* Is it time? Two steps, two checkpoints and a minute ahead of the end where there is something to save, and
 * after 0.99 of the time in any case. */
bool rt_time_limit_over(const struct rt_time_limit *limit, bool to_save);

#endif
