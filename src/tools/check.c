/* check.c - ranktune check: a job looked at before it runs. */
#include "config.h"
#include "check/check.h"
#include "dist/dist.h"
#include "tools/open_job.h"
#include "tools/tools.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Takes check's own flags out of argv; the rest is the job's. */
static rt_status own_flags(int *argc, char **argv, struct rt_check_options *opt, struct rt_error *err)
{
    static const char gpu[] = "--gpu-gib";
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            opt->json = true;
        } else if (strncmp(argv[i], gpu, sizeof gpu - 1) == 0 &&
                   (argv[i][sizeof gpu - 1] == '\0' || argv[i][sizeof gpu - 1] == '=')) {
            const char *value = argv[i][sizeof gpu - 1] == '=' ? argv[i] + sizeof gpu
                                : i + 1 < *argc                ? argv[++i]
                                                               : "";
            char *end = NULL;
            opt->gpu_gib = strtod(value, &end);
            if (end == value || *end != '\0' || !(opt->gpu_gib >= 1 && opt->gpu_gib <= 4096))
                return rt_fail(err, RT_ERR_USAGE,
                               "check: --gpu-gib: \"%.40s\" is not a number from 1 to 4096; write --gpu-gib 80",
                               value);
        } else {
            argv[kept++] = argv[i];
        }
    }
    *argc = kept;
    return RT_OK;
}

rt_status rt_tool_check(int argc, char **argv, struct rt_dist *dist, const volatile sig_atomic_t *stop,
                        struct rt_error *err)
{
    (void)stop;
    struct rt_check_options opt = { .gpu_gib = 0 };
    struct rt_job *job = NULL;
    RT_TRY(own_flags(&argc, argv, &opt, err));
    if (argc == 0)
        return rt_fail(err, RT_ERR_USAGE, "check: give a job file, or --key value flags as for train");
    RT_TRY(rt_open_job(&job, argc, argv, dist, err));
    const rt_status st = rt_check_job(job, &opt, dist, err);
    rt_job_close(job);
    return st;
}
