/* test_adopt.c - the logs of a run that LLaMA-Factory began: what trainer_log.jsonl becomes, and what is known
 * of the steps before. */
#include "config.h"
#include "report/report.h"
#include "report/report_test.h"

#include <math.h>

enum { STEP = 7 };

static const char state[] =
    "{\"best_global_step\": 4, \"best_metric\": 5.0, \"best_model_checkpoint\": \"out/checkpoint-4\", "
    "\"log_history\": [{\"epoch\": 0.2, \"grad_norm\": 1.0, \"learning_rate\": 0.1, \"loss\": 4.0, \"step\": 2}, "
    "{\"epoch\": 0.4, \"grad_norm\": NaN, \"learning_rate\": 0.1, \"loss\": 3.0, \"step\": 4}, "
    "{\"epoch\": 0.4, \"eval_loss\": 5.0, \"step\": 4}, "
    "{\"epoch\": 0.6, \"grad_norm\": 0.5, \"learning_rate\": 0.1, \"loss\": 2.5, \"step\": 6}], "
    "\"max_steps\": 10, \"num_input_tokens_seen\": 900, \"total_flos\": 1e9}";

#define L2 "{\"current_steps\": 2, \"total_steps\": 10, \"loss\": 4.0, \"elapsed_time\": \"0:00:05\"}\n"
#define L4 "{\"current_steps\": 4, \"total_steps\": 10, \"loss\": 3.0, \"elapsed_time\": \"0:00:09\"}\n"
#define E4 "{\"current_steps\": 4, \"total_steps\": 10, \"eval_loss\": 5.0, \"elapsed_time\": \"0:00:10\"}\n"
#define L6 "{\"current_steps\": 6, \"total_steps\": 10, \"loss\": 2.5, \"elapsed_time\": \"1 day, 0:00:15\"}\n"
#define L8 "{\"current_steps\": 8, \"total_steps\": 10, \"loss\": 2.0, \"elapsed_time\": \"0:00:20\"}\n"
#define OLD6 "{\"current_steps\": 6, \"total_steps\": 10, \"loss\": 2.75, \"elapsed_time\": \"0:00:14\"}\n"
#define AGAIN4 "{\"current_steps\": 4, \"total_steps\": 10, \"loss\": 3.0, \"elapsed_time\": \"0:00:02\"}\n"
#define END "{\"current_steps\": 6, \"total_steps\": 6, \"epoch\": 0.6, \"elapsed_time\": \"0:00:16\"}\n"
#define NEW2                                                                                                   \
    "{\"current_steps\": 2, \"total_steps\": 10, \"loss\": 4.0, \"lr\": 0.1, \"epoch\": 0.2, \"percentage\": " \
    "20.0}\n"
#define NEW4                                                                                                   \
    "{\"current_steps\": 4, \"total_steps\": 10, \"loss\": 3.0, \"lr\": 0.1, \"epoch\": 0.4, \"percentage\": " \
    "40.0}\n"
#define NEWE4                                                                                                  \
    "{\"current_steps\": 4, \"total_steps\": 10, \"eval_loss\": 5.0, \"epoch\": 0.4, \"percentage\": 40.0}\n"
#define NEW6                                                                                                   \
    "{\"current_steps\": 6, \"total_steps\": 10, \"loss\": 2.5, \"lr\": 0.1, \"epoch\": 0.6, \"percentage\": " \
    "60.0}\n"
#define OTHER "{\"current_steps\": 4, \"total_steps\": 10, \"loss\": 9.0}\n"

static const struct {
    const char *what, *before, *after;
    bool overwrite;
    double elapsed_s; /* at least, and less than a minute more */
} cases[] = {
    { "as it was at the checkpoint", L2 L4 E4 L6, L2 L4 E4 L6, false, 86415 },
    { "killed two steps later", L2 L4 E4 L6 L8, L2 L4 E4 L6, false, 86415 },
    { "killed in a line", L2 L4 E4 L6 "{\"current_st", L2 L4 E4 L6, false, 86415 },
    { "an earlier attempt went on from step 2", L2 L4 E4 OLD6 AGAIN4 E4 L6, L2 AGAIN4 E4 L6, false, 86415 },
    { "an end and a longer run", L2 L4 E4 L6 END L8, L2 L4 E4 L6, false, 86415 },
    { "lines are missing", L4 E4, NEW2 L4 E4 NEW6, false, 10 },
    { "no log at all", "", NEW2 NEW4 NEWE4 NEW6, false, 0 },
    { "another run's", OTHER, OTHER, false, 0 },
    { "another run's, to be written over", OTHER, NEW2 NEW4 NEWE4 NEW6, true, 0 },
    { "its own, to be written over", L2 L4 E4 L6 L8, L2 L4 E4 L6, true, 86415 },
};

