/* save.c - checkpoints of a run: taken off it in a moment, written while it goes on, and no end of it for a
 * disk that fails. */
#include "config.h"
#include "base/clock.h"
#include "train/run.h"
#include "train/writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The longest that other ranks wait for rank 0's checkpoint. */
static const double save_timeout_s = 900;

static void warn(const char *text, void *context)
{
    struct rt_run *run = context;
    rt_report_warn(run->report, "%s", text);
}

/* What all ranks make of rank 0's status. */
static rt_status agree(struct rt_run *run, rt_status st)
{
    rt_dist_set_timeout(run->dist, fmax(save_timeout_s, (double)run->job->train.ddp_timeout));
    st = rt_dist_agree(run->dist, st, run->err);
    rt_dist_set_timeout(run->dist, (double)run->job->train.ddp_timeout);
    return st;
}

/* All ranks know st alike. */
static rt_status bear(struct rt_run *run, int64_t step, rt_status st)
{
    const bool bearable = st == RT_ERR_IO || st == RT_ERR_OUTPUT || st == RT_ERR_MEMORY;
    const bool last = run->stopped && step == run->step; /* what a stopped run would go on from */
    run->together = true;
    if (!bearable || last || strcmp(run->job->train.save_failure, "fatal") == 0)
        return rt_fail_in(run->err, "checkpoint-%lld is not written: ", (long long)step);
    run->together = false;
    run->unsaved_as = st;
    snprintf(run->unsaved, sizeof run->unsaved, "checkpoint-%lld is not written: %.900s", (long long)step,
             run->err->text);
    rt_report_warn(run->report, "%s; training goes on", run->unsaved);
    return RT_OK;
}

/* Rank 0, once: it is written. */
static void say_written(struct rt_run *run, double seconds)
{
    if (run->saving.said)
        return;
    run->saving.said = true;
    rt_time_limit_save(&run->limit, seconds);
    rt_report_info(run->report, "checkpoint-%lld written", (long long)run->saving.step);
    rt_summary_saved(run, run->saving.step);
}

/* Rank 0: how the checkpoint under way ended. */
static rt_status wait_for(struct rt_run *run, struct rt_error *err)
{
    double seconds;
    const rt_status st = rt_writer_wait(run->saving.writer, warn, run, &seconds, err);
    if (st == RT_OK)
        say_written(run, seconds + run->saving.taken_s);
    rt_writer_free(run->saving.writer);
    run->saving.writer = NULL;
    return st;
}

void rt_run_save_look(struct rt_run *run)
{
    char text[RT_WRITER_CHARS];
    if (run->saving.writer == NULL)
        return;
    if (rt_writer_news(run->saving.writer, text))
        warn(text, run);
    if (rt_writer_done(run->saving.writer)) {
        double seconds;
        struct rt_error err;
        run->saving.failed = rt_writer_wait(run->saving.writer, warn, run, &seconds, &err) != RT_OK;
        if (!run->saving.failed)
            say_written(run, seconds + run->saving.taken_s);
    }
}

rt_status rt_run_save_wait(struct rt_run *run)
{
    const int64_t step = run->saving.step;
    if (step < 0)
        return RT_OK;
    rt_status st = run->saving.writer != NULL ? wait_for(run, run->err) : RT_OK;
    st = agree(run, st);
    run->saving.step = -1;
    run->saving.failed = false;
    if (st == RT_ERR_COMM)
        return st;
    if (st != RT_OK)
        return bear(run, step, st);
    if (rt_dist_rank(run->dist) != 0)
        rt_summary_saved(run, step);
    run->saved_step = step;
    run->unsaved[0] = '\0';
    return RT_OK;
}

/* Rank 0: the run as it stands, and a thread that writes it. */
static rt_status begin(struct rt_run *run)
{
    const double from = rt_now_s();
    const struct rt_writing writing = { .output_dir = run->job->output_dir,
                                        .snapshot = &run->saving.snapshot,
                                        .lock = run->lock,
                                        .report = run->report,
                                        .world_size = rt_dist_size(run->dist),
                                        .save_total_limit = run->job->train.save_total_limit };
    RT_TRY(rt_snapshot_take(&run->saving.snapshot, run));
    run->saving.taken_s = rt_now_s() - from;
    run->saving.said = run->saving.failed = false;
    return rt_writer_start(&run->saving.writer, &writing, run->err);
}

rt_status rt_run_save(struct rt_run *run)
{
    rt_run_store_flos(run);
    if (run->saved_step != run->step && run->saving.step != run->step) {
        RT_TRY(rt_run_save_wait(run)); /* one at a time */
        const rt_status st = agree(run, rt_dist_rank(run->dist) == 0 ? begin(run) : RT_OK);
        if (st == RT_ERR_COMM)
            return st;
        if (st != RT_OK)
            return bear(run, run->step, st);
        run->saving.step = run->step;
    }
    return run->stopped || run->save_asked ? rt_run_save_wait(run) : RT_OK;
}

void rt_run_save_close(struct rt_run *run)
{
    struct rt_error err;
    if (run->saving.writer != NULL) {
        rt_dist_phase(run->dist, RT_PHASE_SAVE, run->step);
        if (wait_for(run, &err) != RT_OK)
            rt_report_warn(run->report, "checkpoint-%lld is not written: %s", (long long)run->saving.step,
                           err.text);
    }
    run->saving.step = -1;
}
