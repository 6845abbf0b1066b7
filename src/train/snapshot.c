/* snapshot.c - what a checkpoint holds: everything that decides how a run goes on. */
#include "config.h"
#include "train/snapshot.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "train/run.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The scalars of a run, in the order of /run. */
enum {
    RUN_STEP,
    RUN_TOTAL,
    RUN_WINDOW,
    RUN_LOGGED_AT,
    RUN_TOKENS,
    RUN_WINDOW_TOKENS,
    RUN_FLOS,
    RUN_GRAD_NORM,
    RUN_BAD_STEPS,
    RUN_BEST_METRIC,
    RUN_BEST_STEP,
    RUN_WINDOW_OWN,
    RUN_SCALARS
};

_Static_assert((int)RUN_SCALARS == (int)RT_RUN_SCALARS, "snapshot.h says how many");

void rt_run_scalars_out(const struct rt_run *run, double s[RT_RUN_SCALARS])
{
    s[RUN_STEP] = (double)run->step;
    s[RUN_TOTAL] = run->total;
    s[RUN_WINDOW] = run->window;
    s[RUN_LOGGED_AT] = (double)run->logged_at;
    s[RUN_TOKENS] = run->tokens_seen;
    s[RUN_WINDOW_TOKENS] = run->window_tokens;
    s[RUN_FLOS] = run->flos;
    s[RUN_GRAD_NORM] = run->grad_norm;
    s[RUN_BAD_STEPS] = (double)run->bad_steps;
    s[RUN_BEST_METRIC] = run->best_metric;
    s[RUN_BEST_STEP] = (double)run->best_step;
    s[RUN_WINDOW_OWN] = run->window_own;
}

void rt_run_scalars_in(struct rt_run *run, const double s[RT_RUN_SCALARS])
{
    run->step = (int64_t)s[RUN_STEP];
    run->evaluations = rt_data_evaluations(run->data, run->step);
    run->total = s[RUN_TOTAL];
    run->window = s[RUN_WINDOW];
    run->logged_at = (int64_t)s[RUN_LOGGED_AT];
    run->tokens_seen = s[RUN_TOKENS];
    run->window_tokens = s[RUN_WINDOW_TOKENS];
    run->flos = s[RUN_FLOS];
    run->grad_norm = s[RUN_GRAD_NORM];
    run->bad_steps = (int64_t)s[RUN_BAD_STEPS];
    run->best_metric = s[RUN_BEST_METRIC];
    run->best_step = (int64_t)s[RUN_BEST_STEP];
    run->window_own = s[RUN_WINDOW_OWN];
}

/* Digest of the job, identity: malloc'ed; NULL without memory. */
static char *note_of(const struct rt_run *run, const char *identity)
{
    char hex[RT_DIGEST_CHARS + 1], *job = rt_job_text(run->job), *text = NULL;
    if (job != NULL) {
        rt_digest_text(job, strlen(job), hex);
        json_t *o = json_pack("{s:s, s:o?}", "config", hex, "identity", json_loads(identity, 0, NULL));
        text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
        json_decref(o);
    }
    free(job);
    return text;
}

static rt_status take_texts(struct rt_snapshot *s, struct rt_run *run)
{
    RT_TRY(rt_run_card_text(run, &(struct rt_card){ NAN, NAN, NAN }, &s->card.text, &s->card.bytes));
    RT_TRY(rt_report_state(run->report, run->step, rt_run_epoch(run, run->step), run->flos,
                           (int64_t)run->tokens_seen, &s->trainer_state.text, &s->trainer_state.bytes,
                           run->err));
    RT_TRY(rt_report_save(run->report, &s->logs.text, run->err));
    s->logs.bytes = strlen(s->logs.text);
    s->identity.text = rt_identity_text(run);
    s->note = s->identity.text != NULL ? note_of(run, s->identity.text) : NULL;
    if (s->note == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY, "out of host memory writing a checkpoint");
    s->identity.bytes = strlen(s->identity.text);
    return RT_OK;
}

