/* logs.c - one log of a run, to every place where it is shown or kept. */
#include "config.h"
#include "base/pyjson.h"
#include "report/private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Numbers of an entry as TensorBoard's scalars: eval_x is eval/x, everything else train/x. */
static rt_status chart(struct rt_report *r, const json_t *entry, int64_t step, struct rt_error *err)
{
    enum { MOST = 24 };
    struct rt_scalar scalars[MOST];
    char tags[MOST][192];
    int64_t n = 0;
    RT_TRY(rt_report_tensorboard(r, err));
    if (r->tb == NULL)
        return RT_OK;
    json_t *walk = (json_t *)entry; /* jansson's iterators take no const; nothing is changed */
    for (void *it = json_object_iter(walk); it != NULL && n < MOST; it = json_object_iter_next(walk, it)) {
        const char *key = json_object_iter_key(it);
        const bool eval = strncmp(key, "eval_", 5) == 0;
        double value;
        if (strcmp(key, "step") == 0 || !rt_pyjson_get(json_object_iter_value(it), &value))
            continue;
        snprintf(tags[n], sizeof tags[n], "%s/%s", eval ? "eval" : "train", eval ? key + 5 : key);
        scalars[n] = (struct rt_scalar){ tags[n], (float)value };
        n++;
    }
    return rt_tensorboard_scalars(r->tb, step, scalars, n, err);
}

