/* open_job.h - the job named by a command line, on every rank. Private to tools. */
#ifndef RT_TOOLS_OPEN_JOB_H
#define RT_TOOLS_OPEN_JOB_H

#include "base/status.h"
#include "job/job.h"

struct rt_dist;

/* Collective: rank 0 reads the file, all parse it. Warnings go to rank 0's stderr. */
rt_status rt_open_job(struct rt_job **job, int argc, char **argv, struct rt_dist *dist, struct rt_error *err);

#endif
