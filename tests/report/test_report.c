/* test_report.c - log and result files against the reference's, when told the same numbers; NULL; failures. */
#include "config.h"
#include "base/pyjson.h"
#include "report/report.h"
#include "report/report_test.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

static void write_text(const char *dir, const char *name, const char *text)
{
    if (rt_file_put(dir, name, text, strlen(text), NULL) != RT_OK)
        ok(0, "%s is prepared", name);
}

static json_t *golden_json(const char *name)
{
    char *text = golden(name);
    json_t *o = NULL;
    if (rt_pyjson_parse(&o, text, strlen(text), name, NULL) != RT_OK)
        ok(0, "%s is JSON", name);
    free(text);
    return o;
}

static double num(const json_t *o, const char *key)
{
    double x = NAN;
    rt_pyjson_get(json_object_get(o, key), &x);
    return x;
}

/* A time that rounds to `runtime` (4 decimals) and gives both rates (3 decimals): what the reference had
 * measured. */
static double time_behind(double runtime, double count1, double rate1, double count2, double rate2)
{
    for (int k = -100; k <= 100; k++) {
        const double t = runtime + k * 5e-7;
        if (rt_pyjson_round(t, 4) == runtime && rt_pyjson_round(count1 / t, 3) == rate1 &&
            rt_pyjson_round(count2 / t, 3) == rate2)
            return t;
    }
    return ok(0, "a time of %g s gives rates %g and %g", runtime, rate1, rate2), runtime;
}

static struct rt_eval_log eval_log(const json_t *e, double step)
{
    const double accuracy = num(e, "eval_accuracy");
    return (struct rt_eval_log){
        .step = (int64_t)step,
        .epoch = num(e, "epoch"),
        .eval_loss = num(e, "eval_loss"),
        .eval_accuracy = accuracy,
        .runtime_s = time_behind(num(e, "eval_runtime"), 5, num(e, "eval_samples_per_second"), 1,
                                 num(e, "eval_steps_per_second")),
        .samples = 5,
        .steps = 1,
        .prefix = "eval",
        .tokens_seen = json_integer_value(json_object_get(e, "num_input_tokens_seen")),
    };
}

struct replay {
    struct rt_report *r;
    const char *dir;
    const json_t *state, *results;
    double samples;
};

static void replay_entry(const struct replay *p, const json_t *e)
{
    struct rt_error err = { 0 };
    const int64_t step = json_integer_value(json_object_get(e, "step"));
    const int64_t tokens = json_integer_value(json_object_get(e, "num_input_tokens_seen"));
    rt_status st;
    if (json_object_get(e, "loss") != NULL) {
        const struct rt_train_log log = { .step = step,
                                          .loss = num(e, "loss"),
                                          .grad_norm = num(e, "grad_norm"),
                                          .learning_rate = num(e, "learning_rate"),
                                          .epoch = num(e, "epoch"),
                                          .tokens_seen = tokens,
                                          .tokens_per_s = 5000,
                                          .data_wait_s = 0.25 };
        rt_report_step(p->r, step);
        st = rt_report_train(p->r, &log, &err);
    } else if (json_object_get(e, "eval_loss") != NULL) {
        const struct rt_eval_log log = eval_log(e, (double)step);
        st = rt_report_eval(p->r, &log, &err);
    } else {
        const int64_t steps = json_integer_value(json_object_get(p->state, "max_steps"));
        const double effective = num(p->results, "effective_tokens_per_sec");
        const struct rt_end_log log = {
            .step = step,
            .epoch = num(e, "epoch"),
            .train_loss = num(e, "train_loss"),
            .runtime_s = time_behind(num(e, "train_runtime"), p->samples, num(e, "train_samples_per_second"),
                                     (double)steps, num(e, "train_steps_per_second")),
            .total_flos = num(e, "total_flos"),
            .samples = p->samples,
            .tokens_seen = tokens,
            .steps = steps,
            .effective_tokens_per_s = effective,
        };
        char *text = NULL;
        size_t bytes;
        st = rt_report_state(p->r, step, log.epoch, log.total_flos, tokens, &text, &bytes, &err);
        if (st == RT_OK) {
            char *folder = joined(p->dir, "checkpoint");
            mkdir(folder, 0777);
            st = rt_file_put(folder, "trainer_state.json", text, bytes, &err);
            free(folder);
        }
        free(text);
        if (st == RT_OK)
            st = rt_report_end(p->r, &log, &err);
    }
    if (st != RT_OK)
        ok(0, "step %lld: %s", (long long)step, err.text);
}

