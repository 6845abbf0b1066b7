/* resume.c - how a run goes on from a checkpoint: which one, whether it fits, and its state back in. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "train/run.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static rt_status put_adapter(struct rt_run *run, const float *host)
{
    const struct rt_adapter *ad = run->adapter;
    const size_t bytes = (size_t)ad->count * sizeof(float);
    RT_TRY(rt_exec_put(run->ex, ad->p, host, bytes));
    RT_TRY(rt_exec_put(run->ex, ad->m, host + ad->count, bytes));
    RT_TRY(rt_exec_put(run->ex, ad->v, host + 2 * ad->count, bytes));
    return rt_model_refresh(run->model);
}

/* Checkpoints that had to be passed over. */
struct passed {
    struct rt_report *report;
    int64_t count;
};

static void warn(const char *text, void *context)
{
    struct passed *passed = context;
    passed->count++;
    rt_report_warn(passed->report, "%s", text);
}

/* Going on is all but the wish of who starts a run again in its folder: where no checkpoint is good, that is
 * said, and nothing is written over before the job asks for it. */
static rt_status none_good(struct rt_run *run, int64_t bad)
{
    const char *folder = run->job->output_dir, *wish = run->job->train.resume_from_checkpoint;
    if (bad > 0 && run->job->train.allow_restart) {
        rt_report_warn(run->report,
                       "%s: none of its %lld checkpoints is good; allow_restart: true: from the start", folder,
                       (long long)bad);
        return RT_OK;
    }
    if (bad > 0)
        return rt_fail(run->err, RT_ERR_FILE,
                       "%s: none of its %lld checkpoints is good; write allow_restart: true or "
                       "overwrite_output_dir: true to train from the start, or another output_dir",
                       folder, (long long)bad);
    if (wish != NULL)
        return rt_fail(run->err, RT_ERR_FILE,
                       "resume_from_checkpoint: true, but %s holds no checkpoint; write the folder of "
                       "one, or remove this key",
                       folder);
    return RT_OK;
}

/* A checkpoint of a run with save_only_model cannot be gone on from. */
static rt_status check_state(struct rt_run *run, const char *folder)
{
    char path[4096];
    struct stat info;
    snprintf(path, sizeof path, "%s/state.h5", folder);
    if (rt_checkpoint_foreign(folder) || stat(path, &info) == 0 || errno != ENOENT)
        return RT_OK;
    return rt_fail(
        run->err, RT_ERR_FILE,
        "%s: it holds the adapter alone (save_only_model), and a run cannot go on from that; "
        "write overwrite_output_dir: true to train from the start, or adapter_name_or_path: %s and another "
        "output_dir",
        folder, folder);
}

/* Rank 0: the folder to go on from, NULL for none. */
static rt_status find(struct rt_run *run, char **folder)
{
    const struct rt_train_options *opt = &run->job->train;
    const char *wish = opt->resume_from_checkpoint;
    int64_t step = 0;
    *folder = NULL;
    if (wish != NULL && strcmp(wish, "false") == 0)
        return RT_OK;
    if (wish == NULL && opt->overwrite_output_dir)
        return RT_OK;
    if (wish != NULL && strcmp(wish, "true") != 0) {
        RT_TRY(rt_checkpoint_verify(wish, run->err));
        *folder = strdup(wish);
        return *folder == NULL ? rt_fail(run->err, RT_ERR_MEMORY, "out of host memory")
                               : check_state(run, wish);
    }
    struct passed passed = { run->report, 0 };
    RT_TRY(rt_checkpoint_newest(run->job->output_dir, folder, &step, warn, &passed, run->err));
    return *folder == NULL ? none_good(run, passed.count) : check_state(run, *folder);
}

static rt_status read_text(struct rt_run *run, const char *path, const char *name, char **text)
{
    int64_t bytes = 0;
    RT_TRY(rt_state_count(path, name, &bytes, run->err));
    if (bytes < 0)
        return rt_fail(run->err, RT_ERR_FILE, "%s: dataset %s is missing", path, name);
    *text = calloc((size_t)bytes + 1, 1);
    if (*text == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY, "out of host memory reading %s", path);
    struct rt_state_item item = { name, RT_STATE_BYTES, bytes, *text };
    return rt_state_read(path, &item, 1, run->err);
}

