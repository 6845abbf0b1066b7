/* open_job.c - the job named by a command line, on every rank. */
#include "config.h"
#include "tools/open_job.h"
#include "dist/dist.h"

#include <stdio.h>
#include <stdlib.h>

static void say(const char *text, void *context)
{
    if (rt_dist_rank(context) == 0)
        fprintf(stderr, "ranktune: %s\n", text);
}

rt_status rt_open_job(struct rt_job **job, int argc, char **argv, struct rt_dist *dist, struct rt_error *err)
{
    const char *path = rt_job_file(argc, argv);
    char *text = NULL;
    size_t bytes = 0;
    if (path != NULL)
        RT_TRY(rt_dist_read_file(dist, path, &text, &bytes, err));
    const struct rt_notes notes = { .note = say, .context = dist };
    const rt_status st = rt_job_open(job, argc, argv, text, bytes, &notes, err);
    free(text);
    return rt_dist_agree(dist, st, err);
}
