/* check.c - rules between keys: LLaMA-Factory's, in so far as they bear on what is done here. */
#include "config.h"

#include "job/value.h"

#include <math.h>
#include <string.h>

static rt_status check_model(const struct rt_reading *r)
{
    const struct rt_job *job = r->job;
    if (job->model.model_name_or_path == NULL || job->model.model_name_or_path[0] == '\0')
        return rt_fail_key(r, "model_name_or_path", "is missing; write the folder of the model to train");
    if (job->data.image_max_pixels < job->data.image_min_pixels)
        return rt_fail_key(r, "image_max_pixels",
                           "%lld is smaller than image_min_pixels: %lld; "
                           "a picture cannot have both",
                           (long long)job->data.image_max_pixels, (long long)job->data.image_min_pixels);
    if (job->output_dir[0] == '\0')
        return rt_fail_key(r, "output_dir", "is empty; write a folder");
    return RT_OK;
}

static rt_status check_val_size(const struct rt_reading *r)
{
    const struct rt_data_options *data = &r->job->data;
    if (data->val_size <= 1e-6)
        return RT_OK;
    if (data->datasets == 0)
        return rt_fail_key(r, "val_size", "sets rows of dataset aside, but dataset is missing; write dataset");
    if (data->eval_datasets > 0)
        return rt_fail_key(r, "val_size", "and eval_dataset both say what to evaluate on; remove one of them");
    if (data->val_size == 1)
        return rt_fail_key(r, "val_size",
                           "a share of 1 leaves no row to train on; write a share below 1, "
                           "or a whole number of rows");
    return RT_OK;
}

static rt_status check_data(const struct rt_reading *r)
{
    const struct rt_data_options *data = &r->job->data;
    const struct rt_train_options *t = &r->job->train;
    if (data->template_name == NULL || data->template_name[0] == '\0')
        return rt_fail_key(r, "template", "is missing; write template: qwen2_vl");
    if (strcmp(data->dataset_dir, "ONLINE") == 0 || strncmp(data->dataset_dir, "REMOTE:", 7) == 0)
        return rt_fail_key(r, "dataset_dir",
                           "\"%.80s\" is not supported: data are read from a folder; download the "
                           "data set and write its folder",
                           data->dataset_dir);
    if (data->mask_history && data->train_on_prompt)
        return rt_fail_key(r, "mask_history",
                           "learns the last answer alone and train_on_prompt the questions too; "
                           "remove one of them");
    RT_TRY(check_val_size(r));
    if (t->do_train && data->datasets == 0)
        return rt_fail_key(r, "dataset", "is missing, and do_train is true; write the data sets' names");
    const bool can_evaluate = data->eval_datasets > 0 || data->val_size > 1e-6;
    if (t->do_eval && !can_evaluate)
        return rt_fail_key(r, t->eval_strategy != RT_STRATEGY_NO ? "eval_strategy" : "do_eval",
                           "there is nothing to evaluate on; write eval_dataset, or val_size: 0.1");
    if (t->eval_on_start && !can_evaluate)
        return rt_fail_key(r, "eval_on_start",
                           "there is nothing to evaluate on; write eval_dataset, or val_size: 0.1");
    return RT_OK;
}

static rt_status check_whole_steps(const struct rt_reading *r, const char *key, enum rt_strategy strategy,
                                   double steps)
{
    if (strategy == RT_STRATEGY_STEPS && steps > 1 && steps != trunc(steps))
        return rt_fail_key(r, key,
                           "%.15g is neither a whole number of steps nor a share below 1; write %s: %.15g",
                           steps, key, trunc(steps));
    return RT_OK;
}

static rt_status check_steps(const struct rt_reading *r)
{
    const struct rt_train_options *t = &r->job->train;
    if (t->logging_strategy == RT_STRATEGY_STEPS && t->logging_steps == 0)
        return rt_fail_key(r, "logging_steps",
                           "0 with logging_strategy: steps; write logging_steps: 10, or "
                           "logging_strategy: \"no\"");
    if (t->eval_strategy == RT_STRATEGY_STEPS && t->eval_steps == 0)
        return rt_fail_key(r, "eval_steps", "0, and logging_steps is 0 too; write eval_steps: 100");
    RT_TRY(check_whole_steps(r, "logging_steps", t->logging_strategy, t->logging_steps));
    RT_TRY(check_whole_steps(r, "eval_steps", t->eval_strategy, t->eval_steps));
    return check_whole_steps(r, "save_steps", t->save_strategy, t->save_steps);
}

