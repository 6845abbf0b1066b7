/* test_resume.c - a run that is stopped and resumed leaves the logs and event files of one that was not. */
#include "config.h"
#include "report/event_test.h"
#include "report/report.h"
#include "report/report_test.h"

#include <dirent.h>
#include <math.h>

enum { STEPS = 8 };

static struct rt_report_options options(const char *dir)
{
    return (struct rt_report_options){ .output_dir = dir,
                                       .tensorboard = true,
                                       .plot_loss = true,
                                       .disable_tqdm = true,
                                       .total_steps = STEPS,
                                       .logging_steps = 1,
                                       .eval_steps = 4,
                                       .include_num_input_tokens_seen = true,
                                       .num_train_epochs = 2 };
}

static void log_steps(struct rt_report *r, int64_t from, int64_t to)
{
    struct rt_error err = { 0 };
    for (int64_t step = from; step <= to; step++) {
        const struct rt_train_log log = { .step = step,
                                          .loss = 8.0 / (double)step,
                                          .grad_norm = 1,
                                          .epoch = 0.25,
                                          .learning_rate = 0.1,
                                          .tokens_seen = 100 * step,
                                          .tokens_per_s = 50 };
        const struct rt_eval_log eval = { .step = step,
                                          .epoch = 0.25,
                                          .eval_loss = 3,
                                          .eval_accuracy = NAN,
                                          .runtime_s = 0.5,
                                          .samples = 2,
                                          .steps = 1,
                                          .tokens_seen = 100 * step,
                                          .prefix = "eval" };
        rt_report_step(r, step);
        if (rt_report_train(r, &log, &err) != RT_OK ||
            (step % 4 == 0 && rt_report_eval(r, &eval, &err) != RT_OK))
            ok(0, "step %lld: %s", (long long)step, err.text);
    }
}

static void finish(struct rt_report *r)
{
    struct rt_error err = { 0 };
    const struct rt_end_log end = { .step = STEPS,
                                    .epoch = 2,
                                    .train_loss = 4,
                                    .runtime_s = 2,
                                    .samples = 8,
                                    .tokens_seen = 800,
                                    .steps = STEPS };
    ok(rt_report_end(r, &end, &err) == RT_OK, "the end is logged %s", err.text);
    rt_report_close(r);
}

static struct rt_report *begin(const char *dir, const char *text, int64_t step)
{
    struct rt_error err = { 0 };
    struct rt_report *r = NULL;
    const struct rt_report_options opt = options(dir);
    const bool good = rt_report_open(&r, &opt, &err) == RT_OK &&
                      (text == NULL || rt_report_resume(r, text, step, &err) == RT_OK) &&
                      rt_report_begin(r, &opt, step, &err) == RT_OK &&
                      rt_report_text(r, "args", "{}", &err) == RT_OK;
    ok(good, "opens at step %lld %s", (long long)step, err.text);
    return r;
}

/* All event files of the run in the order of their names; how many folders and files there are. */
static void read_run(const char *dir, struct seen *seen, int *folders, int *files)
{
    char *runs = joined(dir, "runs");
    struct dirent **name, **file;
    const int count = scandir(runs, &name, NULL, alphasort);
    *folders = *files = 0;
    for (int i = 0; i < count; i++) {
        char *folder = joined(runs, name[i]->d_name);
        const int inner = name[i]->d_name[0] != '.' ? scandir(folder, &file, NULL, alphasort) : 0;
        *folders += inner > 0;
        for (int k = 0; k < inner; k++) {
            char *path = joined(folder, file[k]->d_name), *data = NULL;
            size_t bytes;
            if (strncmp(file[k]->d_name, "events.out.tfevents.", 20) == 0) {
                ++*files;
                if (rt_file_load(path, 1 << 20, &data, &bytes, NULL) != RT_OK ||
                    !read_events(seen, data, bytes))
                    ok(0, "%s is whole", path);
            }
            free(data);
            free(path);
            free(file[k]);
        }
        if (inner > 0)
            free(file);
        free(folder);
        free(name[i]);
    }
    if (count > 0)
        free(name);
    free(runs);
}

