/* resolve.c - typed values into struct rt_job, and what several keys say together: defaults that follow other
 * keys. */
#include "config.h"

#include "job/value.h"

#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_MOST_S = 600 };

static void place(struct rt_job *job, const struct rt_key *key, const struct rt_value *value)
{
    char *at = (char *)job + key->at;
    const int64_t i = value->null ? key->none : value->i;
    const double f = value->null ? (double)NAN : value->f;
    switch (key->type) {
    case RT_KEY_BOOL: memcpy(at, &value->b, sizeof value->b); break;
    case RT_KEY_INT: memcpy(at, &i, sizeof i); break;
    case RT_KEY_NUM: memcpy(at, &f, sizeof f); break;
    case RT_KEY_STR:
    case RT_KEY_CHOICE: memcpy(at, &value->s, sizeof value->s); break;
    case RT_KEY_LIST:
        memcpy(at, &value->list, sizeof value->list);
        memcpy((char *)job + key->count_at, &value->count, sizeof value->count);
        break;
    case RT_KEY_DICT:
    case RT_KEY_ANY: break;
    }
}

static enum rt_strategy strategy(const struct rt_reading *r, const char *key)
{
    const char *word = rt_value_of(r, key)->s;
    if (strcmp(word, "steps") == 0)
        return RT_STRATEGY_STEPS;
    if (strcmp(word, "epoch") == 0)
        return RT_STRATEGY_EPOCH;
    return strcmp(word, "best") == 0 ? RT_STRATEGY_BEST : RT_STRATEGY_NO;
}

static rt_status resolve_device(const struct rt_reading *r)
{
    static const char *const names[] = { "use_cpu", "no_cuda" };
    const char *device = rt_value_of(r, "device")->s;
    enum rt_device *out = &r->job->train.device;
    *out = strcmp(device, "cuda") == 0  ? RT_DEVICE_CUDA
           : strcmp(device, "cpu") == 0 ? RT_DEVICE_CPU
                                        : RT_DEVICE_AUTO;
    for (size_t i = 0; i < 2; i++) {
        if (!rt_value_of(r, names[i])->b)
            continue;
        if (*out == RT_DEVICE_CUDA)
            return rt_fail_key(r, names[i], "true, but device: cuda; remove one of them");
        *out = RT_DEVICE_CPU;
    }
    return RT_OK;
}

/* The reference recomputes unless it is told not to; here only what the job says itself is a wish, and
 * LLaMA-Factory's own key goes before transformers'. */
static void resolve_recompute(const struct rt_reading *r)
{
    const struct rt_value *off = rt_value_of(r, "disable_gradient_checkpointing");
    const struct rt_value *on = rt_value_of(r, "gradient_checkpointing");
    struct rt_model_options *model = &r->job->model;
    model->recompute = RT_RECOMPUTE_BY_PLAN;
    if (off->given != NULL && !off->null) {
        model->recompute = off->b ? RT_RECOMPUTE_NEVER : RT_RECOMPUTE_ALWAYS;
        model->recompute_wish =
            off->b ? "disable_gradient_checkpointing: true" : "disable_gradient_checkpointing: false";
        if (off->b && on->b)
            rt_note_key(r, "gradient_checkpointing",
                        "has no effect beside disable_gradient_checkpointing: true");
    } else if (on->b) {
        model->recompute = RT_RECOMPUTE_ALWAYS;
        model->recompute_wish = "gradient_checkpointing: true";
    }
}

static rt_status resolve_report_to(const struct rt_reading *r)
{
    const struct rt_value *value = rt_value_of(r, "report_to");
    char shown[RT_SHOWN_CHARS];
    for (int64_t i = 0; i < value->count; i++) {
        if (rt_word_among("tensorboard|all", value->list[i]))
            r->job->report.tensorboard = true;
        else if (strcmp(value->list[i], "none") != 0)
            return rt_fail_key(r, "report_to",
                               "\"%s\" is not supported: curves go to TensorBoard; "
                               "write report_to: tensorboard",
                               rt_shown(shown, value->list[i]));
    }
    return RT_OK;
}

