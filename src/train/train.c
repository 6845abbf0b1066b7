/* train.c - the training loop. */
#include "config.h"
#include "base/clock.h"
#include "train/run.h"
#include "train/train.h"

#include <math.h>

static rt_status put_next(struct rt_run *run)
{
    const bool learns = run->next != NULL && run->next->learned > 0; /* else all its rows turned out bad */
    return learns ? rt_model_put(run->model, run->next) : RT_OK;
}

/* The next pass's batch, handed over while the device still works on the last one. */
static rt_status fetch_next(struct rt_run *run)
{
    double wait_s = 0;
    rt_dist_phase(run->dist, RT_PHASE_DATA, run->step);
    RT_TRY(rt_batch_next(run->loader, &run->next, &wait_s, run->err));
    run->window_wait_s += wait_s;
    rt_dist_phase(run->dist, RT_PHASE_H2D, run->step);
    return put_next(run);
}

/*
 * Gradients from element `first` on are final: their sums over the ranks begin, part by part from the end,
 * while the rest is computed. Parts lie alike on all ranks, whatever their batches hold: a rank without a last
 * pass begins the same parts later.
 */
static rt_status sum_from(void *context, int64_t first)
{
    struct rt_run *run = context;
    while (run->unsummed > 0) {
        const int64_t part = run->unsummed < RT_SUM_PART ? run->unsummed : RT_SUM_PART;
        if (run->unsummed - part < first)
            break;
        run->unsummed -= part;
        RT_TRY(rt_dist_sum_begin(run->dist, run->adapter->g + run->unsummed, part, run->err));
    }
    return RT_OK;
}

/* Gradients of one optimizer step on this rank: every pass of its micro-batches, forward and backward. */
static rt_status step_grads(struct rt_run *run, double *loss)
{
    const int64_t micros = rt_run_micros_of_step(run, run->step);
    const uint64_t first = (uint64_t)(run->step * run->job->train.gradient_accumulation_steps);
    RT_TRY(rt_model_grads_zero(run->model));
    run->unsummed = run->adapter->count;
    for (int64_t micro = 0; micro < micros;) {
        if (run->next == NULL)
            RT_TRY(fetch_next(run));
        const struct rt_batch *batch = run->next;
        const bool last = micro + batch->micros >= micros;
        rt_dist_phase(run->dist, RT_PHASE_FORWARD, run->step);
        rt_run_note_samples(run, micro);
        const uint64_t stream =
            (first + (uint64_t)micro) * (uint64_t)rt_dist_size(run->dist) + (uint64_t)rt_dist_rank(run->dist);
        if (batch->learned > 0) {
            RT_TRY(rt_model_fwd(run->model, batch, true, stream));
            rt_vision_cache_count(run);
            rt_dist_phase(run->dist, RT_PHASE_BACKWARD, run->step);
            RT_TRY(rt_model_bwd(run->model, last ? sum_from : NULL, run));
        }
        micro += batch->micros;
        run->next = NULL;
        if (micro < micros || run->step + 1 < run->steps)
            RT_TRY(fetch_next(run));
    }
    return rt_model_loss(run->model, loss, NULL, NULL);
}

/* All parameters at once; with loraplus_lr_ratio module by module, since B learns at a rate of its own. */
static rt_status adamw(struct rt_run *run, const struct rt_adamw *h)
{
    const struct rt_adapter *ad = run->adapter;
    struct rt_exec *ex = run->ex;
    struct rt_adamw hb = *h;
    if (isnan(run->job->train.loraplus_lr_ratio))
        return ex->ops->adamw(ex, ad->p, ad->m, ad->v, ad->g, ad->count, run->norm, h);
    hb.lr = h->lr * run->job->train.loraplus_lr_ratio;
    for (int64_t i = 0; i < ad->modules; i++) {
        const struct rt_adapter_module *m = &ad->module[i];
        RT_TRY(ex->ops->adamw(ex, ad->p + m->a, ad->m + m->a, ad->v + m->a, ad->g + m->a, m->r * m->in,
                              run->norm, h));
        RT_TRY(ex->ops->adamw(ex, ad->p + m->b, ad->m + m->b, ad->v + m->b, ad->g + m->b, m->r * m->out,
                              run->norm, &hb));
    }
    return RT_OK;
}

