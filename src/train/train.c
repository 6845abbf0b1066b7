/* train.c - the training loop. */
#include "config.h"
#include "base/clock.h"
#include "train/run.h"
#include "train/train.h"

static rt_status log_window(struct rt_run *run)
{
    const double steps = (double)(run->step - run->logged_at), now = rt_now_s(),
                 s = now - run->window_started_s;
    struct rt_train_log log = { .step = run->step,
                                .loss = (double)(float)(run->window / steps),
                                .grad_norm = run->grad_norm,
                                .learning_rate = rt_schedule_lr(&run->schedule, run->step - 1),
                                .epoch = rt_run_epoch(run, run->step),
                                .tokens_seen = (int64_t)run->tokens_seen,
                                .tokens_per_s = s > 0 ? run->window_tokens / s : 0,
                                .data_wait_s = run->window_wait_s,
                                .step_s = steps > 0 ? s / steps : 0 };
    rt_monitoring_logged(run, &log);
    rt_run_store_flos(run);
    run->total += run->window;
    run->window = run->window_own = run->window_tokens = run->window_wait_s = 0;
    run->window_started_s = now;
    run->logged_at = run->step;
    return rt_report_train(run->report, &log, run->err);
}

static bool due(const struct rt_run *run, enum rt_strategy strategy, int64_t every)
{
    if (strategy == RT_STRATEGY_EPOCH)
        return run->step % run->steps_per_epoch == 0 || run->step == run->steps;
    return strategy == RT_STRATEGY_STEPS && every > 0 && run->step % every == 0;
}

/* *best: this evaluation asks for a checkpoint (save_strategy: best). */
static rt_status evaluate(struct rt_run *run, bool *best)
{
    struct rt_eval_log log;
    bool better = false;
    rt_dist_phase(run->dist, RT_PHASE_EVAL, run->step);
    const rt_status st = rt_evaluate(run, &log);
    if (st == RT_STOPPED) {
        run->stopped = run->owes_evaluation = true;
        return RT_OK;
    }
    RT_TRY(st);
    RT_TRY(rt_run_put_next(run)); /* evaluation has put its own */
    RT_TRY(rt_report_eval(run->report, &log, run->err));
    RT_TRY(rt_best_look(run, &log, &better));
    *best = better && run->job->train.save_strategy == RT_STRATEGY_BEST;
    return RT_OK;
}

static bool evaluation_due(const struct rt_run *run)
{
    const struct rt_train_options *opt = &run->job->train;
    const bool last = run->step == run->steps && opt->eval_strategy == RT_STRATEGY_STEPS;
    const double at =
        opt->eval_strategy == RT_STRATEGY_EPOCH ? rt_run_epoch(run, run->step) : (double)run->step;
    return (last || due(run, opt->eval_strategy, run->eval_steps)) && at >= opt->eval_delay;
}

/* Evaluate, save, stop. */
static rt_status finish_step(struct rt_run *run)
{
    const struct rt_train_options *opt = &run->job->train;
    const bool last = run->step == run->steps && opt->save_strategy == RT_STRATEGY_STEPS;
    bool best = false;
    if (evaluation_due(run))
        RT_TRY(evaluate(run, &best));
    RT_TRY(rt_vision_cache_step(run));
    RT_TRY(rt_stragglers_step(run));
    if (!run->stopped)
        RT_TRY(rt_stop_agree(run));
    const bool saves =
        due(run, opt->save_strategy, run->save_steps) || last || best || run->stopped || run->save_asked;
    RT_TRY(rt_run_compare_adapters(run, saves));
    if (saves) {
        rt_dist_phase(run->dist, RT_PHASE_SAVE, run->step);
        RT_TRY(rt_run_save(run));
    }
    if (run->save_asked)
        rt_stop_acted(run);
    return RT_OK;
}

/* What follows a step, in the reference's order: log, evaluate, save. */
static rt_status after_step(struct rt_run *run)
{
    const struct rt_train_options *opt = &run->job->train;
    rt_report_step(run->report, run->step);
    if (due(run, opt->logging_strategy, run->logging_steps) || (opt->logging_first_step && run->step == 1))
        RT_TRY(log_window(run));
    return finish_step(run);
}

/* Before the first step of this process: the evaluation that an earlier one was stopped in, or the one that the
 * job wants at its start. */
static rt_status before_steps(struct rt_run *run)
{
    const struct rt_train_options *opt = &run->job->train;
    bool best = false;
    if (run->owes_evaluation) {
        run->owes_evaluation = false;
        return finish_step(run);
    }
    if (opt->eval_on_start && run->step == 0 && opt->eval_strategy != RT_STRATEGY_NO)
        RT_TRY(evaluate(run, &best));
    run->owes_evaluation = false; /* a run stopped here has no step to go on from and begins anew */
    return RT_OK;
}