static struct rt_report_options options(const char *dir, const json_t *state)
{
    return (struct rt_report_options){
        .output_dir = dir,
        .disable_tqdm = true,
        .include_num_input_tokens_seen =
            json_integer_value(json_object_get(state, "num_input_tokens_seen")) > 0,
        .total_steps = json_integer_value(json_object_get(state, "max_steps")),
        .logging_steps = json_integer_value(json_object_get(state, "logging_steps")),
        .eval_steps = json_integer_value(json_object_get(state, "eval_steps")),
        .save_steps = json_integer_value(json_object_get(state, "save_steps")),
        .train_batch_size = json_integer_value(json_object_get(state, "train_batch_size")),
        .num_train_epochs = num(state, "num_train_epochs"),
    };
}

/* Compares dir/name with golden NAME; clock: what the clock alone decides is masked in both. */
static void compare(const char *dir, const char *name, const char *golden_name, bool clock)
{
    static const char *const clocks[] = { "elapsed_time", "remaining_time", "throughput",
                                          "train_tokens_per_second", "train_runtime" };
    char *got = slurp(dir, name), *want = golden(golden_name);
    for (size_t i = 0; clock && i < sizeof clocks / sizeof *clocks; i++) {
        mask(got, clocks[i]);
        mask(want, clocks[i]);
    }
    same_text(got, want, golden_name);
    free(want);
    free(got);
}

static void check_case(const char *name, double samples)
{
    struct rt_error err = { 0 };
    char *dir = scratch_make(), file[80];
    snprintf(file, sizeof file, "%s.trainer_state.json", name);
    json_t *state = golden_json(file);
    snprintf(file, sizeof file, "%s.train_results.json", name);
    json_t *results = golden_json(file);
    const struct rt_report_options opt = options(dir, state);
    struct replay p = { .dir = dir, .state = state, .results = results, .samples = samples };
    ok(rt_report_open(&p.r, &opt, &err) == RT_OK && rt_report_begin(p.r, &opt, 0, &err) == RT_OK, "%s opens %s",
       name, err.text);
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(state, "log_history"), i, entry)
        replay_entry(&p, entry);
    static const char *const files[] = { "trainer_log.jsonl", "trainer_state.json", "train_results.json" };
    for (size_t f = 0; f < 3; f++) {
        snprintf(file, sizeof file, "%s.%s", name, files[f]);
        compare(dir, files[f], file, f < 2);
    }
    if (strcmp(name, "tokens") == 0) {
        json_t *after = golden_json("tokens.eval_results.json");
        const struct rt_eval_log log = eval_log(after, 6);
        ok(rt_report_eval_results(p.r, &log, &err) == RT_OK, "the evaluation after training is taken %s",
           err.text);
        compare(dir, "eval_results.json", "tokens.eval_results.json", false);
        compare(dir, "all_results.json", "tokens.all_results.json", false);
        compare(dir, "trainer_log.jsonl", "tokens.trainer_log.jsonl", true);
        compare(dir, "checkpoint/trainer_state.json", "tokens.checkpoint.json", true);
        json_decref(after);
    } else {
        compare(dir, "all_results.json", "plain.train_results.json", false);
    }
    rt_report_close(p.r);
    json_decref(results);
    json_decref(state);
    scratch_remove(dir);
}

/* The reference also says how long its model took to be wrapped; there is nothing of that kind here. */
static void drop_line(char *text, const char *key)
{
    char *at = strstr(text, key);
    if (at == NULL)
        return;
    while (at > text && at[-1] != '\n')
        at--;
    const char *next = strchr(at, '\n') + 1;
    memmove(at, next, strlen(next) + 1);
}

static void check_alone(void)
{
    struct rt_error err = { 0 };
    char *dir = scratch_make();
    json_t *want = golden_json("alone.eval_results.json");
    const struct rt_report_options opt = { .output_dir = dir, .include_num_input_tokens_seen = true };
    const struct rt_eval_log log = eval_log(want, 0);
    struct rt_report *r = NULL;
    ok(rt_report_open(&r, &opt, &err) == RT_OK && rt_report_eval_results(r, &log, &err) == RT_OK,
       "evaluation without training %s", err.text);
    char *got = slurp(dir, "eval_results.json"), *text = golden("alone.eval_results.json");
    drop_line(text, "eval_model_preparation_time");
    same_text(got, text, "alone.eval_results.json");
    free(text);
    free(got);
    compare(dir, "trainer_log.jsonl", "alone.trainer_log.jsonl", true);
    rt_report_close(r);
    json_decref(want);
    scratch_remove(dir);
}

static void check_empty(void)
{
    struct rt_error err = { 0 };
    char *dir = scratch_make();
    const struct rt_report_options opt = { .output_dir = dir };
    const struct rt_eval_log log = {
        .eval_loss = NAN, .eval_accuracy = NAN, .empty = true, .samples = 1, .prefix = "eval"
    };
    struct rt_report *r = NULL;
    ok(rt_report_open(&r, &opt, &err) == RT_OK && rt_report_eval_results(r, &log, &err) == RT_OK,
       "evaluation of nothing %s", err.text);
    char *got = slurp(dir, "eval_results.json");
    ok(strstr(got, "eval_runtime") != NULL && strstr(got, "eval_loss") == NULL, "has a time and no loss");
    free(got);
    rt_report_close(r);
    scratch_remove(dir);
}

