/* adopt.c - the logs of a run that LLaMA-Factory began and this program goes on with. */
#include "config.h"
#include "base/file.h"
#include "base/pyjson.h"
#include "report/private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_MAX = 256 << 20 };
#define STEP_MAX ((int64_t)1 << 53)

/* A line of trainer_log.jsonl that tells of a loss. */
struct old_line {
    int64_t step, number; /* number: which line */
    bool eval;
    double loss;
    double elapsed_s; /* NaN: it does not say */
    const char *text; /* [bytes], without its end */
    size_t bytes;
};
struct old_log {
    char *text;
    struct old_line *line; /* [lines] by step, then as in the file */
    int64_t lines;
};

/* "1 day, 2:03:04" as Python writes a time. */
static double seconds_of(const char *text)
{
    long long days = 0, h, m, s;
    const char *comma = text == NULL ? NULL : strchr(text, ',');
    if (text == NULL || (comma != NULL && sscanf(text, "%lld day", &days) != 1) ||
        sscanf(comma == NULL ? text : comma + 1, "%lld:%lld:%lld", &h, &m, &s) != 3)
        return NAN;
    return (((double)days * 24 + (double)h) * 60 + (double)m) * 60 + (double)s;
}

/* An entry of log_history or a line of the file: whether it tells of a loss, and of which. */
static bool loss_of(const json_t *o, bool *eval, double *loss)
{
    *eval = json_object_get(o, "loss") == NULL;
    return rt_pyjson_get(json_object_get(o, *eval ? "eval_loss" : "loss"), loss);
}

static bool read_line(struct old_line *line, const char *text, size_t bytes)
{
    json_t *o = NULL;
    if (rt_pyjson_parse(&o, text, bytes, "", NULL) != RT_OK)
        return false;
    const json_t *step = json_object_get(o, "current_steps");
    const bool good = json_is_integer(step) && loss_of(o, &line->eval, &line->loss);
    line->step = json_integer_value(step);
    line->elapsed_s = seconds_of(json_string_value(json_object_get(o, "elapsed_time")));
    line->text = text;
    line->bytes = bytes;
    json_decref(o);
    return good;
}