static rt_status train_loop(struct rt_run *run)
{
    struct rt_loader_options where = { .split = RT_TRAIN,
                                       .rank = rt_dist_rank(run->dist),
                                       .size = rt_dist_size(run->dist),
                                       .epoch = run->step / run->steps_per_epoch,
                                       .micro = rt_run_micro(run, run->step),
                                       .merge_tokens = rt_model_pass_tokens(run->model) };
    where.dist = run->dist;
    rt_vision_cache_lend(run, &where);
    RT_TRY(rt_run_open_samples(run));
    RT_TRY(rt_loader_open(&run->loader, run->data, &where, run->err));
    run->window_started_s = rt_now_s();
    RT_TRY(before_steps(run));
    while (run->step < run->steps && !run->stopped) {
        const double from = rt_now_s();
        RT_TRY(rt_run_step(run));
        rt_time_limit_step(&run->limit, rt_now_s() - from);
        if (run->stopped) /* in the midst of it: the last whole step is what counts */
            return run->step > 0 ? rt_run_save(run) : RT_OK;
        RT_TRY(after_step(run));
    }
    return RT_OK;
}

/* From here on a failure is one rank's own: it says so and ends the job. */
static rt_status train_or_abort(struct rt_run *run)
{
    rt_dist_set_timeout(run->dist, (double)run->job->train.ddp_timeout);
    rt_status st = run->step < run->steps || run->owes_evaluation ? train_loop(run) : RT_OK;
    rt_dist_phase(run->dist, RT_PHASE_SAVE, run->step);
    if (st == RT_OK)
        st = rt_run_save_wait(run);
    if (st == RT_OK && !run->stopped)
        st = rt_run_finish(run);
    if (st != RT_OK && !run->together)
        rt_summary_abort(run, st);
    RT_TRY(st);
    return run->stopped ? RT_STOPPED : RT_OK;
}

/* The last words of a run that was told to stop, alike on all ranks; and the code that the job wants for it. */
static rt_status say_stopped(struct rt_run *run)
{
    const char *why = rt_stop_reason(run->stop_state.why);
    rt_stop_acted(run);
    if (run->step >= run->steps && run->steps > 0 && run->saved_step != run->step)
        rt_fail(
            run->err, RT_STOPPED,
            "%s: stopped in the evaluation after training; the adapter is in %s, and there is no checkpoint to go "
            "on from",
            why, run->job->output_dir);
    else if (run->step >= run->steps && run->steps > 0)
        rt_fail(run->err, RT_STOPPED,
                "%s: stopped in the evaluation after step %lld of %lld; the same command "
                "goes on with it",
                why, (long long)run->step, (long long)run->steps);
    else if (run->step > 0)
        rt_fail(run->err, RT_STOPPED,
                "%s: stopped after step %lld of %lld; the same command goes on from there", why,
                (long long)run->step, (long long)run->steps);
    else
        rt_fail(run->err, RT_STOPPED, "%s: stopped before anything was done; the same command starts it again",
                why);
    run->err->exit_code = (int)run->job->train.exit_requeue;
    return RT_STOPPED;
}

/* Training is over, whatever became of the last checkpoint. */
static rt_status train(struct rt_run *run)
{
    const rt_status st = rt_run_resume(run);
    rt_summary_resumed(run);
    RT_TRY(st);
    RT_TRY(rt_vision_cache_open(run));
    RT_TRY(rt_monitoring_begin(run));
    RT_TRY(rt_stop_between(run));
    if (run->step >= run->steps &&
        !run->owes_evaluation) /* what a run killed at its end still owes is written now */
        rt_report_info(run->report, "already finished: %s holds all %lld steps", run->job->output_dir,
                       (long long)run->steps);
    return train_or_abort(run);
}

rt_status rt_train(const struct rt_job *job, struct rt_dist *dist, const volatile sig_atomic_t *stop,
                   struct rt_error *err)
{
    struct rt_run run = { 0 };
    if (!job->train.do_train && !job->train.do_eval)
        return rt_fail(err, RT_ERR_JOB,
                       "%s: neither do_train nor do_eval is true, so there is nothing to do; write "
                       "do_train: true",
                       job->path != NULL ? job->path : "train");
    rt_status st = rt_run_open(&run, job, dist, stop, err);
    if (st == RT_OK && job->train.do_train)
        st = train(&run);
    if (st == RT_OK && job->train.do_eval) {
        rt_dist_phase(dist, RT_PHASE_EVAL, run.step);
        st = rt_run_final_eval(&run);
        if (st != RT_OK && st != RT_STOPPED && !run.together)
            rt_summary_abort(&run, st);
    }
    if (st == RT_OK && run.unsaved[0] != '\0')
        st = rt_fail(err, run.unsaved_as, "training is done and its adapter is in %s, but %s", job->output_dir,
                     run.unsaved);
    if (st == RT_STOPPED)
        st = say_stopped(&run);
    if (st == RT_ERR_COMM) /* a device that waits for another rank would not let go of its memory */
        rt_summary_abort(&run, st);
    rt_run_save_close(&run);
    rt_summary_end(&run, st);
    rt_run_close(&run);
    return st;
}
