/* model.c - the model's files on every host, and the plan of the memory. */
#include "config.h"
#include "check/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rt_model_limits limits_of(const struct rt_check *c, enum rt_split split)
{
    struct rt_data_limits l;
    rt_data_limits(c->data, split, &l);
    return (struct rt_model_limits){ l.tokens,   l.samples, l.max_length,         l.patches,
                                     l.pictures, l.learned, l.max_picture_patches };
}

/* ---- memory ---- */

static void tell_plan(struct rt_check *c, const struct rt_error *why)
{
    const struct rt_model_sizes *s = &c->sizes;
    const char *const where = c->opt->gpu_gib > 0 ? "predicted for each GPU" : "each rank";
    char total[RT_WORDS], room[RT_WORDS], weights[RT_WORDS], adapter[RT_WORDS], activations[RT_WORDS];
    if (why->status != RT_OK) {
        rt_find_error(c->findings, "plan", why, true);
        return;
    }
    rt_find_job(c->findings, RT_OK, "plan",
                "%s: %s of %s: weights %s, LoRA with gradients and moments %s, activations %s", where,
                rt_words_bytes(total, (double)s->total), rt_words_bytes(room, (double)s->free),
                rt_words_bytes(weights, (double)s->weights), rt_words_bytes(adapter, (double)s->adapter),
                rt_words_bytes(activations, (double)s->activations));
    if (!c->job->train.do_train)
        return;
    rt_find_job(c->findings, RT_OK, "plan", "passes of up to %lld tokens; %s", (long long)s->pass_tokens,
                s->layers_again == 0 ? "nothing is computed twice"
                : s->layers_again < s->layers_most
                    ? "a part of the layers runs again in the backward, to save memory"
                    : "every layer runs again in the backward, to save memory");
}

static rt_status plan(struct rt_check *c)
{
    const struct rt_train_options *opt = &c->job->train;
    struct rt_error why = { .text = "" };
    struct rt_model_needs needs = { .micros = opt->gradient_accumulation_steps };
    if (opt->do_train)
        needs.train = limits_of(c, RT_TRAIN);
    if (opt->do_eval)
        needs.eval = limits_of(c, RT_EVAL);
    why.status =
        rt_model_foresee(c->model, &c->job->model, &needs, (size_t)(c->opt->gpu_gib * 0x1p30), c->dist, &why);
    if (why.status == RT_ERR_COMM)
        return rt_fail(c->err, RT_ERR_COMM, "%s", why.text);
    rt_model_sizes(c->model, &c->sizes);
    tell_plan(c, &why);
    if (rt_data_largest_id(c->data) >= rt_model_vocab(c->model))
        rt_find_job(
            c->findings, RT_ERR_FILE, "model",
            "%s: tokenizer.json makes token id %d of the data, but vocab_size in config.json is %lld\nthe "
            "folder mixes files of two models: fetch it again",
            c->job->model.model_name_or_path, (int)rt_data_largest_id(c->data),
            (long long)rt_model_vocab(c->model));
    return RT_OK;
}

/* ---- files ---- */

static void note(const char *text, void *context)
{
    const struct rt_check *c = context;
    rt_find_rank(c->findings, RT_WARNING, "model", "%.1000s\nif it should be there, fetch the folder again",
                 text);
}

/* On every rank, as ranks of all hosts share the reading; but what rank 0 finds whole is read by those that
 * find the same, so that for the others it is a warning. */
static rt_status look_at_files(struct rt_check *c)
{
    const char *const folder = c->job->model.model_name_or_path;
    struct rt_error why = { .text = "" };
    struct rt_model_files found;
    char size[RT_WORDS];
    const struct rt_notes notes = { NULL, note, c };
    why.status = rt_model_look_at_files(c->model, folder, &notes, &found, &why);
    int first = why.status == RT_OK;
    RT_TRY(rt_dist_bcast(c->dist, &first, sizeof first, 0, c->err));
    char digest[sizeof found.digest];
    memcpy(digest, found.digest, sizeof digest);
    RT_TRY(rt_dist_bcast(c->dist, digest, sizeof digest, 0, c->err));
    if (why.status == RT_OK && first && strcmp(digest, found.digest) != 0)
        rt_find_rank(
            c->findings, RT_ERR_FILE, "model",
            "%s: its files are of the sizes of rank 0's, but not the same: of another model, or damaged\ncopy the "
            "folder there again, or give all hosts the same one",
            folder);
    else if (why.status == RT_OK)
        rt_find_rank(c->findings, RT_OK, "model",
                     "%s: %lld tensors in %lld file%s, %s, every size as its header says", folder,
                     (long long)found.tensors, (long long)found.files, found.files == 1 ? "" : "s",
                     rt_words_bytes(size, (double)found.bytes));
    else if (first)
        rt_find_rank(
            c->findings, RT_WARNING, "model",
            "%.1200s\nrank 0 finds it, and ranks that do read it for all, but slower: put it where every host "
            "sees it, under the same name",
            why.text);
    else
        rt_find_rank(
            c->findings, (int)why.status, "model",
            "%.1200s\nfetch it again (ranktune download goes on from what is whole), where every host sees it",
            why.text);
    return RT_OK;
}

rt_status rt_check_model(struct rt_check *c)
{
    struct rt_error why = { .text = "" };
    struct rt_exec *const ex = c->opt->gpu_gib > 0 ? &c->plan_for : c->ex;
    if (ex == NULL) {
        rt_find_job(c->findings, RT_WARNING, "plan",
                    "not planned, as there is no device\nadd --gpu-gib 80 to plan for a GPU that is not here");
        rt_exec_plan_for_gpu(&c->plan_for, RT_BF16); /* the files are looked at all the same */
        c->plan_for.err = c->err;
    }
    why.status = rt_model_outline(&c->model, ex != NULL ? ex : &c->plan_for, &c->job->model, c->dist, &why);
    if (why.status == RT_ERR_COMM)
        return rt_fail(c->err, RT_ERR_COMM, "%s", why.text);
    if (why.status != RT_OK) {
        rt_find_error(c->findings, "model", &why, true);
        return rt_findings_share(c->findings, c->err);
    }
    rt_find_job(c->findings, RT_OK, "model",
                "%.4g million parameters, of which LoRA's %.4g million learn, on %lld modules",
                (double)rt_model_params(c->model) / 1e6, (double)rt_model_adapter(c->model)->count / 1e6,
                (long long)rt_model_adapter(c->model)->modules);
    if (ex != NULL && c->data != NULL)
        RT_TRY(plan(c));
    RT_TRY(look_at_files(c));
    return rt_findings_share(c->findings, c->err);
}
