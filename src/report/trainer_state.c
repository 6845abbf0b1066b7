/* trainer_state.c - trainer_state.json as transformers writes it, with what it says of the best evaluation. */
#include "config.h"
#include "base/file.h"
#include "base/pyjson.h"
#include "report/file.h"
#include "report/private.h"

#include <stdlib.h>
#include <string.h>

/* transformers keeps here what its TrainerControl held when the last checkpoint was written. */
static json_t *callbacks(const struct rt_state *s)
{
    return json_pack("{s{s{sbsbsbsbsb}s{}}}", "TrainerControl", "args", "should_epoch_stop", 0,
                     "should_evaluate", 0, "should_log", 0, "should_save", (int)s->saved,
                     "should_training_stop", (int)s->stopping, "attributes");
}

static json_t *state(const struct rt_report *r, const struct rt_state *s)
{
    json_t *o = json_object();
    int bad = rt_best_put(r, o);
    bad |= json_object_set_new(o, "epoch", rt_pyjson_real(s->epoch));
    bad |= json_object_set_new(o, "eval_steps", json_integer(r->opt.eval_steps));
    bad |= json_object_set_new(o, "global_step", json_integer(s->step));
    bad |= json_object_set_new(o, "is_hyper_param_search", json_false());
    bad |= json_object_set_new(o, "is_local_process_zero", json_true());
    bad |= json_object_set_new(o, "is_world_process_zero", json_true());
    bad |= json_object_set(o, "log_history", r->history);
    bad |= json_object_set_new(o, "logging_steps", json_integer(r->opt.logging_steps));
    bad |= json_object_set_new(o, "max_steps", json_integer(r->opt.total_steps));
    bad |= json_object_set_new(o, "num_input_tokens_seen",
                               json_integer(r->opt.include_num_input_tokens_seen ? s->tokens_seen : 0));
    bad |= json_object_set_new(o, "num_train_epochs", json_integer((json_int_t)r->opt.num_train_epochs));
    bad |= json_object_set_new(o, "save_steps", json_integer(r->opt.save_steps));
    bad |= json_object_set_new(o, "stateful_callbacks", callbacks(s));
    bad |= json_object_set_new(o, "total_flos", rt_pyjson_real(s->total_flos));
    bad |= json_object_set_new(o, "train_batch_size", json_integer(r->opt.train_batch_size));
    bad |= json_object_set_new(o, "trial_name", json_null());
    bad |= json_object_set_new(o, "trial_params", json_null());
    if (bad == 0)
        return o;
    json_decref(o);
    return NULL;
}

rt_status rt_trainer_state_text(const struct rt_report *r, const struct rt_state *s, char **text, size_t *bytes,
                                struct rt_error *err)
{
    json_t *o = state(r, s);
    if (o == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for trainer_state.json");
    const rt_status st =
        rt_pyjson_text(o, (struct rt_pyjson_style){ .indent = 2, .sort_keys = true }, text, bytes, err);
    json_decref(o);
    if (st == RT_OK)
        (*text)[(*bytes)++] = '\n'; /* in the place of the NUL */
    return st;
}

rt_status rt_trainer_state_write(const struct rt_report *r, const char *folder, const struct rt_state *s,
                                 struct rt_error *err)
{
    char *text;
    size_t bytes;
    RT_TRY(rt_trainer_state_text(r, s, &text, &bytes, err));
    const rt_status st = rt_file_put(folder, "trainer_state.json", text, bytes, err);
    free(text);
    return st;
}

rt_status rt_report_best(struct rt_report *r, double metric, int64_t step, const char *checkpoint,
                         struct rt_error *err)
{
    if (rt_report_idle(r))
        return RT_OK;
    char *copy = checkpoint != NULL ? strdup(checkpoint) : NULL;
    if (checkpoint != NULL && copy == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the name of %s", checkpoint);
    free(r->best.checkpoint);
    r->best.checkpoint = copy != NULL ? rt_utf8_only(copy) : NULL;
    r->best.metric = metric;
    r->best.step = step;
    r->best.known = true;
    return RT_OK;
}

rt_status rt_report_state(struct rt_report *r, int64_t step, double epoch, double total_flos,
                          int64_t tokens_seen, char **text, size_t *bytes, struct rt_error *err)
{
    *text = NULL;
    if (rt_report_idle(r))
        return RT_OK;
    r->saved = true;
    r->saved_at_end = step >= r->opt.total_steps;
    const struct rt_state state = { .step = step,
                                    .tokens_seen = tokens_seen,
                                    .epoch = epoch,
                                    .total_flos = total_flos,
                                    .saved = true,
                                    .stopping = r->saved_at_end };
    return rt_trainer_state_text(r, &state, text, bytes, err);
}
