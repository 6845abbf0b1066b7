/* metrics.c - logs as the objects that log_history, the result files and trainer_log.jsonl are made of. */
#include "config.h"
#include "base/pyjson.h"
#include "report/private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Puts a value and takes it over; a failed allocation of it is -1, as jansson's own failures are. */
static int put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value);
}

static int put_real(json_t *object, const char *key, double x)
{
    return put(object, key, rt_pyjson_real(x));
}

static int put_rate(json_t *object, const char *prefix, const char *what, double count, double runtime_s)
{
    char key[160];
    snprintf(key, sizeof key, "%s_%s_per_second", prefix, what);
    return runtime_s == 0 ? 0 : put_real(object, key, rt_pyjson_round(count / runtime_s, 3));
}

static int put_runtime(json_t *object, const char *prefix, double runtime_s)
{
    char key[160];
    snprintf(key, sizeof key, "%s_runtime", prefix);
    return put_real(object, key, rt_pyjson_round(runtime_s, 4));
}

/* What every log carries: the epoch, and the tokens if they are counted. */
static int put_common(json_t *object, const struct rt_report *r, double epoch, int64_t tokens_seen)
{
    /* the reference's epoch is the whole number 0 until training has begun */
    int bad =
        r->began ? put_real(object, "epoch", epoch) : put(object, "epoch", json_integer((json_int_t)epoch));
    if (r->opt.include_num_input_tokens_seen)
        bad |= put(object, "num_input_tokens_seen", json_integer(tokens_seen));
    return bad;
}

static json_t *done(json_t *object, int bad)
{
    if (bad == 0)
        return object;
    json_decref(object);
    return NULL;
}

json_t *rt_metrics_train(const struct rt_report *r, const struct rt_train_log *log)
{
    json_t *m = json_object();
    int bad = put_real(m, "loss", log->loss);
    bad |= put_real(m, "grad_norm", log->grad_norm);
    bad |= put_real(m, "learning_rate", log->learning_rate);
    bad |= put_common(m, r, log->epoch, log->tokens_seen);
    if (r->opt.include_num_input_tokens_seen) {
        const double elapsed_s = rt_report_elapsed_s(r);
        bad |= put_runtime(m, "train", elapsed_s);
        bad |= put_rate(m, "train", "tokens", (double)log->tokens_seen, elapsed_s);
    }
    bad |= put(m, "step", json_integer(log->step));
    return done(m, bad);
}

json_t *rt_metrics_eval(const struct rt_report *r, const struct rt_eval_log *log)
{
    char key[160];
    json_t *m = json_object();
    snprintf(key, sizeof key, "%s_loss", log->prefix);
    int bad = log->empty ? 0 : put_real(m, key, log->eval_loss);
    snprintf(key, sizeof key, "%s_accuracy", log->prefix);
    if (!isnan(log->eval_accuracy))
        bad |= put_real(m, key, log->eval_accuracy);
    bad |= put_runtime(m, log->prefix, log->runtime_s);
    bad |= put_rate(m, log->prefix, "samples", (double)log->samples, log->runtime_s);
    bad |= put_rate(m, log->prefix, "steps", (double)log->steps, log->runtime_s);
    bad |= put_common(m, r, log->epoch, log->tokens_seen);
    bad |= put(m, "step", json_integer(log->step));
    return done(m, bad);
}

json_t *rt_metrics_end(const struct rt_report *r, const struct rt_end_log *log)
{
    json_t *m = json_object();
    int bad = put_runtime(m, "train", log->runtime_s);
    bad |= put_rate(m, "train", "samples", log->samples, log->runtime_s);
    bad |= put_rate(m, "train", "steps", (double)log->steps, log->runtime_s);
    bad |= put_real(m, "total_flos", log->total_flos);
    bad |= put_real(m, "train_loss", log->train_loss);
    bad |= put_common(m, r, log->epoch, log->tokens_seen);
    bad |= put(m, "step", json_integer(log->step));
    return done(m, bad);
}

/* The entry's value under another key, if it has one. */
static int copy(json_t *line, const char *key, const json_t *entry, const char *from)
{
    json_t *value = json_object_get(entry, from);
    return value == NULL ? 0 : json_object_set(line, key, value);
}

json_t *rt_metrics_line(const struct rt_report *r, const json_t *entry, int64_t step, int64_t total)
{
    char text[48];
    const double elapsed_s = rt_report_elapsed_s(r);
    const double left_s = step != 0 ? (double)(total - step) * (elapsed_s / (double)step) : 0;
    json_t *line = json_object();
    int bad = put(line, "current_steps", json_integer(step));
    bad |= put(line, "total_steps", json_integer(total));
    bad |= copy(line, "loss", entry, "loss");
    bad |= copy(line, "eval_loss", entry, "eval_loss");
    bad |= copy(line, "lr", entry, "learning_rate");
    bad |= copy(line, "epoch", entry, "epoch");
    bad |= put(line, "percentage",
               total == 0 ? json_integer(100)
                          : rt_pyjson_real(rt_pyjson_round((double)step / (double)total * 100, 2)));
    bad |= put(line, "elapsed_time", json_string(rt_duration(text, elapsed_s)));
    bad |= put(line, "remaining_time", json_string(rt_duration(text, left_s)));
    const json_int_t tokens = json_integer_value(json_object_get(entry, "num_input_tokens_seen"));
    if (tokens != 0) {
        bad |= put_real(line, "throughput", rt_pyjson_round((double)tokens / fmax(elapsed_s, 1e-9), 2));
        bad |= put(line, "total_tokens", json_integer(tokens));
    }
    return done(line, bad);
}