static rt_status update(struct rt_run *run, double loss)
{
    const struct rt_train_options *opt = &run->job->train;
    const struct rt_adapter *ad = run->adapter;
    struct rt_exec *ex = run->ex;
    float norm = 0;
    RT_TRY(ex->ops->l2norm(ex, run->norm, ad->g, ad->count));
    RT_TRY(rt_exec_get(ex, &norm, run->norm, sizeof norm));
    run->grad_norm = norm;
    if (!isfinite(norm) || !isfinite(loss))
        return rt_run_skip_step(run, loss);
    run->bad_steps = 0;
    RT_TRY(rt_run_look_for_spike(run, loss));
    const struct rt_adamw h = { .lr = rt_schedule_lr(&run->schedule, run->step),
                                .beta1 = opt->adam_beta1,
                                .beta2 = opt->adam_beta2,
                                .eps = opt->adam_epsilon,
                                .decay = opt->weight_decay,
                                .max_norm = opt->max_grad_norm,
                                .step = run->step + 1 };
    RT_TRY(adamw(run, &h));
    return rt_model_refresh(run->model);
}

/* Sum over ranks, clip and update; the loss of all ranks decides whether the step counts. */
static rt_status train_step(struct rt_run *run)
{
    double loss = 0, global = 0;
    RT_TRY(step_grads(run, &loss));
    global = loss;
    rt_dist_phase(run->dist, RT_PHASE_SUM, run->step);
    RT_TRY(sum_from(run, 0));
    RT_TRY(rt_dist_sum_end(run->dist, run->err));
    RT_TRY(rt_dist_sum_f64(run->dist, &global, 1, run->err));
    rt_dist_phase(run->dist, RT_PHASE_UPDATE, run->step);
    RT_TRY(update(run, global));

    RT_TRY(rt_run_count_tokens(run));
    run->step++;
    if (isfinite(global) || !run->job->train.logging_nan_inf_filter) {
        run->window += global;
        run->window_own += loss * (double)rt_dist_size(run->dist);
    } else { /* as if this step had had the mean loss of the window */
        run->window += run->window / (double)(run->step - run->logged_at);
        run->window_own += run->window_own / (double)(run->step - run->logged_at);
    }
    return RT_OK;
}

static rt_status log_window(struct rt_run *run)
{
    const double steps = (double)(run->step - run->logged_at), now = rt_now_s(),
                 s = now - run->window_started_s;
    const struct rt_train_log log = { .step = run->step,
                                      .loss = (double)(float)(run->window / steps),
                                      .grad_norm = run->grad_norm,
                                      .learning_rate = rt_schedule_lr(&run->schedule, run->step - 1),
                                      .epoch = rt_run_epoch(run, run->step),
                                      .tokens_seen = (int64_t)run->tokens_seen,
                                      .tokens_per_s = s > 0 ? run->window_tokens / s : 0,
                                      .data_wait_s = run->window_wait_s };
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
    RT_TRY(rt_evaluate(run, &log));
    RT_TRY(put_next(run)); /* evaluation has put its own */
    RT_TRY(rt_report_eval(run->report, &log, run->err));
    RT_TRY(rt_best_look(run, &log, &better));
    *best = better && run->job->train.save_strategy == RT_STRATEGY_BEST;
    return RT_OK;
}

/* Has anyone been asked to stop, or is the time over? All ranks answer alike; and they hear of rows that turned
 * out bad. */
