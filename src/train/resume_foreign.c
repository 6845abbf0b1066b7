/* resume_foreign.c - how a run goes on from a checkpoint that LLaMA-Factory wrote. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "train/run.h"
#include "train/snapshot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What must be the same for the losses to be those that LLaMA-Factory would have had. */
struct same {
    const char *key;
    double was, is;
};

static rt_status compare_adapter(struct rt_run *run, const char *folder, const struct rt_foreign *f)
{
    const struct rt_adapter *ad = run->adapter;
    const struct rt_peft *peft = rt_foreign_adapter(f);
    const int64_t batch = run->job->data.per_device_train_batch_size,
                  batch_was = rt_foreign_facts(f)->train_batch_size;
    const struct same same[] = {
        { "per_device_train_batch_size", (double)(batch_was > 0 ? batch_was : batch), (double)batch },
        { "lora_rank", (double)peft->r, (double)ad->r },
        { "lora_alpha", peft->alpha, ad->alpha },
        { "lora_dropout", peft->dropout, ad->dropout },
        { "use_rslora", peft->rslora, ad->rslora },
        { "the number of modules that lora_target hits", (double)peft->modules, (double)ad->modules },
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (same[i].was != same[i].is)
            return rt_fail(run->err, RT_ERR_JOB,
                           "%s cannot go on: %s was %.10g there and is %.10g now; make it the same, or write "
                           "resume_from_checkpoint: false",
                           folder, same[i].key, same[i].was, same[i].is);
    return RT_OK;
}

/* The epoch after the checkpoint's step tells how many micro-batches an epoch had on a rank. With as many ranks
 * as there it is the same number; other ranks with the same global batch may round it otherwise, by less than
 * half a step. */
static rt_status compare_position(struct rt_run *run, const char *folder, const struct rt_foreign_facts *facts)
{
    const double is = rt_run_epoch(run, facts->step), was = facts->epoch;
    const double bound =
        facts->ranks == rt_dist_size(run->dist) ? 1e-9 * (1 + is) : 0.5 / (double)run->steps_per_epoch;
    if (fabs(is - was) <= bound)
        return RT_OK;
    return rt_fail(
        run->err, RT_ERR_JOB,
        "%s cannot go on: step %lld was at epoch %.6g there, on %d ranks, and is at %.6g of this job, on "
        "%d; ranks times gradient_accumulation_steps, or the rows of dataset, are others; make them the "
        "same, or write resume_from_checkpoint: false",
        folder, (long long)facts->step, was, facts->ranks, is, rt_dist_size(run->dist));
}

/* Optimizer and schedule: the job's values hold, as for our own checkpoints; LLaMA-Factory would take those of
 * the checkpoint without a word, so a difference is told. */
static void compare_rates(struct rt_run *run, const char *folder, const struct rt_foreign_facts *facts)
{
    const struct rt_train_options *opt = &run->job->train;
    const double ratio = isnan(opt->loraplus_lr_ratio) ? 1 : opt->loraplus_lr_ratio;
    const struct same same[] = {
        { "learning_rate", facts->learning_rate[0], opt->learning_rate },
        { "loraplus_lr_ratio", facts->learning_rate[1] / facts->learning_rate[0], ratio },
        { "weight_decay", facts->weight_decay, opt->weight_decay },
        { "adam_beta1", facts->adam_beta1, opt->adam_beta1 },
        { "adam_beta2", facts->adam_beta2, opt->adam_beta2 },
        { "adam_epsilon", facts->adam_epsilon, opt->adam_epsilon },
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (fabs(same[i].was - same[i].is) > 1e-9 * fabs(same[i].is))
            rt_report_warn(
                run->report,
                "%s: %s was %.10g there and is %.10g from here on; LLaMA-Factory would go on with %.10g",
                folder, same[i].key, same[i].was, same[i].is, same[i].was);
    const double next = rt_schedule_lr(&run->schedule, facts->step) / opt->learning_rate,
                 next_was = facts->next_rate / facts->learning_rate[0];
    if (facts->step < run->steps && fabs(next - next_was) > 1e-9)
        rt_report_warn(run->report,
                       "%s: the schedule was about to give %.6g times learning_rate there and gives %.6g now: "
                       "lr_scheduler_type, the warm-up or the number of steps are others",
                       folder, next_was, next);
}

static const float *find(const struct rt_peft *peft, const char *name, int64_t in, int64_t out, bool b)
{
    for (int64_t i = 0; i < peft->modules; i++)
        if (strcmp(peft->module[i], name) == 0)
            return peft->in[i] != in || peft->out[i] != out ? NULL : b ? peft->b[i] : peft->a[i];
    return NULL;
}

/* The adapter's numbers in the model's order, p [count]. */
static rt_status put_values(struct rt_run *run, const char *folder, const struct rt_peft *peft, float *p)
{
    const struct rt_adapter *ad = run->adapter;
    for (int64_t i = 0; i < ad->modules; i++) {
        const struct rt_adapter_module *m = &ad->module[i];
        const float *a = find(peft, m->name, m->in, m->out, false),
                    *b = find(peft, m->name, m->in, m->out, true);
        if (a == NULL || b == NULL)
            return rt_fail(
                run->err, RT_ERR_JOB,
                "%s cannot go on: its adapter has no %s of %lld -> %lld, which lora_target of this job "
                "asks for; make lora_target and the model the same, or write resume_from_checkpoint: "
                "false",
                folder, m->name, (long long)m->in, (long long)m->out);
        memcpy(p + m->a, a, (size_t)(m->r * m->in) * sizeof *p);
        memcpy(p + m->b, b, (size_t)(m->r * m->out) * sizeof *p);
    }
    return RT_OK;
}

static rt_status read_moments(struct rt_run *run, struct rt_foreign *f, float *host)
{
    const struct rt_adapter *ad = run->adapter;
    float *m = host + ad->count, *v = host + 2 * ad->count;
    for (int64_t i = 0; i < ad->modules; i++) {
        const struct rt_adapter_module *mod = &ad->module[i];
        RT_TRY(rt_foreign_moments(f, 2 * i, mod->r, mod->in, m + mod->a, v + mod->a, run->err));
        RT_TRY(rt_foreign_moments(f, 2 * i + 1, mod->out, mod->r, m + mod->b, v + mod->b, run->err));
    }
    return RT_OK;
}

/* The best adapter so far, from its own checkpoint: beside this one, or where trainer_state.json says. */
static rt_status open_best(struct rt_peft_in **in, const char *folder, const struct rt_report_past *past,
                           struct rt_error *err)
{
    char beside[4096];
    snprintf(beside, sizeof beside, "%s/../checkpoint-%lld", folder, (long long)past->best_step);
    if (rt_peft_open(in, beside, err) == RT_OK || past->best_checkpoint == NULL)
        return err->status;
    return rt_peft_open(in, past->best_checkpoint, err);
}

static rt_status read_best(struct rt_run *run, const char *folder, const struct rt_report_past *past)
{
    struct rt_error why = { .text = "" };
    struct rt_peft_in *in = NULL;
    run->best_metric = past->best_metric;
    run->best_step = past->best_step;
    if (isnan(past->best_metric) || !run->job->train.load_best_model_at_end)
        return RT_OK;
    run->best = malloc((size_t)run->adapter->count * sizeof *run->best);
    if (run->best == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY, "out of host memory reading %s", folder);
    (void)open_best(&in, folder, past, &why);
    if (in == NULL) {
        rt_report_warn(
            run->report,
            "%s: the best adapter so far, of step %lld, is gone (%s); the next evaluation counts as the "
            "best",
            folder, (long long)past->best_step, why.text);
        free(run->best);
        run->best = NULL;
        run->best_metric = NAN;
        return RT_OK;
    }
    const rt_status st = put_values(run, folder, rt_peft_get(in), run->best);
    rt_peft_close(in);
    return st;
}

static rt_status read_all(struct rt_run *run, const char *folder, struct rt_foreign *f, float *host)
{
    const struct rt_foreign_facts *facts = rt_foreign_facts(f);
    struct rt_report_past past;
    RT_TRY(compare_adapter(run, folder, f));
    RT_TRY(compare_position(run, folder, facts));
    RT_TRY(put_values(run, folder, rt_foreign_adapter(f), host));
    RT_TRY(read_moments(run, f, host));
    RT_TRY(rt_report_adopt(run->report, facts->state, facts->step, &past, run->err));
    RT_TRY(read_best(run, folder, &past));
    compare_rates(run, folder, facts);
    if (run->adapter->dropout > 0)
        rt_report_info(
            run->report,
            "lora_dropout: masks come from this program's own streams, not from the generators in %s: "
            "losses are as good, not the same",
            folder);
    if (run->job->data.group_by_length && facts->step > run->steps_per_epoch &&
        facts->step % run->steps_per_epoch != 0)
        rt_report_info(
            run->report,
            "group_by_length: the rest of this epoch comes in the order of a run that was not stopped; "
            "LLaMA-Factory would begin it in another");
    run->step = run->logged_at = facts->step;
    run->total = past.total_loss;
    run->tokens_seen = (double)past.tokens_seen;
    run->flos = past.total_flos;
    run->grad_norm = past.grad_norm;
    rt_report_info(run->report, "going on from %s, which LLaMA-Factory wrote on %d %s, after step %lld", folder,
                   facts->ranks, facts->ranks == 1 ? "rank" : "ranks", (long long)facts->step);
    return RT_OK;
}

rt_status rt_run_read_foreign(struct rt_run *run, const char *folder, float *host, double *scalars)
{
    struct rt_foreign *f = NULL;
    RT_TRY(rt_foreign_open(&f, folder, run->err));
    const rt_status st = read_all(run, folder, f, host);
    rt_foreign_close(f);
    if (st == RT_OK)
        rt_run_scalars_out(run, scalars);
    return st;
}