static rt_status take_adapter(struct rt_snapshot *s, struct rt_run *run)
{
    const struct rt_adapter *ad = run->adapter;
    const size_t bytes = (size_t)ad->count * sizeof(float);
    if (s->lora == NULL)
        RT_TRY(rt_exec_pin(run->ex, (void **)&s->lora, 3 * bytes));
    RT_TRY(rt_exec_get_begin(run->ex, s->lora, ad->p, bytes));
    RT_TRY(rt_exec_get_begin(run->ex, s->lora + ad->count, ad->m, bytes));
    RT_TRY(rt_exec_get_begin(run->ex, s->lora + 2 * ad->count, ad->v, bytes));
    if (run->best != NULL) {
        if (s->best == NULL && (s->best = malloc(bytes)) == NULL)
            return rt_fail(run->err, RT_ERR_MEMORY, "out of host memory writing a checkpoint");
        memcpy(s->best, run->best, bytes);
    }
    return rt_exec_get_end(run->ex);
}

static void free_texts(struct rt_snapshot *s)
{
    struct rt_snapshot_text *text[] = { &s->identity, &s->logs, &s->card, &s->trainer_state };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        free(text[i]->text);
        *text[i] = (struct rt_snapshot_text){ NULL, 0 };
    }
    free(s->note);
    s->note = NULL;
}

rt_status rt_snapshot_take(struct rt_snapshot *s, struct rt_run *run)
{
    free_texts(s);
    s->step = run->step;
    s->count = run->adapter->count;
    s->adapter_only = run->job->train.save_only_model;
    s->pass_tokens = (double)rt_model_pass_tokens(run->model);
    s->bad_steps = (double)run->bad_all;
    s->owes_evaluation = run->owes_evaluation;
    s->ex = run->ex;
    s->model = run->model;
    s->beside = run->beside;
    rt_run_scalars_out(run, s->scalars);
    RT_TRY(take_adapter(s, run));
    return take_texts(s, run);
}

static rt_status write_state(const struct rt_snapshot *s, const char *folder, struct rt_error *err)
{
    const int64_t n = s->count;
    double pass_tokens = s->pass_tokens, bad_steps = s->bad_steps, owes = 1;
    char *path;
    struct rt_state_item items[10] = {
        { "/lora/p", RT_STATE_F32, n, s->lora },
        { "/lora/m", RT_STATE_F32, n, s->lora + n },
        { "/lora/v", RT_STATE_F32, n, s->lora + 2 * n },
        { "/run", RT_STATE_F64, RUN_SCALARS, (void *)s->scalars }, /* written from */
        { "/pass_tokens", RT_STATE_F64, 1, &pass_tokens },
        { "/bad_steps", RT_STATE_F64, 1, &bad_steps },
        { "/identity", RT_STATE_BYTES, (int64_t)s->identity.bytes, s->identity.text },
        { "/report", RT_STATE_BYTES, (int64_t)s->logs.bytes, s->logs.text },
    };
    int64_t count = 8; /* these are there only where there is something to say */
    if (s->best != NULL)
        items[count++] = (struct rt_state_item){ "/lora/best", RT_STATE_F32, n, s->best };
    if (s->owes_evaluation)
        items[count++] = (struct rt_state_item){ "/owes_evaluation", RT_STATE_F64, 1, &owes };
    RT_TRY(rt_file_path(&path, err, "%s/state.h5", folder));
    const rt_status st = rt_state_write(path, items, count, err);
    free(path);
    return st;
}

rt_status rt_snapshot_write(const struct rt_snapshot *s, const char *folder, struct rt_error *err)
{
    RT_TRY(rt_model_write_adapter(s->model, s->lora, folder, err));
    RT_TRY(rt_beside_write(s->beside, folder, err));
    RT_TRY(rt_file_put(folder, "README.md", s->card.text, s->card.bytes, err));
    RT_TRY(rt_file_put(folder, "trainer_state.json", s->trainer_state.text, s->trainer_state.bytes, err));
    return s->adapter_only ? RT_OK : write_state(s, folder, err);
}

/* LoRA with its moments, the best of it and the adapter in its own file, the files beside it, and what a small
 * one has of logs; HDF5's own part and the table of chunks come to less than a hundredth. */
uint64_t rt_snapshot_bytes(const struct rt_snapshot *s)
{
    const uint64_t floats = (uint64_t)s->count * (s->best != NULL ? 5 : 4);
    return floats * sizeof(float) + floats * sizeof(float) / 100 + rt_beside_bytes(s->beside) + (16 << 20);
}

void rt_snapshot_free(struct rt_snapshot *s)
{
    free_texts(s);
    free(s->best);
    if (s->lora != NULL)
        rt_exec_unpin(s->ex, s->lora);
    *s = (struct rt_snapshot){ 0 };
}
