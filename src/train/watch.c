/* watch.c - who watches over a run: what the watchdog has to know of it. */
#include "config.h"
#include "base/signals.h"
#include "train/run.h"

static void name_sample(void *context, int64_t sample, char *text, size_t bytes)
{
    const struct rt_run *run = context;
    const struct rt_data *data = run->named;
    if (data != NULL)
        rt_data_sample(data, sample, text, bytes);
}

static bool told_to_end(void *context)
{
    const struct rt_run *run = context;
    return run->stop[RT_SIGNAL_TERM] != 0;
}

rt_status rt_run_watch(struct rt_run *run)
{
    struct rt_gpu gpu;
    RT_TRY(rt_run_gpu(run, &gpu));
    RT_TRY(rt_dist_watch_begin(run->dist,
                               &(struct rt_dist_watch_options){ .folder = run->job->output_dir,
                                                                .gpu = gpu.uuid,
                                                                .where = name_sample,
                                                                .forced = rt_summary_forced,
                                                                .told = told_to_end,
                                                                .context = run },
                               run->err));
    return rt_dist_agree(run->dist, rt_hardware_open(run), run->err);
}
