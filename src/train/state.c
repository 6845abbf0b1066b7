/* state.c - what a checkpoint holds: everything that decides how a run goes on. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "train/run.h"

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

_Static_assert((int)RUN_SCALARS == (int)RT_RUN_SCALARS, "run.h says how many");

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

/* p, m and v of the adapter, one after the other, on the host. */
static rt_status get_adapter(struct rt_run *run, float *host)
{
    const struct rt_adapter *ad = run->adapter;
    const size_t bytes = (size_t)ad->count * sizeof(float);
    RT_TRY(rt_exec_get(run->ex, host, ad->p, bytes));
    RT_TRY(rt_exec_get(run->ex, host + ad->count, ad->m, bytes));
    return rt_exec_get(run->ex, host + 2 * ad->count, ad->v, bytes);
}

static rt_status write_state(struct rt_run *run, const char *folder)
{
    const int64_t n = run->adapter->count;
    char path[4096], *report = NULL;
    double scalars[RUN_SCALARS];
    snprintf(path, sizeof path, "%s/state.h5", folder);
    RT_TRY(rt_report_save(run->report, &report, run->err));
    char *identity_text = rt_identity_text(run);
    float *host = malloc((size_t)(3 * n) * sizeof *host);
    rt_status st = RT_OK;
    if (host == NULL || identity_text == NULL)
        st = rt_fail(run->err, RT_ERR_MEMORY, "out of host memory writing %s", path);
    if (st == RT_OK)
        st = get_adapter(run, host);
    rt_run_scalars_out(run, scalars);
    double pass_tokens = (double)rt_model_pass_tokens(run->model), bad_all = (double)run->bad_all;
    if (st == RT_OK) {
        double owes = 1;
        struct rt_state_item items[10] = {
            { "/lora/p", RT_STATE_F32, n, host },
            { "/lora/m", RT_STATE_F32, n, host + n },
            { "/lora/v", RT_STATE_F32, n, host + 2 * n },
            { "/run", RT_STATE_F64, RUN_SCALARS, scalars },
            { "/pass_tokens", RT_STATE_F64, 1, &pass_tokens },
            { "/bad_steps", RT_STATE_F64, 1, &bad_all },
            { "/identity", RT_STATE_BYTES, (int64_t)strlen(identity_text), identity_text },
            { "/report", RT_STATE_BYTES, (int64_t)strlen(report), report },
        };
        int64_t count = 8; /* these are there only where there is something to say */
        if (run->best != NULL)
            items[count++] = (struct rt_state_item){ "/lora/best", RT_STATE_F32, n, run->best };
        if (run->owes_evaluation)
            items[count++] = (struct rt_state_item){ "/owes_evaluation", RT_STATE_F64, 1, &owes };
        st = rt_state_write(path, items, count, run->err);
    }
    free(host);
    free(identity_text);
    free(report);
    return st;
}

rt_status rt_run_write_folder(struct rt_run *run, const char *folder)
{
    RT_TRY(rt_run_save_adapter(run, folder));
    RT_TRY(rt_run_card(run, folder, &(struct rt_card){ NAN, NAN, NAN }));
    RT_TRY(rt_report_state(run->report, folder, run->step, rt_run_epoch(run, run->step), run->flos,
                           (int64_t)run->tokens_seen, run->err));
    return run->job->train.save_only_model ? RT_OK : write_state(run, folder);
}

/* LoRA with its moments, the best of it and the adapter in its own file, the files beside it, and what a small
 * one has of logs; HDF5's own part and the table of chunks come to less than a hundredth. */
uint64_t rt_run_folder_bytes(const struct rt_run *run)
{
    const uint64_t floats = (uint64_t)run->adapter->count * (run->best != NULL ? 5 : 4);
    return floats * sizeof(float) + floats * sizeof(float) / 100 + rt_beside_bytes(run->beside) + (16 << 20);
}
