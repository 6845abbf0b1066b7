/* banner.c - the first lines of a run: which build runs where, and which job. */
#include "config.h"
#include "base/batch_job.h"
#include "base/build.h"
#include "base/file.h"
#include "monitor/nvml.h"
#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static void say_libraries(struct rt_run *run)
{
    char hdf5[32], gpu[256] = "";
    const char *nccl = rt_dist_nccl_version(run->dist);
    if (run->ex->device == RT_DEVICE_CUDA) {
        struct rt_nvml *nvml = rt_nvml_open(NULL);
        const int cuda = rt_nvml_cuda(nvml);
        snprintf(gpu, sizeof gpu, ", NVIDIA driver %s for CUDA %d.%d",
                 nvml != NULL ? rt_nvml_driver(nvml) : "unknown", cuda / 1000, cuda % 1000 / 10);
        rt_nvml_close(nvml);
    }
    rt_report_info(run->report, "%s, HDF5 %s%s%s%s", rt_dist_mpi_version(run->dist), rt_state_library(hdf5),
                   nccl[0] != '\0' ? ", NCCL " : "", nccl, gpu);
}

/* What else decides how ranks reach each other. */
static void say_environment(struct rt_run *run)
{
    static const char *const prefixes[] = { "NCCL_", "UCX_", "OMPI_MCA_", "CUDA_" };
    for (char **at = environ; *at != NULL; at++) {
        const bool quiet = strncmp(*at, "OMPI_MCA_", 9) == 0 && strncmp(*at, "OMPI_MCA_btl", 12) != 0 &&
                           strncmp(*at, "OMPI_MCA_pml", 12) != 0 && strncmp(*at, "OMPI_MCA_mtl", 12) != 0;
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes && !quiet; i++)
            if (strncmp(*at, prefixes[i], strlen(prefixes[i])) == 0)
                rt_report_info(run->report, "environment: %s", *at);
    }
}

static void say_job(struct rt_run *run)
{
    char *brief = rt_job_brief(run->job);
    rt_report_info(run->report, "the job, without what is the default (all of it: %s/resolved_job.yaml)",
                   run->job->output_dir);
    char *rest = NULL;
    for (char *line = brief != NULL ? strtok_r(brief, "\n", &rest) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        rt_report_info(run->report, "  %s", line);
    free(brief);
}

rt_status rt_banner(struct rt_run *run)
{
    if (run->report == NULL)
        return RT_OK;
    const int ranks = rt_dist_size(run->dist), local = rt_dist_local_size(run->dist);
    const struct rt_batch_job job = rt_batch_job();
    rt_report_info(run->report, "%s", rt_build_text());
    say_libraries(run);
    rt_report_info(run->report, "%d rank%s on %d host%s, %s", ranks, ranks == 1 ? "" : "s",
                   (ranks + local - 1) / local, ranks <= local ? "" : "s",
                   run->ex->device == RT_DEVICE_CUDA ? "a GPU each" : "on CPUs");
    if (job.system[0] != '\0')
        rt_report_info(run->report, "%s job %s%s%s", job.system, job.id,
                       job.attempt[0] != '\0' ? ", restart " : "", job.attempt);
    say_environment(run);
    say_job(run);
    if (rt_dist_rank(run->dist) != 0)
        return RT_OK;
    char *text = rt_job_text(run->job);
    const rt_status st =
        text == NULL ? rt_fail(run->err, RT_ERR_MEMORY, "no memory for the resolved job")
                     : rt_file_put(run->job->output_dir, "resolved_job.yaml", text, strlen(text), run->err);
    free(text);
    return st;
}