/* A save at every evaluation is what makes the best adapter one that was saved. */
static rt_status check_best_steps(const struct rt_reading *r)
{
    static const char *const names[] = { "no", "steps", "epoch", "best" };
    const struct rt_train_options *t = &r->job->train;
    const double save = t->save_steps, eval = t->eval_steps;
    if (t->save_strategy == RT_STRATEGY_BEST)
        return RT_OK;
    if (t->eval_strategy != t->save_strategy)
        return rt_fail_key(r, "load_best_model_at_end",
                           "true, but save_strategy: %s and eval_strategy: %s differ; "
                           "write the same for both",
                           names[t->save_strategy], names[t->eval_strategy]);
    if (t->eval_strategy != RT_STRATEGY_STEPS || fmod(save, eval) == 0)
        return RT_OK;
    if ((save < 1) != (eval < 1))
        return rt_fail_key(r, "load_best_model_at_end",
                           "true, but one of save_steps: %.15g and eval_steps: %.15g is "
                           "a share and the other a number of steps; write both as numbers",
                           save, eval);
    if (save < 1 && fmod(save * 1e6, eval * 1e6) == 0)
        return RT_OK;
    return rt_fail_key(r, "load_best_model_at_end",
                       "true, but save_steps: %.15g is not a multiple of eval_steps: "
                       "%.15g; write save_steps: %.15g",
                       save, eval, eval);
}

static rt_status check_best(const struct rt_reading *r)
{
    const struct rt_train_options *t = &r->job->train;
    const char *metric = t->metric_for_best_model;
    if (metric != NULL && !rt_word_among("loss|eval_loss|accuracy|eval_accuracy", metric))
        return rt_fail_key(r, "metric_for_best_model",
                           "\"%.80s\" is not measured; write loss, or accuracy with "
                           "compute_accuracy: true",
                           metric);
    if (metric != NULL && strstr(metric, "accuracy") != NULL && !t->compute_accuracy)
        return rt_fail_key(r, "metric_for_best_model",
                           "accuracy is not measured; write compute_accuracy: true");
    if (t->save_strategy == RT_STRATEGY_BEST && metric == NULL)
        return rt_fail_key(r, "save_strategy", "best needs to know by what; write metric_for_best_model: loss");
    if (t->save_strategy == RT_STRATEGY_BEST && t->eval_strategy == RT_STRATEGY_NO)
        return rt_fail_key(r, "save_strategy", "best is found by evaluating; write eval_strategy: steps");
    if (t->load_best_model_at_end)
        return check_best_steps(r);
    return RT_OK;
}

/* batches whole on every rank and evened out: the defaults are all there is. */
static rt_status check_accelerator(const struct rt_reading *r)
{
    static const char key[] = "accelerator_config";
    const struct rt_value *value = rt_value_of(r, key);
    for (const struct rt_node *n = value->null ? NULL : value->map->first; n != NULL; n = n->next) {
        const bool on = rt_word_among("even_batches|use_seedable_sampler", n->key);
        const bool off =
            rt_word_among("split_batches|dispatch_batches|non_blocking|gradient_accumulation_kwargs|"
                          "use_configured_state",
                          n->key);
        const bool is_default = on ? n->kind == RT_NODE_BOOL && n->b
                                   : off && (n->kind == RT_NODE_NULL || (n->kind == RT_NODE_BOOL && !n->b));
        char shown[RT_SHOWN_CHARS];
        if (!is_default && strcmp(n->key, "non_blocking") != 0)
            return rt_fail_key(r, key,
                               "%s is not supported other than by its default: batches are whole on every "
                               "rank and evened out; remove it",
                               rt_shown(shown, n->key));
    }
    return RT_OK;
}

static rt_status check_rest(const struct rt_reading *r)
{
    const char *optim = rt_value_of(r, "optim")->s;
    if (rt_word_among("adamw_torch_4bit|adamw_torch_8bit|adamw_bnb_8bit|adamw_8bit|paged_adamw_8bit", optim))
        rt_note_key(r, "optim", "AdamW's moments of the LoRA matrices are small and kept in 32 bits");
    return check_accelerator(r);
}

rt_status rt_job_check(const struct rt_reading *r)
{
    RT_TRY(check_model(r));
    RT_TRY(check_data(r));
    RT_TRY(check_steps(r));
    RT_TRY(check_best(r));
    return check_rest(r);
}