/* An old all_results.json is added to, an old log is added to by a run that goes on, and replaced by one that
 * begins, best_* and NaN get through. */
static void check_old_files(void)
{
    struct rt_error err = { 0 };
    char *state = NULL;
    size_t bytes = 0;
    char *dir = scratch_make();
    struct rt_report_options opt = {
        .output_dir = dir, .total_steps = 4, .logging_steps = 1, .eval_steps = 500
    };
    struct rt_report *r = NULL;
    write_text(dir, "all_results.json", "{\"predict_bleu\": NaN, \"epoch\": 9.0, \"deep\": {\"a\": [1]}}");
    write_text(dir, "trainer_log.jsonl", "{\"old\": 1}\n{\"half");
    ok(rt_report_open(&r, &opt, &err) == RT_OK && rt_report_begin(r, &opt, 1, &err) == RT_OK, "old files %s",
       err.text);
    const struct rt_train_log log = { .step = 1, .loss = NAN, .grad_norm = INFINITY, .epoch = 0.25 };
    ok(rt_report_train(r, &log, &err) == RT_OK, "a loss that is NaN is logged %s", err.text);
    ok(rt_report_best(r, 1.5, 3, "out/checkpoint-3", &err) == RT_OK &&
           rt_report_state(r, 2, 0.5, 0, 0, &state, &bytes, &err) == RT_OK &&
           rt_file_put(dir, "trainer_state.json", state, bytes, &err) == RT_OK,
       "state with a best one %s", err.text);
    free(state);
    char *text = slurp(dir, "trainer_log.jsonl");
    mask(text, "elapsed_time");
    mask(text, "remaining_time");
    same_text(text,
              "{\"old\": 1}\n{\"half\n{\"current_steps\": 1, \"total_steps\": 4, \"loss\": NaN, \"lr\": 0.0, "
              "\"epoch\": 0.25, \"percentage\": 25.0, \"elapsed_time\": *, \"remaining_time\": *}\n",
              "a half line stays a line of its own");
    free(text);
    text = slurp(dir, "trainer_state.json");
    ok(strstr(text, "  \"best_global_step\": 3,\n  \"best_metric\": 1.5,\n  \"best_model_checkpoint\": "
                    "\"out/checkpoint-3\",\n") != NULL &&
           strstr(text, "\"grad_norm\": Infinity,") != NULL &&
           strstr(text, "\"should_save\": true,\n        \"should_training_stop\": false") != NULL,
       "best_*, Infinity and a checkpoint on the way are in trainer_state.json");
    free(text);
    const struct rt_end_log end = { .step = 4, .epoch = 1, .train_loss = 2, .runtime_s = 0, .steps = 4 };
    ok(rt_report_end(r, &end, &err) == RT_OK, "end in no time %s", err.text);
    text = slurp(dir, "all_results.json");
    same_text(text,
              "{\n    \"deep\": {\n        \"a\": [\n            1\n        ]\n    },\n    \"epoch\": 1.0,\n"
              "    \"predict_bleu\": NaN,\n    \"total_flos\": 0.0,\n    \"train_loss\": 2.0,\n"
              "    \"train_runtime\": 0.0\n}",
              "all_results.json keeps what was there");
    free(text);
    rt_report_close(r);
    for (int asked = 0; asked < 2; asked++) {
        opt.overwrite_output_dir = asked;
        ok(rt_report_open(&r, &opt, &err) == RT_OK && rt_report_begin(r, &opt, 0, &err) == RT_OK &&
               rt_report_train(r, &log, &err) == RT_OK,
           "a run begins where an old log is, overwrite_output_dir %d %s", asked, err.text);
        text = slurp(dir, "trainer_log.jsonl");
        ok(strncmp(text, "{\"current_steps\": 1,", 20) == 0 && strchr(text, '\n') == text + strlen(text) - 1,
           "overwrite_output_dir %d: one line, the new one", asked);
        free(text);
        rt_report_close(r);
    }
    scratch_remove(dir);
}

