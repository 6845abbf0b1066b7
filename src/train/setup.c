/* setup.c - everything that is settled before the first step: data, device, model, counts. */
#include "config.h"
#include "base/clock.h"
#include "base/file.h"
#include "train/run.h"
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void show_progress(const char *what, int64_t done, int64_t total, void *context)
{
    rt_report_progress(context, what, done, total);
}

static void show_note(const char *text, void *context)
{
    rt_report_warn(context, "%s", text);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct rt_model_limits limits_of(const struct rt_run *run, enum rt_split split)
{
    struct rt_data_limits l;
    rt_data_limits(run->data, split, &l);
    return (struct rt_model_limits){ .tokens = l.tokens,
                                     .samples = l.samples,
                                     .max_length = l.max_length,
                                     .patches = l.patches,
                                     .pictures = l.pictures,
                                     .learned = l.learned,
                                     .max_picture_patches = l.max_picture_patches };
}

static struct rt_model_needs needs_of(const struct rt_run *run)
{
    const struct rt_train_options *opt = &run->job->train;
    struct rt_model_needs needs = { .micros = opt->gradient_accumulation_steps };
    if (opt->do_train)
        needs.train = limits_of(run, RT_TRAIN);
    if (opt->do_eval)
        needs.eval = limits_of(run, RT_EVAL);
    return needs;
}

static rt_status count_steps(struct rt_run *run)
{
    const struct rt_train_options *opt = &run->job->train;
    const struct rt_counts n = rt_train_count(opt, run->data, rt_dist_size(run->dist));
    run->steps_per_epoch = rt_data_steps_per_epoch(run->data, rt_dist_size(run->dist));
    run->micros_per_epoch = rt_data_micros_per_epoch(run->data, RT_TRAIN);
    run->steps = n.steps;
    run->logging_steps = n.logging_steps;
    run->save_steps = n.save_steps;
    run->eval_steps = n.eval_steps;
    if (run->micros_per_epoch == 0)
        return rt_fail(run->err, RT_ERR_JOB,
                       "%lld rows are fewer than one batch and dataloader_drop_last is true; lower "
                       "per_device_train_batch_size",
                       (long long)rt_data_rows(run->data, RT_TRAIN));
    return rt_schedule_init(&run->schedule, opt, run->steps, run->err);
}

static void say_start(struct rt_run *run)
{
    const struct rt_train_options *opt = &run->job->train;
    const long long rows = (long long)rt_data_rows(run->data, RT_TRAIN);
    const int size = rt_dist_size(run->dist);
    char *plan = rt_model_plan_text(run->model);
    if (plan != NULL)
        rt_report_info(run->report, "%s", plan);
    free(plan);
    rt_report_info(run->report, "%lld rows for training, %lld for evaluation", rows,
                   (long long)rt_data_rows(run->data, RT_EVAL));
    if (rt_data_bad_rows(run->data) > 0)
        rt_report_warn(run->report,
                       "%lld rows cannot be used and are left out; %s/bad_rows.jsonl says which and why",
                       (long long)rt_data_bad_rows(run->data), run->job->output_dir);
    rt_report_info(run->report, "LoRA on %lld modules: %lld parameters learn, %lld in all",
                   (long long)run->adapter->modules, (long long)run->adapter->count,
                   (long long)rt_model_params(run->model));
    if (opt->do_train)
        rt_report_info(
            run->report, "%d ranks x batch %lld x accumulation %lld: %lld steps an epoch, %lld in all", size,
            (long long)run->job->data.per_device_train_batch_size, (long long)opt->gradient_accumulation_steps,
            (long long)run->steps_per_epoch, (long long)run->steps);
}

static rt_status open_model(struct rt_run *run)
{
    const struct rt_notes notes = { show_progress, show_note, run->report };
    const struct rt_model_needs needs = needs_of(run);
    RT_TRY(rt_model_open(&run->model, run->ex, &run->job->model, &needs, rt_data_pixel_lut(run->data),
                         run->dist, &notes, run->err));
    if (rt_data_largest_id(run->data) >= rt_model_vocab(run->model)) /* on every rank alike */
        return rt_fail(run->err, RT_ERR_FILE,
                       "%s: tokenizer.json makes token id %d of the data, but vocab_size in config.json is "
                       "%lld; the folder mixes files of two models",
                       run->job->model.model_name_or_path, (int)rt_data_largest_id(run->data),
                       (long long)rt_model_vocab(run->model));
    run->adapter = rt_model_adapter(run->model);
    const rt_status st = rt_exec_alloc(run->ex, (void **)&run->norm, sizeof *run->norm);
    return rt_dist_agree(run->dist, st, run->err);
}

static void say_before(const char *text, void *context)
{
    (void)context; /* there is no report before the folder is ours */
    fprintf(stderr, "ranktune: %s\n", text);
}

/* Rank 0: the folder is ours alone from here on, swept, and logs can go there. */
static rt_status open_output(struct rt_run *run)
{
    const struct rt_job *job = run->job;
    char said[RT_TIME_LIMIT_CHARS];
    const struct rt_lock_options lock = { .folder = job->output_dir,
                                          .renew_s = 30,
                                          .stale_s = 180,
                                          .wait_s = 10,
                                          .note = say_before,
                                          .give_up = rt_stop_asked,
                                          .context = run };
    if (job->train.do_train)
        RT_TRY(rt_job_check_output(job, run->err));
    if (rt_file_make_folder(job->output_dir, run->err) != RT_OK)
        return rt_fail_in(run->err, "output_dir: ");
    RT_TRY(rt_lock_take(&run->lock, &lock, run->err));
    RT_TRY(rt_checkpoint_tidy(job->output_dir, run->err));
    RT_TRY(rt_report_open(&run->report, &job->report, run->err));
    rt_time_limit_open(&run->limit, job->train.max_hours, job->train.max_hours_auto, run->started_s, said);
    if (said[0] != '\0')
        rt_report_info(run->report, "%s", said);
    return RT_OK;
}

rt_status rt_run_open(struct rt_run *run, const struct rt_job *job, struct rt_dist *dist,
                      const volatile sig_atomic_t *stop, struct rt_error *err)
{
    *run = (struct rt_run){ .job = job,
                            .dist = dist,
                            .err = err,
                            .stop = stop,
                            .started_s = rt_now_s(),
                            .best_metric = NAN,
                            .saved_step = -1,
                            .saving = { .step = -1 } };
    rt_dist_set_timeout(dist, RT_SETUP_TIMEOUT_S);
    rt_dist_set_stop(dist, rt_stop_asked, run);
    rt_status st = rt_dist_rank(dist) == 0
                       ? open_output(run)
                       : rt_report_open_other(&run->report, &job->report, rt_dist_rank(dist), err);
    RT_TRY(rt_dist_agree(dist, st, err));
    rt_summary_begin(run);
    run->unstored = calloc((size_t)rt_dist_size(dist), sizeof *run->unstored);
    st = run->unstored == NULL
             ? rt_fail(err, RT_ERR_MEMORY, "no memory for the counts of %d ranks", rt_dist_size(dist))
             : RT_OK;
    RT_TRY(rt_dist_agree(dist, st, err));
    RT_TRY(rt_run_open_device(run));
    RT_TRY(rt_dist_agree(dist, rt_banner(run), err));
    RT_TRY(rt_run_compare_settings(run));
    RT_TRY(rt_monitoring_open(run));
    RT_TRY(rt_dist_agree(dist, rt_stragglers_open(run), err));
    RT_TRY(rt_stop_between(run));
    RT_TRY(rt_run_watch(run));
    const double device_s = rt_now_s();
    const struct rt_notes notes = { show_progress, show_note, run->report };
    RT_TRY(rt_data_open(&run->data, &job->data, dist, &notes, err));
    run->named = run->data;
    if (job->train.do_train)
        RT_TRY(count_steps(run));
    if (job->train.do_train && rt_dist_rank(dist) == 0)
        st = rt_beside_read(&run->beside, job->model.model_name_or_path, err);
    RT_TRY(rt_dist_agree(dist, st, err));
    RT_TRY(rt_stop_between(run));
    const double data_s = rt_now_s();
    rt_dist_phase(dist, RT_PHASE_LOAD, -1);
    RT_TRY(open_model(run));
    RT_TRY(rt_stop_between(run));
    say_start(run);
    rt_report_info(run->report, "set up in %.1f s: device %.1f, data %.1f, model %.1f",
                   rt_now_s() - run->started_s, device_s - run->started_s, data_s - device_s,
                   rt_now_s() - data_s);
    return RT_OK;
}

/* A GPU that has failed may never answer again: what it holds is left to the end of the process. */
static void close_device(struct rt_run *run, bool failed)
{
    if (run->ex != NULL && run->ex->device == RT_DEVICE_CUDA && failed)
        return;
    if (run->ex != NULL)
        rt_exec_free(run->ex, run->norm);
    rt_model_close(run->model);
    rt_dist_close_device(run->dist);
    rt_exec_close(run->ex);
}

void rt_run_close(struct rt_run *run)
{
    const bool failed = rt_hardware_failed(run);
    rt_run_say_rest(run);
    rt_hardware_close(run);       /* it tells the watchdog */
    rt_dist_watch_end(run->dist); /* it names rows of the data */
    rt_monitoring_close(run);
    rt_stragglers_close(run);
    free(run->best);
    free(run->unstored);
    free(run->samples.row);
    rt_loader_close(run->loader);
    rt_beside_free(run->beside);
    if (!failed)
        rt_snapshot_free(&run->saving.snapshot);
    close_device(run, failed);
    rt_cache_close(run->features.cache);
    rt_data_close(run->data);
    rt_report_close(run->report);
    rt_lock_release(run->lock); /* nothing more is written */
    rt_dist_set_stop(run->dist, NULL, NULL);
}

double rt_run_epoch(const struct rt_run *run, int64_t step)
{
    return (double)(step / run->steps_per_epoch) +
           (double)rt_run_micro(run, step) / (double)run->micros_per_epoch;
}

int64_t rt_run_micro(const struct rt_run *run, int64_t step)
{
    return step % run->steps_per_epoch * run->job->train.gradient_accumulation_steps;
}

int64_t rt_run_micros_of_step(const struct rt_run *run, int64_t step)
{
    return least(run->job->train.gradient_accumulation_steps, run->micros_per_epoch - rt_run_micro(run, step));
}