/* Into trainer_log.jsonl (`total` steps there; below 0: no line), log_history and TensorBoard. */
static rt_status record(struct rt_report *r, json_t *entry, int64_t step, int64_t total, struct rt_error *err)
{
    json_t *line = entry != NULL ? rt_metrics_line(r, entry, step, total) : NULL;
    if (line == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the log of step %lld", (long long)step);
    const rt_status st = total < 0 ? RT_OK : rt_trainer_log_append(&r->log, line, err);
    json_decref(line);
    RT_TRY(st);
    if (json_array_append(r->history, entry) != 0)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the log of step %lld", (long long)step);
    return chart(r, entry, step, err);
}

/* Where the run stands, as the lines of its logs begin; nothing before training. */
static const char *place(char text[64], const struct rt_report *r, int64_t step)
{
    text[0] = '\0';
    if (r->began)
        snprintf(text, 64, "step %lld/%lld  ", (long long)step, (long long)r->opt.total_steps);
    return text;
}

static rt_status chart_speed(struct rt_report *r, const struct rt_train_log *log, struct rt_error *err)
{
    const struct rt_scalar speed[] = { { "perf/tokens_per_second", (float)log->tokens_per_s },
                                       { "perf/data_wait_seconds", (float)log->data_wait_s },
                                       { "perf/step_seconds", (float)log->step_s },
                                       { "perf/tflops_per_rank", (float)log->tflops },
                                       { "perf/gpu_percent", (float)log->gpu_percent } };
    const int64_t known = isnan(log->gpu_percent) ? 4 : 5;
    return r->tb == NULL ? RT_OK : rt_tensorboard_scalars(r->tb, log->step, speed, known, err);
}

rt_status rt_report_train(struct rt_report *r, const struct rt_train_log *log, struct rt_error *err)
{
    if (rt_report_idle(r))
        return RT_OK;
    char at[64], left[48];
    r->tokens_seen = log->tokens_seen;
    snprintf(r->tail, sizeof r->tail, "loss %.4f", log->loss);
    const double left_s =
        log->step > 0 ? (double)(r->opt.total_steps - log->step) * (rt_report_elapsed_s(r) / (double)log->step)
                      : 0;
    rt_report_info(r,
                   "%sloss %.4f  grad_norm %.4g  lr %.4g  epoch %.2f  %.0f tokens/s  data wait %.2f s  left %s",
                   place(at, r, log->step), log->loss, log->grad_norm, log->learning_rate, log->epoch,
                   log->tokens_per_s, log->data_wait_s, rt_duration(left, left_s));
    json_t *entry = rt_metrics_train(r, log);
    rt_status st = record(r, entry, log->step, r->opt.total_steps, err);
    json_decref(entry);
    if (st == RT_OK)
        st = chart_speed(r, log, err);
    return st;
}

static void say_eval(struct rt_report *r, const struct rt_eval_log *log)
{
    char at[64], accuracy[64] = "";
    if (log->empty) {
        rt_report_warn(r, "%snothing evaluated: %lld samples, and no batch was left of them",
                       place(at, r, log->step), (long long)log->samples);
        return;
    }
    if (!isnan(log->eval_accuracy))
        snprintf(accuracy, sizeof accuracy, "  %s_accuracy %.4f", log->prefix, log->eval_accuracy);
    rt_report_info(r, "%s%s_loss %.4f%s  %lld samples in %.1f s", place(at, r, log->step), log->prefix,
                   log->eval_loss, accuracy, (long long)log->samples, log->runtime_s);
}

rt_status rt_report_eval(struct rt_report *r, const struct rt_eval_log *log, struct rt_error *err)
{
    if (rt_report_idle(r))
        return RT_OK;
    say_eval(r, log);
    json_t *entry = rt_metrics_eval(r, log);
    const rt_status st = record(r, entry, log->step, r->opt.total_steps, err);
    json_decref(entry);
    return st;
}

/* Result files hold a log's entry without its step, and the effective tokens per second, which no log has. */
static rt_status write_results(struct rt_report *r, const char *split, const json_t *entry, double effective,
                               struct rt_error *err)
{
    json_t *metrics = json_copy((json_t *)entry); /* jansson asks for no const; nothing is changed */
    if (metrics == NULL || (effective > 0 && json_object_set_new(metrics, "effective_tokens_per_sec",
                                                                 rt_pyjson_real(effective)) != 0)) {
        json_decref(metrics);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %s_results.json", split);
    }
    json_object_del(metrics, "step");
    const rt_status st = rt_results_write(r->opt.output_dir, split, metrics, err);
    json_decref(metrics);
    return st;
}

static rt_status end_files(struct rt_report *r, const struct rt_end_log *log, json_t *entry,
                           struct rt_error *err)
{
    const struct rt_state state = { .step = log->step,
                                    .tokens_seen = log->tokens_seen,
                                    .epoch = log->epoch,
                                    .total_flos = log->total_flos,
                                    .saved = r->saved,
                                    .stopping = r->saved_at_end };
    RT_TRY(record(r, entry, log->step, r->opt.total_steps, err));
    RT_TRY(write_results(r, "train", entry, log->effective_tokens_per_s, err));
    RT_TRY(rt_trainer_state_write(r, r->opt.output_dir, &state, err));
    return r->opt.plot_loss ? rt_curves_write(r, err) : RT_OK;
}

rt_status rt_report_end(struct rt_report *r, const struct rt_end_log *log, struct rt_error *err)
{
    if (rt_report_idle(r))
        return RT_OK;
    char at[64], runtime[48];
    r->tokens_seen = log->tokens_seen;
    r->ended = true;
    rt_console_bar_end(&r->console);
    rt_report_info(r, "%strained in %s  train_loss %.4f  %.3f samples/s  %.3f steps/s", place(at, r, log->step),
                   rt_duration(runtime, log->runtime_s), log->train_loss,
                   log->samples / fmax(log->runtime_s, 1e-9), (double)log->steps / fmax(log->runtime_s, 1e-9));
    json_t *entry = rt_metrics_end(r, log);
    const rt_status st = end_files(r, log, entry, err);
    json_decref(entry);
    return st;
}

rt_status rt_report_eval_results(struct rt_report *r, const struct rt_eval_log *log, struct rt_error *err)
{
    if (rt_report_idle(r))
        return RT_OK;
    say_eval(r, log);
    json_t *entry = rt_metrics_eval(r, log);
    /* After a training trainer_log.jsonl is closed; an evaluation alone counts its own batches there. */
    rt_status st = record(r, entry, log->step, r->began ? -1 : log->steps, err);
    if (st == RT_OK && json_object_update(r->eval_results, entry) != 0)
        st = rt_fail(err, RT_ERR_MEMORY, "no memory for eval_results.json");
    if (st == RT_OK)
        st = write_results(r, "eval", r->eval_results, 0, err);
    json_decref(entry);
    return st;
}