/* Rank 0: the best adapter so far, if the checkpoint has one and the job wants it. */
static rt_status read_best(struct rt_run *run, const char *path)
{
    int64_t count = -1;
    RT_TRY(rt_state_count(path, "/lora/best", &count, run->err));
    if (count != run->adapter->count || !run->job->train.load_best_model_at_end)
        return RT_OK;
    run->best = malloc((size_t)count * sizeof *run->best);
    if (run->best == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY, "out of host memory reading %s", path);
    struct rt_state_item item = { "/lora/best", RT_STATE_F32, count, run->best };
    return rt_state_read(path, &item, 1, run->err);
}

/* Rank 0: which micro-batches are merged decides the order of sums, and dropout's masks. */
static rt_status compare_passes(struct rt_run *run, const char *path)
{
    const int64_t ours = rt_model_pass_tokens(run->model);
    int64_t count = 0;
    double theirs = 0;
    RT_TRY(rt_state_count(path, "/pass_tokens", &count, run->err));
    struct rt_state_item item = { "/pass_tokens", RT_STATE_F64, 1, &theirs };
    if (count != 1) /* of an older version */
        return RT_OK;
    RT_TRY(rt_state_read(path, &item, 1, run->err));
    if ((int64_t)theirs != ours)
        rt_report_warn(
            run->report,
            "%s: the memory plan made passes of up to %lld tokens there and makes %lld now; the run goes "
            "on, but not with the bits that it would have had",
            path, (long long)theirs, (long long)ours);
    return RT_OK;
}

/* Rank 0: was the evaluation after the checkpoint's step stopped? */
static rt_status read_owed(struct rt_run *run, const char *path)
{
    int64_t count = -1;
    RT_TRY(rt_state_count(path, "/owes_evaluation", &count, run->err));
    run->owes_evaluation = count == 1;
    return RT_OK;
}

/* Rank 0: steps that were left out so far; older versions did not count them. */
static rt_status read_bad_steps(struct rt_run *run, const char *path)
{
    int64_t count = 0;
    double all = 0;
    RT_TRY(rt_state_count(path, "/bad_steps", &count, run->err));
    if (count == 1)
        RT_TRY(
            rt_state_read(path, &(struct rt_state_item){ "/bad_steps", RT_STATE_F64, 1, &all }, 1, run->err));
    run->bad_all = (int64_t)all;
    return RT_OK;
}

/* Rank 0: file to host arrays, and the log files back to where they were. */
static rt_status read_state(struct rt_run *run, const char *folder, float *host, double scalars[RT_RUN_SCALARS])
{
    const int64_t n = run->adapter->count;
    char path[4096], *who = NULL, *report = NULL;
    snprintf(path, sizeof path, "%s/state.h5", folder);
    rt_status st;
    RT_TRY_TO(st, read_text(run, path, "/identity", &who), err_free);
    RT_TRY_TO(st, rt_identity_compare(run, path, who), err_free);
    RT_TRY_TO(st, compare_passes(run, path), err_free);
    RT_TRY_TO(st, read_text(run, path, "/report", &report), err_free);
    struct rt_state_item items[] = {
        { "/lora/p", RT_STATE_F32, n, host },
        { "/lora/m", RT_STATE_F32, n, host + n },
        { "/lora/v", RT_STATE_F32, n, host + 2 * n },
        { "/run", RT_STATE_F64, RT_RUN_SCALARS, scalars },
    };
    RT_TRY_TO(st, rt_state_read(path, items, sizeof items / sizeof *items, run->err), err_free);
    RT_TRY_TO(st, rt_report_resume(run->report, report, (int64_t)scalars[0], run->err), err_free);
    RT_TRY_TO(st, read_best(run, path), err_free);
    RT_TRY_TO(st, read_owed(run, path), err_free);
    RT_TRY_TO(st, read_bad_steps(run, path), err_free);
    rt_report_info(run->report, "going on from %s, after step %lld", folder, (long long)scalars[0]);
err_free:
    free(who);
    free(report);
    return st;
}

