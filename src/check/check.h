/*
 * check.h - a job looked at before it runs, by the ranks that will run it: hosts, settings, links, memory,
 * disk, model files, data.
 */
#ifndef RT_CHECK_CHECK_H
#define RT_CHECK_CHECK_H

#include "base/status.h"
#include "job/job.h"

#include <stdbool.h>

struct rt_dist;

struct rt_check_options {
    bool json;      /* one object on stdout in place of lines */
    double gpu_gib; /* plan for a GPU of so much memory, GiB, which need not be here; 0: for the devices here */
};

/*
 * Collective. Each part says on rank 0's stdout what it looked at: a line that begins with OK, warning or FAIL,
 * and for the latter two a line with what to do. A part that fails does not keep the later ones from looking,
 * unless they need it. Returns the status of the first that failed, which a run would have met first too: its
 * text says how many did. A rank that cannot go on ends the job, as in a run.
 * Writes files into output_dir and removes them, folders that it made too.
 */
rt_status rt_check_job(const struct rt_job *job, const struct rt_check_options *opt, struct rt_dist *dist,
                       struct rt_error *err);

#endif