static rt_status agree_to_stop(struct rt_run *run)
{
    const double hours = run->job->train.max_hours;
    const bool late = !isnan(hours) && rt_now_s() - run->started_s > 0.99 * 3600 * hours;
    uint32_t bits = (*run->stop != 0 ? 1u : 0u) | (late ? 2u : 0u) | (rt_data_late_news(run->data) ? 4u : 0u);
    RT_TRY(rt_dist_or(run->dist, &bits, run->err));
    if (bits & 4u)
        RT_TRY(rt_run_share_late(run));
    run->stopped = (bits & 3u) != 0 && run->step < run->steps;
    if (run->stopped)
        rt_report_info(run->report, "%s: stopping after step %lld",
                       bits & 2u ? "max_hours is over" : "asked to stop", (long long)run->step);
    return RT_OK;
}

/* What follows a step, in the reference's order: log, evaluate, save. */
static rt_status after_step(struct rt_run *run)
{
    const struct rt_train_options *opt = &run->job->train;
    const bool last = run->step == run->steps;
    bool best = false;
    rt_report_step(run->report, run->step);
    if (due(run, opt->logging_strategy, run->logging_steps) || (opt->logging_first_step && run->step == 1))
        RT_TRY(log_window(run));
    if ((due(run, opt->eval_strategy, run->eval_steps) || (last && opt->eval_strategy == RT_STRATEGY_STEPS)) &&
        (opt->eval_strategy == RT_STRATEGY_EPOCH ? rt_run_epoch(run, run->step) : (double)run->step) >=
            opt->eval_delay)
        RT_TRY(evaluate(run, &best));
    RT_TRY(rt_vision_cache_step(run));
    RT_TRY(agree_to_stop(run));
    const bool saves = due(run, opt->save_strategy, run->save_steps) ||
                       (last && opt->save_strategy == RT_STRATEGY_STEPS) || best || run->stopped;
    RT_TRY(rt_run_compare_adapters(run, saves));
    if (saves) {
        rt_dist_phase(run->dist, RT_PHASE_SAVE, run->step);
        return rt_run_save(run);
    }
    return RT_OK;
}

static rt_status train_loop(struct rt_run *run)
{
    const struct rt_train_options *opt = &run->job->train;
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
    bool best = false;
    if (opt->eval_on_start && run->step == 0 && opt->eval_strategy != RT_STRATEGY_NO)
        RT_TRY(evaluate(run, &best));
    while (run->step < run->steps && !run->stopped) {
        RT_TRY(train_step(run));
        RT_TRY(after_step(run));
    }
    return RT_OK;
}

/* From here on a failure is one rank's own: it says so and ends the job. */
static rt_status train_or_abort(struct rt_run *run)
{
    rt_dist_set_timeout(run->dist, (double)run->job->train.ddp_timeout);
    rt_status st = run->step < run->steps ? train_loop(run) : RT_OK;
    rt_dist_phase(run->dist, RT_PHASE_SAVE, run->step);
    if (st == RT_OK && !run->stopped)
        st = rt_run_finish(run);
    if (st != RT_OK && !run->together)
        rt_dist_abort(run->dist, st, run->err->text);
    RT_TRY(st);
    return run->stopped ? rt_fail(run->err, RT_STOPPED,
                                  "stopped after step %lld of %lld; the same command goes on from "
                                  "there",
                                  (long long)run->step, (long long)run->steps)
                        : RT_OK;
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
        st = rt_run_resume(&run);
    if (st == RT_OK && job->train.do_train)
        st = rt_vision_cache_open(&run);
    if (st == RT_OK && job->train.do_train) {
        if (run.step >= run.steps) /* what a run killed at its very end still owes is written now */
            rt_report_info(run.report, "already finished: %s holds all %lld steps", job->output_dir,
                           (long long)run.steps);
        st = train_or_abort(&run);
    }
    if (st == RT_OK && job->train.do_eval) {
        rt_dist_phase(dist, RT_PHASE_EVAL, run.step);
        st = rt_run_final_eval(&run);
        if (st != RT_OK && !run.together)
            rt_dist_abort(dist, st, err->text);
    }
    if (st == RT_ERR_COMM) /* a device that waits for another rank would not let go of its memory */
        rt_dist_abort(dist, st, err->text);
    rt_run_close(&run);
    return st;
}
