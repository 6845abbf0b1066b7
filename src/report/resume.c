/* resume.c - what a report keeps in a checkpoint, and how it goes on from there. */
#include "config.h"
#include "base/pyjson.h"
#include "report/private.h"

#include <stdlib.h>
#include <string.h>

int rt_best_put(const struct rt_report *r, json_t *o)
{
    int bad =
        json_object_set_new(o, "best_global_step", r->best.known ? json_integer(r->best.step) : json_null());
    bad |= json_object_set_new(o, "best_metric", r->best.known ? rt_pyjson_real(r->best.metric) : json_null());
    bad |= json_object_set_new(o, "best_model_checkpoint",
                               r->best.checkpoint != NULL ? json_string(r->best.checkpoint) : json_null());
    return bad;
}

rt_status rt_report_save(const struct rt_report *r, char **text, struct rt_error *err)
{
    if (rt_report_idle(r)) {
        *text = NULL;
        return RT_OK;
    }
    struct rt_trainer_mark mark;
    RT_TRY(rt_trainer_log_mark(&r->log, &mark, err));
    json_t *o = json_object();
    int bad = json_object_set_new(o, "trainer_log_bytes", json_integer(mark.bytes));
    bad |= json_object_set_new(o, "trainer_log_digest", json_string(mark.digest));
    bad |= json_object_set_new(o, "elapsed_s", rt_pyjson_real(rt_report_elapsed_s(r)));
    bad |= json_object_set_new(o, "tokens_seen", json_integer(r->tokens_seen));
    bad |= json_object_set_new(o, "runs", json_string(r->runs));
    bad |= rt_best_put(r, o);
    bad |= json_object_set(o, "log_history", r->history);
    const rt_status st = bad != 0 ? rt_fail(err, RT_ERR_MEMORY, "no memory for the logs' state")
                                  : rt_pyjson_text(o, (struct rt_pyjson_style){ 0 }, text, NULL, err);
    json_decref(o);
    return st;
}

rt_status rt_report_sync(const struct rt_report *r, struct rt_error *err)
{
    if (rt_report_idle(r))
        return RT_OK;
    RT_TRY(rt_trainer_log_sync(&r->log, err));
    return r->tb != NULL ? rt_tensorboard_sync(r->tb, err) : RT_OK;
}

/* "runs/NAME" and nothing that leads elsewhere. */
static bool is_runs(const char *runs)
{
    return runs != NULL && strncmp(runs, "runs/", 5) == 0 && runs[5] != '\0' && strchr(runs + 5, '/') == NULL &&
           strcmp(runs + 5, "..") != 0 && strcmp(runs + 5, ".") != 0;
}

/* Everything that is used afterwards has the type it is used as; NULL or the key that has not. */
static const char *wrong_key(const json_t *o)
{
    const json_t *digest = json_object_get(o, "trainer_log_digest"),
                 *bytes = json_object_get(o, "trainer_log_bytes");
    const json_t *history = json_object_get(o, "log_history"), *entry,
                 *step = json_object_get(o, "best_global_step");
    double x;
    size_t i;
    if (!json_is_integer(bytes) || json_integer_value(bytes) < 0)
        return "trainer_log_bytes";
    if (!json_is_string(digest) || json_string_length(digest) != 32)
        return "trainer_log_digest";
    if (!rt_pyjson_get(json_object_get(o, "elapsed_s"), &x) || !(x >= 0 && x < 1e12))
        return "elapsed_s";
    if (!json_is_integer(json_object_get(o, "tokens_seen")))
        return "tokens_seen";
    if (!is_runs(json_string_value(json_object_get(o, "runs"))))
        return "runs";
    if (json_is_integer(step) && !rt_pyjson_get(json_object_get(o, "best_metric"), &x))
        return "best_metric";
    if (!json_is_array(history))
        return "log_history";
    json_array_foreach (history, i, entry)
        if (!json_is_object(entry) || !json_is_integer(json_object_get(entry, "step")))
            return "log_history";
    return NULL;
}

static rt_status take(struct rt_report *r, const json_t *o, int64_t step, struct rt_error *err)
{
    struct rt_trainer_mark mark = { .bytes = json_integer_value(json_object_get(o, "trainer_log_bytes")) };
    memcpy(mark.digest, json_string_value(json_object_get(o, "trainer_log_digest")), sizeof mark.digest);
    char *runs = strdup(json_string_value(json_object_get(o, "runs")));
    const char *best = json_string_value(json_object_get(o, "best_model_checkpoint"));
    char *checkpoint = best != NULL ? strdup(best) : NULL;
    bool same = false;
    rt_status st = RT_OK;
    if (runs == NULL || (best != NULL && checkpoint == NULL))
        st = rt_fail(err, RT_ERR_MEMORY, "no memory for the logs' state");
    if (st == RT_OK)
        st = rt_trainer_log_return(&r->log, &mark, &same, err);
    if (st != RT_OK) {
        free(checkpoint);
        free(runs);
        return st;
    }
    if (!same)
        rt_report_warn(r,
                       "%s is not the file that the checkpoint knew; its lines stay, new ones are added below",
                       r->log.path);
    json_decref(r->history);
    r->history = json_incref(json_object_get(o, "log_history"));
    rt_pyjson_get(json_object_get(o, "elapsed_s"), &r->before_s);
    r->tokens_seen = json_integer_value(json_object_get(o, "tokens_seen"));
    free(r->runs);
    r->runs = runs;
    free(r->best.checkpoint);
    r->best.checkpoint = checkpoint;
    r->best.known = json_is_integer(json_object_get(o, "best_global_step"));
    r->best.step = json_integer_value(json_object_get(o, "best_global_step"));
    if (r->best.known)
        rt_pyjson_get(json_object_get(o, "best_metric"), &r->best.metric);
    r->saved = true;
    r->tb_start = step + 1;
    return RT_OK;
}

rt_status rt_report_resume(struct rt_report *r, const char *text, int64_t step, struct rt_error *err)
{
    if (rt_report_idle(r))
        return RT_OK;
    if (r->began)
        return rt_fail(err, RT_ERR_INTERNAL, "rt_report_resume after rt_report_begin");
    json_t *o = NULL;
    RT_TRY(rt_pyjson_parse(&o, text, strlen(text), "checkpoint: logs' state", err));
    const char *wrong = wrong_key(o);
    const rt_status st = wrong == NULL
                             ? take(r, o, step, err)
                             : rt_fail(err, RT_ERR_FILE,
                                       "checkpoint: logs' state: %s is missing or damaged; resume from "
                                       "another checkpoint",
                                       wrong);
    json_decref(o);
    return st;
}
