/* train.c - ranktune train. */
#include "config.h"
#include "dist/dist.h"
#include "tools/open_job.h"
#include "tools/tools.h"
#include "train/train.h"

#include <stdio.h>
#include <string.h>

rt_status rt_tool_train(int argc, char **argv, struct rt_dist *dist, const volatile sig_atomic_t *stop,
                        struct rt_error *err)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            if (rt_dist_rank(dist) == 0)
                rt_job_help(stdout);
            return RT_OK;
        }
    }
    if (argc == 0)
        return rt_fail(err, RT_ERR_USAGE,
                       "train: give a job file or --key value flags; ranktune train --help lists the keys");
    struct rt_job *job = NULL;
    RT_TRY(rt_open_job(&job, argc, argv, dist, err));
    const rt_status st = rt_train(job, dist, stop, err);
    rt_job_close(job);
    return st;
}