static rt_status share_best(struct rt_run *run)
{
    const size_t bytes = (size_t)run->adapter->count * sizeof(float);
    int have = run->best != NULL;
    RT_TRY(rt_dist_bcast(run->dist, &have, sizeof have, 0, run->err));
    if (!have)
        return RT_OK;
    if (run->best == NULL)
        run->best = malloc(bytes);
    const rt_status st =
        run->best == NULL ? rt_fail(run->err, RT_ERR_MEMORY, "out of host memory resuming") : RT_OK;
    RT_TRY(rt_dist_agree(run->dist, st, run->err));
    return rt_dist_bcast(run->dist, run->best, bytes, 0, run->err);
}

/* Rank 0's state to all. */
static rt_status share_state(struct rt_run *run, const char *folder)
{
    const size_t bytes = (size_t)(3 * run->adapter->count) * sizeof(float);
    double scalars[RT_RUN_SCALARS] = { 0 };
    float *host = malloc(bytes);
    rt_status st = host == NULL ? rt_fail(run->err, RT_ERR_MEMORY, "out of host memory resuming") : RT_OK;
    if (st == RT_OK && rt_dist_rank(run->dist) == 0)
        st = rt_checkpoint_foreign(folder) ? rt_run_read_foreign(run, folder, host, scalars)
                                           : read_state(run, folder, host, scalars);
    st = rt_dist_agree(run->dist, st, run->err);
    if (st == RT_OK)
        st = rt_dist_bcast(run->dist, scalars, sizeof scalars, 0, run->err);
    if (st == RT_OK)
        st = rt_dist_bcast(run->dist, host, bytes, 0, run->err);
    if (st == RT_OK)
        st = rt_dist_bcast(run->dist, &run->bad_all, sizeof run->bad_all, 0, run->err);
    if (st == RT_OK)
        st = share_best(run);
    if (st == RT_OK)
        st = rt_dist_bcast(run->dist, &run->owes_evaluation, sizeof run->owes_evaluation, 0, run->err);
    if (st == RT_OK)
        st = put_adapter(run, host);
    free(host);
    if (st == RT_OK)
        rt_run_scalars_in(run, scalars);
    if (st == RT_OK && run->owes_evaluation)
        run->evaluations--;
    return rt_dist_agree(run->dist, st, run->err);
}

static rt_status begin_report(struct rt_run *run)
{
    struct rt_report_options opt = run->job->report;
    opt.total_steps = run->steps;
    opt.logging_steps = run->logging_steps;
    opt.eval_steps = run->eval_steps > 0 ? run->eval_steps : 500;
    opt.save_steps = run->save_steps;
    opt.num_train_epochs = (double)((run->steps + run->steps_per_epoch - 1) / run->steps_per_epoch);
    return rt_dist_agree(run->dist, rt_report_begin(run->report, &opt, run->step, run->err), run->err);
}

rt_status rt_run_resume(struct rt_run *run)
{
    char *folder = NULL;
    int found = 0;
    rt_status st = RT_OK;
    if (rt_dist_rank(run->dist) == 0)
        st = find(run, &folder);
    found = folder != NULL;
    st = rt_dist_agree(run->dist, st, run->err);
    if (st == RT_OK)
        st = rt_dist_bcast(run->dist, &found, sizeof found, 0, run->err);
    if (st == RT_OK && found)
        st = share_state(run, folder);
    /* it is this folder's own, unless another's was named or an evaluation is to come that changes it */
    const char *wish = run->job->train.resume_from_checkpoint;
    if (st == RT_OK && found && !run->owes_evaluation && (wish == NULL || strcmp(wish, "true") == 0))
        run->saved_step = run->step;
    free(folder);
    RT_TRY(st);
    return begin_report(run);
}
