/* batch_job.h - the batch system's job that a process runs in. */
#ifndef RT_BASE_BATCH_JOB_H
#define RT_BASE_BATCH_JOB_H

#include <stdbool.h>

enum { RT_BATCH_ID_CHARS = 96 };
struct rt_batch_job {
    char system[8];             /* "slurm", "pbs", "lsf", "sge", "flux"; "" without one */
    char id[RT_BATCH_ID_CHARS]; /* as the system's own commands take it */
    char attempt[16];           /* how often the job was requeued, as the system counts; "" where it does not */
};
/* From the environment. */
struct rt_batch_job rt_batch_job(void);

/* Does the system say that a job runs no more (or no more in this attempt)? Asks its commands, which takes 10 s
 * at most; false where it cannot tell. */
bool rt_batch_job_gone(const struct rt_batch_job *job);

/* Is it this job, by a system that does not count how often it was run again? Then it may be this attempt or an
 * earlier one. */
bool rt_batch_job_again(const struct rt_batch_job *job);

/* What may stand in a file name: the job's id, else the process's number. Returns text. */
const char *rt_batch_name(char text[RT_BATCH_ID_CHARS]);

#endif