/* Points of a tag that a reader keeps: those before the START's step from before it, all from after it. */
static int kept(const struct seen *seen, const char *tag, int64_t start_step, int before)
{
    int count = 0;
    for (int i = 0; i < seen->points; i++)
        count += strcmp(seen->point[i].tag, tag) == 0 && (i >= before || seen->point[i].step < start_step);
    return count;
}

static void compare_masked(const char *dir, const char *other, const char *name)
{
    static const char *const clocks[] = { "elapsed_time", "remaining_time", "throughput",
                                          "train_tokens_per_second", "train_runtime" };
    char *a = slurp(dir, name), *b = slurp(other, name);
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        mask(a, clocks[i]);
        mask(b, clocks[i]);
    }
    same_text(a, b, name);
    free(b);
    free(a);
}

static void check_resume(void)
{
    struct rt_error err = { 0 };
    char *whole = scratch_make(), *broken = scratch_make(), *text = NULL;
    struct rt_report *r = begin(whole, NULL, 0);
    log_steps(r, 1, STEPS);
    finish(r);
    r = begin(broken, NULL, 0);
    log_steps(r, 1, 5);
    ok(rt_report_best(r, 0.5, 4, NULL, &err) == RT_OK && rt_report_save(r, &text, &err) == RT_OK, "saves %s",
       err.text);
    log_steps(r, 6, 7); /* lost with the process */
    rt_report_close(r);
    struct seen before = { 0 }, seen = { 0 }, one = { 0 };
    int folders, files;
    read_run(broken, &before, &folders, &files);
    r = begin(broken, text, 5);
    log_steps(r, 6, STEPS);
    finish(r);
    compare_masked(broken, whole, "trainer_log.jsonl");
    char *state = slurp(broken, "trainer_state.json");
    ok(strstr(state, "\"best_global_step\": 4,\n  \"best_metric\": 0.5,\n  \"best_model_checkpoint\": null") !=
           NULL,
       "best_* came through the resume");
    free(state);
    read_run(broken, &seen, &folders, &files);
    ok(folders == 1 && files == 2 && seen.versions == 2, "%d folder, %d files", folders, files);
    ok(seen.starts == 1 && seen.start_step == 6, "START at step %lld, the first one of the resumed run",
       (long long)seen.start_step);
    ok(kept(&seen, "train/loss", 6, before.points) == STEPS && kept(&seen, "eval/loss", 6, before.points) == 2,
       "a reader keeps %d points of train/loss", kept(&seen, "train/loss", 6, before.points));
    read_run(whole, &one, &folders, &files);
    const int epochs = kept(&one, "train/epoch", 0, 0);
    ok(one.starts == 0 && epochs == STEPS, "%d points of train/epoch in %d steps, none twice", epochs, STEPS);
    free(text);
    scratch_remove(broken);
    scratch_remove(whole);
}