/* A leading ~ is the home folder. */
static rt_status resolve_output_dir(const struct rt_reading *r)
{
    const char *given = r->job->output_dir != NULL ? r->job->output_dir : "trainer_output";
    const char *home = "", *rest = given;
    if (given[0] == '~' && (given[1] == '/' || given[1] == '\0')) {
        const struct passwd *user = NULL;
        home = getenv("HOME");
        if (home == NULL && (user = getpwuid(getuid())) != NULL)
            home = user->pw_dir;
        if (home == NULL)
            return rt_fail_key(r, "output_dir", "there is no home folder for ~; write the whole path");
        rest = given + 1;
    }
    const size_t bytes = strlen(home) + strlen(rest);
    char *path = rt_store_take(r->store, bytes + 1);
    if (path == NULL)
        return rt_no_memory(r->err);
    snprintf(path, bytes + 1, "%s%s", home, rest);
    r->job->output_dir = path;
    return RT_OK;
}

static void resolve_resume(const struct rt_reading *r)
{
    const char **resume = &r->job->train.resume_from_checkpoint;
    if (*resume == NULL)
        return;
    if (rt_word_among("true|True|TRUE|yes|Yes|YES|on|On|ON", *resume))
        *resume = "true";
    else if ((*resume)[0] == '\0' || rt_word_among("false|False|FALSE|no|No|NO|off|Off|OFF", *resume))
        *resume = "false";
}

static rt_status resolve_order(const struct rt_reading *r)
{
    struct rt_data_options *data = &r->job->data;
    const char *sampling = rt_value_of(r, "train_sampling_strategy")->s;
    const bool by_length = strcmp(sampling, "group_by_length") == 0 || rt_value_of(r, "group_by_length")->b;
    if (strcmp(sampling, "sequential") == 0 && by_length)
        return rt_fail_key(r, "group_by_length",
                           "true, but train_sampling_strategy: sequential; remove one of them");
    data->disable_shuffling = data->disable_shuffling || strcmp(sampling, "sequential") == 0;
    data->group_by_length = by_length && !data->disable_shuffling;
    return RT_OK;
}

static rt_status resolve_max_hours(const struct rt_reading *r)
{
    const struct rt_value *value = rt_value_of(r, "max_hours");
    struct rt_train_options *t = &r->job->train;
    char shown[RT_SHOWN_CHARS];
    t->max_hours = NAN;
    t->max_hours_auto = !value->null && strcmp(value->s, "auto") == 0;
    if (value->null || t->max_hours_auto)
        return RT_OK;
    if (!rt_number_of_text(value->s, &t->max_hours) || !(t->max_hours > 0 && isfinite(t->max_hours)))
        return rt_fail_key(r, "max_hours", "\"%s\" is not a number above 0; write max_hours: 11.8, or auto",
                           rt_shown(shown, value->s));
    return RT_OK;
}

static void resolve_train(const struct rt_reading *r)
{
    struct rt_train_options *t = &r->job->train;
    t->logging_strategy = strategy(r, "logging_strategy");
    t->save_strategy = strategy(r, "save_strategy");
    t->eval_strategy = strategy(r, "eval_strategy");
    t->do_eval = t->do_eval || t->eval_strategy != RT_STRATEGY_NO;
    if (t->eval_strategy != RT_STRATEGY_STEPS)
        t->eval_steps = NAN;
    else if (isnan(t->eval_steps) || t->eval_steps == 0)
        t->eval_steps = t->logging_steps;
    if (!rt_value_of(r, "warmup_ratio")->null)
        t->warmup = rt_value_of(r, "warmup_ratio")->f;
    if (isnan(t->max_grad_norm))
        t->max_grad_norm = 0;
    const char *seen = rt_value_of(r, "include_num_input_tokens_seen")->s;
    t->include_num_input_tokens_seen = strcmp(seen, "no") != 0;
    t->seen_without_padding = strcmp(seen, "non_padding") == 0;
    if (t->load_best_model_at_end && t->metric_for_best_model == NULL)
        t->metric_for_best_model = "loss";
    if (rt_value_of(r, "greater_is_better")->null && t->metric_for_best_model != NULL) {
        const size_t n = strlen(t->metric_for_best_model);
        t->greater_is_better = n < 4 || strcmp(t->metric_for_best_model + n - 4, "loss") != 0;
    }
    if (t->ddp_timeout > TIMEOUT_MOST_S) {
        if (rt_value_of(r, "ddp_timeout")->given != NULL)
            rt_note_key(r, "ddp_timeout", "a silent rank counts as lost after %d s, not after %lld s",
                        TIMEOUT_MOST_S, (long long)t->ddp_timeout);
        t->ddp_timeout = TIMEOUT_MOST_S;
    }
}