static void check_null(void)
{
    struct rt_error err = { 0 };
    char nothing[] = "x", *text = nothing;
    size_t bytes;
    const struct rt_report_options opt = { 0 };
    const struct rt_train_log train = { 0 };
    const struct rt_eval_log eval = { 0 };
    const struct rt_end_log end = { 0 };
    rt_report_info(NULL, "not seen");
    rt_report_warn(NULL, "not seen");
    rt_report_progress(NULL, "not seen", 1, 2);
    rt_report_step(NULL, 1);
    rt_report_close(NULL);
    ok(rt_report_begin(NULL, &opt, 0, &err) == RT_OK && rt_report_save(NULL, &text, &err) == RT_OK &&
           text == NULL && rt_report_resume(NULL, "", 1, &err) == RT_OK &&
           rt_report_train(NULL, &train, &err) == RT_OK && rt_report_eval(NULL, &eval, &err) == RT_OK &&
           rt_report_text(NULL, "a", "b", &err) == RT_OK && rt_report_best(NULL, 1, 1, NULL, &err) == RT_OK &&
           rt_report_state(NULL, 1, 1, 1, 1, &text, &bytes, &err) == RT_OK && text == NULL &&
           rt_report_end(NULL, &end, &err) == RT_OK && rt_report_eval_results(NULL, &eval, &err) == RT_OK &&
           rt_report_elapsed_s(NULL) == 0,
       "NULL report: every call is RT_OK");
}

/* A limit on file sizes is a full disk that no one else notices: a line's first part gets through, and is cut
 * off. */
static void check_full(const char *dir, const struct rt_report_options *opt)
{
    struct rt_error err = { 0 };
    struct rt_report *r = NULL;
    ok(rt_report_open(&r, opt, &err) == RT_OK && rt_report_begin(r, opt, 0, &err) == RT_OK, "opens %s",
       err.text);
    struct rt_train_log log = { .step = 1, .loss = 1 };
    ok(rt_report_train(r, &log, &err) == RT_OK, "first line %s", err.text);
    char *before = slurp(dir, "trainer_log.jsonl");
    struct rlimit unlimited, small = { 0 };
    getrlimit(RLIMIT_FSIZE, &unlimited);
    small = unlimited;
    small.rlim_cur = strlen(before) + 20;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    log.step = 2;
    const rt_status st = rt_report_train(r, &log, &err);
    char big[4096] = { 0 };
    struct rt_error write_err = { 0 };
    const rt_status written = rt_file_put(dir, "big", big, sizeof big, &write_err);
    setrlimit(RLIMIT_FSIZE, &unlimited);
    char *after = slurp(dir, "trainer_log.jsonl");
    ok(st == RT_ERR_IO && strstr(err.text, "trainer_log.jsonl") != NULL, "full: %s", err.text);
    ok(strcmp(before, after) == 0, "the part of a line that got through is cut off");
    ok(written == RT_ERR_IO && strstr(write_err.text, "/big") != NULL, "full: %s", write_err.text);
    char *big_path = joined(dir, "big");
    ok(access(big_path, F_OK) != 0, "no half file under its name");
    free(big_path);
    ok(rt_report_train(r, &log, &err) == RT_OK, "with space again the line goes in");
    rt_report_close(r);
    free(after);
    free(before);
}

static void check_failures(void)
{
    struct rt_error err = { 0 };
    struct rt_report *r = NULL;
    char *dir = scratch_make(), *below = joined(dir, "file/out"), *deep = joined(dir, "a//b/c/");
    write_text(dir, "file", "x");
    struct rt_report_options opt = { .output_dir = below, .total_steps = 4 };
    ok(rt_report_open(&r, &opt, &err) == RT_ERR_OUTPUT && strstr(err.text, "/file") != NULL, "refused: %s",
       err.text);
    opt.output_dir = deep;
    ok(rt_report_open(&r, &opt, &err) == RT_OK, "folders are made on the way");
    rt_report_close(r);
    opt.output_dir = dir;
    write_text(dir, "all_results.json", "[1]");
    ok(rt_report_open(&r, &opt, &err) == RT_ERR_FILE && strstr(err.text, "all_results.json") != NULL,
       "refused: %s", err.text);
    write_text(dir, "all_results.json", "{\"a\": ");
    ok(rt_report_open(&r, &opt, &err) == RT_ERR_FILE && strstr(err.text, "all_results.json:1:") != NULL,
       "refused: %s", err.text);
    write_text(dir, "all_results.json", "{}");

    check_full(dir, &opt);
    ok(rt_file_put(below, "x", "x", 1, &err) != RT_OK, "refused: %s", err.text);
    DIR *folder = opendir(dir);
    int left = 0;
    for (struct dirent *e; (e = readdir(folder)) != NULL;)
        left += strstr(e->d_name, ".tmp-") != NULL;
    closedir(folder);
    ok(left == 0, "%d temporary files are left", left);
    free(deep);
    free(below);
    scratch_remove(dir);
}

int main(void)
{
    unsetenv("TENSORBOARD_LOGGING_DIR");
    check_case("plain", 96);
    check_case("tokens", 38);
    check_alone();
    check_empty();
    check_old_files();
    check_null();
    check_failures();
    return tap_done();
}