static struct rt_report *open_report(const char *dir, bool overwrite)
{
    struct rt_error err = { 0 };
    struct rt_report *r = NULL;
    const struct rt_report_options opt = { .output_dir = dir,
                                           .disable_tqdm = true,
                                           .overwrite_output_dir = overwrite,
                                           .total_steps = 10,
                                           .logging_steps = 2 };
    if (!ok(rt_report_open(&r, &opt, &err) == RT_OK, "opens %s", err.text))
        exit(EXIT_FAILURE);
    return r;
}

static void test_log(size_t i)
{
    struct rt_error err = { 0 };
    struct rt_report_past past;
    const struct rt_report_options opt = { .total_steps = 10, .logging_steps = 2 };
    char *dir = scratch_make(), *path = joined(dir, "trainer_log.jsonl");
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(cases[i].before, f) < 0 || fclose(f) != 0)
        exit(EXIT_FAILURE);
    struct rt_report *r = open_report(dir, cases[i].overwrite);
    ok(rt_report_adopt(r, state, STEP, &past, &err) == RT_OK && rt_report_begin(r, &opt, STEP, &err) == RT_OK,
       "%s: taken over %s", cases[i].what, err.text);
    const double elapsed_s = rt_report_elapsed_s(r);
    ok(elapsed_s >= cases[i].elapsed_s && elapsed_s < cases[i].elapsed_s + 60, "%s: %.0f s have passed",
       cases[i].what, elapsed_s);
    char *now = slurp(dir, "trainer_log.jsonl");
    if (!ok(strcmp(now, cases[i].after) == 0, "%s: a line a loss", cases[i].what))
        diag("%s", now);
    const struct rt_train_log next = {
        .step = 8, .loss = 1, .grad_norm = 1, .learning_rate = 0.1, .epoch = 0.8
    };
    char *more = NULL;
    bool added = rt_report_train(r, &next, &err) == RT_OK;
    rt_report_close(r);
    more = slurp(dir, "trainer_log.jsonl");
    added = added && strncmp(more, cases[i].after, strlen(cases[i].after)) == 0 &&
            strncmp(more + strlen(cases[i].after), "{\"current_steps\": 8, ", 21) == 0;
    ok(added, "%s: the next one comes below", cases[i].what);
    free(more);
    free(now);
    free(path);
    scratch_remove(dir);
}

static void test_past(void)
{
    struct rt_error err = { 0 };
    struct rt_report_past past;
    char *dir = scratch_make();
    struct rt_report *r = open_report(dir, false);
    ok(rt_report_adopt(r, state, STEP, &past, &err) == RT_OK, "taken over %s", err.text);
    /* 2 steps of 4, 2 of 3, 2 of 2.5, and one since that counts as 2.5 */
    ok(past.total_loss == 21.5 && past.grad_norm == 0.5 && past.total_flos == 1e9 && past.tokens_seen == 900,
       "losses of all steps %g == 21.5, norm %g, %g operations, %d tokens", past.total_loss, past.grad_norm,
       past.total_flos, (int)past.tokens_seen);
    ok(past.best_metric == 5 && past.best_step == 4 && strcmp(past.best_checkpoint, "out/checkpoint-4") == 0,
       "the best: %g at %d, %s", past.best_metric, (int)past.best_step, past.best_checkpoint);
    rt_report_close(r);
    r = open_report(dir, false);
    ok(rt_report_adopt(
           r, "{\"best_metric\": 2.0, \"best_model_checkpoint\": \"out/checkpoint-12\", \"log_history\": []}",
           STEP, &past, &err) == RT_OK &&
           past.best_step == 12 && past.best_metric == 2,
       "without best_global_step the folder says it: %d", (int)past.best_step);
    rt_report_close(r);
    r = open_report(dir, false);
    ok(rt_report_adopt(r, "{\"log_history\": [{\"loss\": 1.0}]}", STEP, &past, &err) == RT_ERR_FILE,
       "a log without a step: %s", err.text);
    rt_report_close(r);
    scratch_remove(dir);
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test_log(i);
    test_past();
    return tap_done();
}
