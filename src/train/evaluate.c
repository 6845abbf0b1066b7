/* evaluate.c - the loss (and token accuracy) over the evaluation rows, as the reference averages them. */
#include "config.h"
#include "base/clock.h"
#include "train/run.h"

#include <math.h>
#include <stdlib.h>

struct sums {
    double loss, batches, accuracy, samples;
};

/* Mean over samples of the share of a sample's learned tokens that the largest logit hits. */
static void add_accuracy(struct sums *s, const struct rt_batch *b, const float *hit)
{
    int64_t at = 0;
    for (int64_t i = 0; i < b->samples; i++) {
        double hits = 0, n = 0;
        for (; at < b->learned && b->learned_at[at] < b->offsets[i + 1]; at++, n++)
            hits += (double)hit[at];
        if (n > 0) {
            s->accuracy += hits / n;
            s->samples++;
        }
    }
}

/* Batches of a rank, the last perhaps smaller than the others. */
static int64_t batches_of(const struct rt_run *run)
{
    const int64_t batch = run->job->data.per_device_eval_batch_size * rt_dist_size(run->dist);
    return (rt_data_rows(run->data, RT_EVAL) + batch - 1) / batch;
}

static rt_status sum_batches(struct rt_run *run, struct rt_loader *loader, struct sums *s)
{
    const int64_t batches = batches_of(run);
    const bool accuracy = run->job->train.compute_accuracy;
    struct rt_dist_look look = { 0 };
    float *hit = NULL;
    int64_t room = 0, done = 0;
    rt_status st = RT_OK;
    bool more = true; /* batches of this rank; the others may have more */
    while (!look.over) {
        const struct rt_batch *batch = NULL;
        double loss = 0;
        if (more)
            RT_TRY_TO(st, rt_batch_next(loader, &batch, NULL, run->err), err_free);
        more = more && batch != NULL;
        RT_TRY_TO(st, rt_dist_look(run->dist, &look, more, run->err), err_free);
        if (batch == NULL || look.stopped)
            continue;
        if (++done < batches) /* the end has a line of its own */
            rt_report_progress(rt_dist_rank(run->dist) == 0 ? run->report : NULL, "evaluation", done, batches);
        if (batch->learned == 0)
            continue;
        if (batch->learned > room) {
            free(hit);
            room = batch->learned;
            hit = malloc((size_t)room * sizeof *hit);
            if (hit == NULL)
                RT_TRY_TO(st, rt_fail(run->err, RT_ERR_MEMORY, "out of memory in the evaluation"), err_free);
        }
        RT_TRY_TO(st, rt_model_put(run->model, batch), err_free);
        RT_TRY_TO(st, rt_model_fwd(run->model, batch, false, 0), err_free);
        rt_vision_cache_count(run);
        RT_TRY_TO(st, rt_model_loss(run->model, &loss, NULL, accuracy ? hit : NULL), err_free);
        s->loss += loss;
        s->batches++;
        if (accuracy)
            add_accuracy(s, batch, hit);
    }
    if (look.stopped)
        st = rt_fail(run->err, RT_STOPPED, "stopped in the evaluation");
err_free:
    free(hit);
    return st;
}

rt_status rt_run_share_late(struct rt_run *run)
{
    uint32_t news = rt_data_late_news(run->data);
    RT_TRY(rt_dist_or(run->dist, &news, run->err));
    const rt_status st = news ? rt_data_late_share(run->data, run->dist, run->err) : RT_OK;
    run->together = st == RT_ERR_DATA;
    return st;
}

rt_status rt_evaluate(struct rt_run *run, struct rt_eval_log *log)
{
    struct rt_loader_options where = { .split = RT_EVAL,
                                       .rank = rt_dist_rank(run->dist),
                                       .size = rt_dist_size(run->dist),
                                       .epoch = run->evaluations++,
                                       .dist = run->dist };
    struct rt_loader *loader = NULL;
    struct sums s = { 0 };
    const double start = rt_now_s();
    rt_vision_cache_lend(run, &where);
    RT_TRY(rt_loader_open(&loader, run->data, &where, run->err));
    const rt_status st = sum_batches(run, loader, &s);
    rt_loader_close(loader);
    RT_TRY(st);
    double all[4] = { s.loss, s.batches, s.accuracy, s.samples };
    RT_TRY(rt_dist_sum_f64(run->dist, all, 4, run->err));
    const int64_t rows = rt_data_rows(run->data, RT_EVAL);
    *log = (struct rt_eval_log){ .step = run->step,
                                 .epoch = run->steps_per_epoch > 0 ? rt_run_epoch(run, run->step) : 0,
                                 .eval_loss = all[1] > 0 ? (double)(float)(all[0] / all[1]) : NAN,
                                 .empty = all[1] == 0,
                                 .eval_accuracy =
                                     run->job->train.compute_accuracy && all[3] > 0 ? all[2] / all[3] : NAN,
                                 .runtime_s = rt_now_s() - start,
                                 .samples = rows,
                                 .steps = batches_of(run),
                                 .tokens_seen = (int64_t)run->tokens_seen,
                                 .prefix = "eval" };
    return RT_OK;
}