static void resolve_data_and_model(const struct rt_reading *r)
{
    struct rt_job *job = r->job;
    if (job->data.media_dir == NULL)
        job->data.media_dir = job->data.dataset_dir;
    if (rt_value_of(r, "data_seed")->null)
        job->data.data_seed = job->train.seed;
    if (isnan(job->model.lora_alpha) || job->model.lora_alpha == 0)
        job->model.lora_alpha = 2.0 * (double)job->model.lora_rank;
    const struct rt_value *val_size = rt_value_of(r, "val_size");
    if (val_size->f == 1 && val_size->given != NULL && val_size->given->kind == RT_NODE_INT)
        job->data.val_size = nextafter(1, 2); /* one row: data takes what is above 1 for a count and cuts it */
    const char *folder = getenv("TENSORBOARD_LOGGING_DIR");
    if (job->report.logging_dir == NULL && folder != NULL && folder[0] != '\0')
        job->report.logging_dir = rt_store_dup(r->store, folder, strlen(folder));
}

/* LLaMA-Factory keeps data sets by name: one that is named again is used once, at its first place. */
static void name_once(const struct rt_reading *r, const char *key, const char **names, int64_t *count)
{
    int64_t kept = 0;
    char shown[RT_SHOWN_CHARS];
    for (int64_t i = 0; i < *count; i++) {
        int64_t k = 0;
        while (k < kept && strcmp(names[k], names[i]) != 0)
            k++;
        if (k == kept)
            names[kept++] = names[i];
        else
            rt_note_key(r, key, "\"%s\" is named more than once and used once", rt_shown(shown, names[i]));
    }
    *count = kept;
}

/* Options that several modules need under the same name. */
static void share(struct rt_job *job)
{
    const struct rt_train_options *t = &job->train;
    job->data.model_name_or_path = job->model.model_name_or_path;
    job->data.seed = t->seed;
    job->data.gradient_accumulation_steps = t->gradient_accumulation_steps;
    job->data.do_train = t->do_train;
    job->data.output_dir = job->output_dir;
    job->model.seed = t->seed;
    job->report.output_dir = job->output_dir;
    job->report.overwrite_output_dir = t->overwrite_output_dir;
    job->report.include_num_input_tokens_seen = t->include_num_input_tokens_seen;
    job->report.train_batch_size = job->data.per_device_train_batch_size;
    job->report.num_train_epochs = t->num_train_epochs;
}

rt_status rt_resolve(const struct rt_reading *r)
{
    for (size_t i = 0; i < rt_key_count(); i++) {
        const struct rt_key *key = rt_key_at(i);
        if (key->use == RT_KEY_DONE && key->at != RT_KEY_NOWHERE)
            place(r->job, key, &r->values[i]);
    }
    RT_TRY(resolve_device(r));
    RT_TRY(resolve_report_to(r));
    RT_TRY(resolve_output_dir(r));
    RT_TRY(resolve_order(r));
    RT_TRY(resolve_max_hours(r));
    resolve_recompute(r);
    resolve_resume(r);
    resolve_train(r);
    resolve_data_and_model(r);
    name_once(r, "dataset", r->job->data.dataset, &r->job->data.datasets);
    name_once(r, "eval_dataset", r->job->data.eval_dataset, &r->job->data.eval_datasets);
    RT_TRY(rt_schedule_read(r));
    share(r->job);
    return RT_OK;
}