/* Elapsed time goes on; a trainer_log.jsonl of another run is left alone. */
static void check_state(void)
{
    struct rt_error err = { 0 };
    char *dir = scratch_make(), *text = NULL;
    struct rt_report *r = begin(dir, NULL, 0);
    log_steps(r, 1, 2);
    ok(rt_report_save(r, &text, &err) == RT_OK, "saves %s", err.text);
    rt_report_close(r);
    char *later = malloc(strlen(text) + 32), *at = strstr(text, "\"elapsed_s\": ");
    if (later == NULL || at == NULL)
        exit(EXIT_FAILURE);
    snprintf(later, strlen(text) + 32, "%.*s\"elapsed_s\": 90061.01%s", (int)(at - text), text,
             strchr(at, ','));
    if (rt_file_put(dir, "trainer_log.jsonl", "{\"other\": 1}\n", 13, &err) != RT_OK)
        ok(0, "%s", err.text);
    r = begin(dir, later, 2);
    ok(rt_report_elapsed_s(r) >= 90061.01, "elapsed goes on from 90061.01 s: %.3f s", rt_report_elapsed_s(r));
    log_steps(r, 3, 3);
    char *log = slurp(dir, "trainer_log.jsonl");
    ok(strncmp(log, "{\"other\": 1}\n", 13) == 0 &&
           strstr(log + 13, "\"elapsed_time\": \"1 day, 1:01:01\"") != NULL,
       "the other run's line stays; %s", strchr(log, '\n') + 1);
    free(log);
    rt_report_close(r);
    static const char *const keys[] = {
        "trainer_log_bytes", "trainer_log_digest", "elapsed_s", "tokens_seen", "runs", "log_history"
    };
    const struct rt_report_options opt = options(dir);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char *bad = strdup(text);
        strstr(bad, keys[i])[0] = 'X';
        ok(rt_report_open(&r, &opt, &err) == RT_OK && rt_report_resume(r, bad, 2, &err) == RT_ERR_FILE &&
               strstr(err.text, keys[i]) != NULL,
           "refused: %s", err.text);
        rt_report_close(r);
        free(bad);
    }
    char *escape = strdup(text);
    memcpy(strstr(escape, "\"runs/") + 1, "../..", 5);
    ok(rt_report_open(&r, &opt, &err) == RT_OK && rt_report_resume(r, escape, 2, &err) == RT_ERR_FILE,
       "refused: %s", err.text);
    rt_report_close(r);
    free(escape);
    free(later);
    free(text);
    scratch_remove(dir);
}

/* TENSORBOARD_LOGGING_DIR before logging_dir before output_dir/runs. */
static void check_folder(void)
{
    struct rt_error err = { 0 };
    char *dir = scratch_make(), *env = joined(dir, "env/a"), *given = joined(dir, "given");
    struct rt_report_options opt = options(dir);
    struct rt_report *r = NULL;
    opt.logging_dir = given;
    ok(rt_report_open(&r, &opt, &err) == RT_OK && rt_report_begin(r, &opt, 0, &err) == RT_OK &&
           access(given, F_OK) == 0,
       "logging_dir is taken %s", err.text);
    rt_report_close(r);
    setenv("TENSORBOARD_LOGGING_DIR", env, 1);
    ok(rt_report_open(&r, &opt, &err) == RT_OK && rt_report_begin(r, &opt, 0, &err) == RT_OK &&
           access(env, F_OK) == 0,
       "TENSORBOARD_LOGGING_DIR is taken first %s", err.text);
    rt_report_close(r);
    setenv("HOME", dir, 1);
    setenv("TENSORBOARD_LOGGING_DIR", "~/home", 1);
    char *home = joined(dir, "home");
    ok(rt_report_open(&r, &opt, &err) == RT_OK && rt_report_begin(r, &opt, 0, &err) == RT_OK &&
           access(home, F_OK) == 0,
       "~ is the home folder %s", err.text);
    rt_report_close(r);
    unsetenv("TENSORBOARD_LOGGING_DIR");
    opt.tensorboard = false;
    opt.logging_dir = NULL;
    ok(rt_report_open(&r, &opt, &err) == RT_OK && rt_report_begin(r, &opt, 0, &err) == RT_OK, "opens %s",
       err.text);
    log_steps(r, 1, 1);
    char *runs = joined(dir, "runs");
    ok(access(runs, F_OK) != 0, "without tensorboard no folder is made");
    rt_report_close(r);
    free(runs);
    free(home);
    free(given);
    free(env);
    scratch_remove(dir);
}

int main(void)
{
    unsetenv("TENSORBOARD_LOGGING_DIR");
    check_resume();
    check_state();
    check_folder();
    return tap_done();
}