static int by_step(const void *x, const void *y)
{
    const struct old_line *a = x, *b = y;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static rt_status read_log(struct old_log *log, const char *path, struct rt_error *err)
{
    size_t bytes, room = 1;
    RT_TRY(rt_file_load(path, LOG_MAX, &log->text, &bytes, err));
    for (size_t i = 0; i < bytes; i++)
        room += log->text[i] == '\n';
    log->line = calloc(room, sizeof *log->line);
    if (log->line == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory to read it", path);
    const char *end = log->text + bytes;
    for (const char *at = log->text; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const size_t length = (size_t)((stop == NULL ? end : stop) - at);
        struct old_line *line = &log->line[log->lines];
        line->number = log->lines;
        log->lines += read_line(line, at, length);
        at += length + 1;
    }
    qsort(log->line, (size_t)log->lines, sizeof *log->line, by_step);
    return RT_OK;
}

/* The line that told of this entry: of several attempts the last. */
static const struct old_line *find_line(const struct old_log *log, int64_t step, bool eval, double loss)
{
    const struct old_line *found = NULL;
    int64_t low = 0, high = log->lines;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (log->line[middle].step < step)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < log->lines && log->line[low].step == step; low++)
        if (log->line[low].eval == eval && log->line[low].loss == loss)
            found = &log->line[low];
    return found;
}

/* A line for an entry of which the file has none; nobody knows any more how long it took. */
static rt_status put_line(FILE *out, const struct rt_report *r, const json_t *entry, int64_t step,
                          int64_t total, struct rt_error *err)
{
    char *text = NULL;
    json_t *line = rt_metrics_line(r, entry, step, total);
    if (line == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the log of step %lld", (long long)step);
    json_object_del(line, "elapsed_time");
    json_object_del(line, "remaining_time");
    json_object_del(line, "throughput");
    const rt_status st = rt_pyjson_text(line, (struct rt_pyjson_style){ 0 }, &text, NULL, err);
    json_decref(line);
    if (st == RT_OK)
        fprintf(out, "%s\n", text);
    free(text);
    return st;
}

/* What the file has to hold: a line for each loss in log_history, in its order, those of the file as they stand
 * there. *known: how many are; *elapsed_s: of the last of them. */
static rt_status make_log(FILE *out, const struct rt_report *r, const struct old_log *log,
                          const json_t *history, int64_t total, int64_t *known, double *elapsed_s,
                          struct rt_error *err)
{
    const json_t *entry;
    size_t i;
    *known = 0;
    json_array_foreach (history, i, entry) {
        const int64_t step = json_integer_value(json_object_get(entry, "step"));
        bool eval;
        double loss;
        if (!loss_of(entry, &eval, &loss))
            continue;
        const struct old_line *line = find_line(log, step, eval, loss);
        if (line == NULL) {
            RT_TRY(put_line(out, r, entry, step, total, err));
            continue;
        }
        fprintf(out, "%.*s\n", (int)line->bytes, line->text);
        *elapsed_s = isnan(line->elapsed_s) ? *elapsed_s : line->elapsed_s;
        ++*known;
    }
    return RT_OK;
}

/* trainer_log.jsonl becomes the log of the steps up to the checkpoint: what a killed run or an earlier attempt
 * logged besides goes. A file that knows none of these losses is another run's, and stays. */
static rt_status adopt_log(struct rt_report *r, const json_t *history, int64_t total, struct rt_error *err)
{
    struct old_log log = { 0 };
    char *text = NULL;
    size_t bytes = 0;
    int64_t known = 0;
    rt_status st = read_log(&log, r->log.path, err);
    FILE *out = st == RT_OK ? open_memstream(&text, &bytes) : NULL;
    if (st == RT_OK && out == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its lines", r->log.path);
    if (st == RT_OK)
        st = make_log(out, r, &log, history, total, &known, &r->before_s, err);
    if (out != NULL && fclose(out) != 0 && st == RT_OK)
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its lines", r->log.path);
    if (st == RT_OK && known == 0 && log.lines > 0 && !r->log.start_anew) {
        rt_report_warn(r, "%s is not the checkpoint's: its lines stay, new ones are added below", r->log.path);
    } else if (st == RT_OK) {
        st = rt_file_put(r->opt.output_dir, "trainer_log.jsonl", text, bytes, err);
        rt_trainer_log_close(&r->log);
        if (st == RT_OK)
            st = rt_trainer_log_open(&r->log, r->opt.output_dir, false, err);
    }
    free(text);
    free(log.line);
    free(log.text);
    return st;
}

/* Steps and sums of them fit the numbers that they are kept in. */
static bool is_step(const json_t *step)
{
    return json_is_integer(step) && json_integer_value(step) >= 0 && json_integer_value(step) < STEP_MAX;
}

/* Is log_history a list of logs, each of a step? */
static bool is_history(const json_t *history)
{
    const json_t *entry;
    size_t i;
    json_array_foreach (history, i, entry)
        if (!json_is_object(entry) || !is_step(json_object_get(entry, "step")))
            return false;
    return json_is_array(history);
}

/* transformers before 4.50 has only the folder's name, .../checkpoint-N; -1: there is none. */
static int64_t best_step(const json_t *o)
{
    const json_t *step = json_object_get(o, "best_global_step");
    const char *folder = json_string_value(json_object_get(o, "best_model_checkpoint"));
    const char *dash = folder == NULL ? NULL : strrchr(folder, '-');
    long long n;
    if (json_is_integer(step))
        return json_integer_value(step);
    return step == NULL && dash != NULL && sscanf(dash, "-%lld", &n) == 1 && n > 0 ? n : -1;
}

static rt_status adopt_best(struct rt_report *r, const json_t *o, struct rt_report_past *past,
                            struct rt_error *err)
{
    const int64_t step = best_step(o);
    double metric;
    if (step < 0 || !rt_pyjson_get(json_object_get(o, "best_metric"), &metric))
        return RT_OK;
    past->best_metric = metric;
    past->best_step = step;
    RT_TRY(
        rt_report_best(r, metric, step, json_string_value(json_object_get(o, "best_model_checkpoint")), err));
    past->best_checkpoint = r->best.checkpoint;
    return RT_OK;
}

/* A log's loss is the mean of the steps since the one before; steps after the last log count as its mean. */
static void add_up(const json_t *history, int64_t step, struct rt_report_past *past)
{
    const json_t *entry;
    size_t i;
    int64_t logged = 0;
    double loss = 0;
    json_array_foreach (history, i, entry) {
        const int64_t at = json_integer_value(json_object_get(entry, "step"));
        if (!rt_pyjson_get(json_object_get(entry, "loss"), &loss))
            continue;
        past->total_loss += loss * (double)(at - logged);
        logged = at;
        rt_pyjson_get(json_object_get(entry, "grad_norm"), &past->grad_norm);
    }
    past->total_loss += loss * (double)(step - logged);
}

static rt_status adopt(struct rt_report *r, const json_t *o, int64_t step, struct rt_report_past *past,
                       struct rt_error *err)
{
    json_t *history = json_object_get(o, "log_history");
    const json_t *total = json_object_get(o, "max_steps");
    add_up(history, step, past);
    past->tokens_seen = json_integer_value(json_object_get(o, "num_input_tokens_seen"));
    rt_pyjson_get(json_object_get(o, "total_flos"), &past->total_flos);
    RT_TRY(adopt_best(r, o, past, err));
    RT_TRY(adopt_log(r, history, is_step(total) ? json_integer_value(total) : 0, err));
    json_decref(r->history);
    r->history = json_incref(history);
    r->tokens_seen = past->tokens_seen;
    r->saved = true;
    r->tb_start = step + 1;
    return RT_OK;
}

rt_status rt_report_adopt(struct rt_report *r, const char *state, int64_t step, struct rt_report_past *past,
                          struct rt_error *err)
{
    json_t *o = NULL;
    *past = (struct rt_report_past){ .best_metric = NAN };
    if (rt_report_idle(r))
        return RT_OK;
    if (r->began)
        return rt_fail(err, RT_ERR_INTERNAL, "rt_report_adopt after rt_report_begin");
    RT_TRY(rt_pyjson_parse(&o, state, strlen(state), "trainer_state.json", err));
    const rt_status st = is_history(json_object_get(o, "log_history"))
                             ? adopt(r, o, step, past, err)
                             : rt_fail(err, RT_ERR_FILE, "trainer_state.json: log_history is no list of logs");
    json_decref(o);
    return st;
}
