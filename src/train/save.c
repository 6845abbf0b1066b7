/* save.c - a checkpoint of a run: room first, tried again where the disk fails, and no end of the run for it.
 */
#include "config.h"
#include "base/clock.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "train/run.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Pauses before it is tried again. */
static const double pause_s[] = { 1, 5, 30 };
enum { PAUSES = sizeof pause_s / sizeof *pause_s };

/* The longest that other ranks wait for rank 0's checkpoint. */
static const double save_timeout_s = 900;

/* For MANIFEST.json: the job's digest and what a resume compares; malloc'ed, NULL without memory. */
static char *note_of(const struct rt_run *run)
{
    char hex[RT_DIGEST_CHARS + 1];
    char *job = rt_job_text(run->job), *identity = rt_identity_text(run), *text = NULL;
    if (job != NULL && identity != NULL) {
        rt_digest_text(job, strlen(job), hex);
        json_t *o = json_pack("{s:s, s:o?}", "config", hex, "identity", json_loads(identity, 0, NULL));
        text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
        json_decref(o);
    }
    free(job);
    free(identity);
    return text;
}

static rt_status write_once(struct rt_run *run, const char *note)
{
    char *folder = NULL;
    RT_TRY(rt_checkpoint_begin(run->job->output_dir, run->step, &folder, run->err));
    rt_status st = rt_run_write_folder(run, folder);
    if (st == RT_OK)
        st = rt_checkpoint_commit(run->job->output_dir, run->step, folder, rt_dist_size(run->dist),
                                  run->job->train.save_total_limit, note, run->err);
    if (st != RT_OK)
        rt_checkpoint_abandon(folder);
    free(folder);
    return st;
}

/* Rank 0. A full disk may be emptied, a server may come back; a limit on file size stays. */
static rt_status write_somehow(struct rt_run *run)
{
    RT_TRY(rt_lock_check(run->lock, run->err));
    RT_TRY(rt_checkpoint_room(run->job->output_dir, rt_run_folder_bytes(run), run->job->train.save_total_limit,
                              run->err));
    char *note = note_of(run);
    if (note == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY, "out of host memory writing a checkpoint");
    rt_status st = write_once(run, note);
    for (int i = 0; i < PAUSES && st == RT_ERR_IO && !run->err->lasting; i++) {
        const struct timespec nap = { .tv_sec = (time_t)pause_s[i] };
        rt_report_warn(run->report, "checkpoint-%lld: %s; tried again in %.0f s", (long long)run->step,
                       run->err->text, pause_s[i]);
        nanosleep(&nap, NULL);
        st = write_once(run, note);
    }
    free(note);
    return st;
}

/* All ranks know st alike. */
static rt_status bear(struct rt_run *run, rt_status st)
{
    const bool bearable = st == RT_ERR_IO || st == RT_ERR_OUTPUT || st == RT_ERR_MEMORY;
    run->together = true;
    if (!bearable || run->stopped || strcmp(run->job->train.save_failure, "fatal") == 0)
        return rt_fail_in(run->err, "checkpoint-%lld is not written: ", (long long)run->step);
    run->together = false;
    run->unsaved_as = st;
    snprintf(run->unsaved, sizeof run->unsaved, "checkpoint-%lld is not written: %.900s", (long long)run->step,
             run->err->text);
    rt_report_warn(run->report, "%s; training goes on", run->unsaved);
    return RT_OK;
}

rt_status rt_run_save(struct rt_run *run)
{
    const double from = rt_now_s();
    rt_run_store_flos(run);
    if (run->saved_step == run->step)
        return RT_OK;
    rt_status st = rt_dist_rank(run->dist) == 0 ? write_somehow(run) : RT_OK;
    rt_dist_set_timeout(run->dist, fmax(save_timeout_s, (double)run->job->train.ddp_timeout));
    st = rt_dist_agree(run->dist, st, run->err);
    rt_dist_set_timeout(run->dist, (double)run->job->train.ddp_timeout);
    if (st == RT_ERR_COMM)
        return st;
    if (st != RT_OK)
        return bear(run, st);
    rt_time_limit_save(&run->limit, rt_now_s() - from);
    run->saved_step = run->step;
    run->unsaved[0] = '\0';
    rt_report_info(run->report, "checkpoint-%lld written", (long long)run->step);
    rt_summary_saved(run);
    return RT_OK;
}
