/* step.c - one optimizer step: passes forward and backward, the sum over ranks, the update. */
#include "config.h"
#include "train/run.h"

#include <math.h>

rt_status rt_run_put_next(struct rt_run *run)
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
    return rt_run_put_next(run);
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
        const int64_t part = run->unsummed < run->sum_part ? run->unsummed : run->sum_part;
        if (run->unsummed - part < first)
            break;
        run->unsummed -= part;
        RT_TRY(rt_dist_sum_begin(run->dist, run->adapter->g + run->unsummed, part, run->err));
    }
    return RT_OK;
}

/* Gradients of one optimizer step on this rank: every pass of its micro-batches, forward and backward.
 * *given_up: not all of them, as this rank was told twice to stop. */
static rt_status step_grads(struct rt_run *run, double *loss, bool *given_up)
{
    const int64_t micros = rt_run_micros_of_step(run, run->step);
    const uint64_t first = (uint64_t)(run->step * run->job->train.gradient_accumulation_steps);
    RT_TRY(rt_model_grads_zero(run->model));
    run->unsummed = run->adapter->count;
    for (int64_t micro = 0; micro < micros;) {
        if ((*given_up = rt_stop_urgent(run)))
            return RT_OK;
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
            rt_summary_fed(run, batch);
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

rt_status rt_run_step(struct rt_run *run)
{
    double loss = 0, global, sums[2] = { 0 }; /* loss, ranks that gave up */
    bool given_up = false;
    RT_TRY(step_grads(run, &loss, &given_up));
    sums[0] = loss;
    sums[1] = given_up;
    rt_dist_phase(run->dist, RT_PHASE_SUM, run->step);
    RT_TRY(sum_from(run, 0));
    RT_TRY(rt_dist_sum_end(run->dist, run->err));
    RT_TRY(rt_dist_sum_f64(run->dist, sums, 2, run->err));
    if (sums[1] > 0) {
        run->stopped = true;
        return RT_OK;
    }
    global = sums[0];
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
