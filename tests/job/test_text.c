/* test_text.c - the resolved job, read again, gives the same options; done keys are all in it. */
#include "config.h"

#include "job_test.h"

#include "job/keys.h"

static const char *const jobs[] = {
    "",
    "lora_rank: 16\nlora_alpha: 12.5\nlearning_rate: 1.0e-4\nbf16: true\nuse_cpu: true\nmax_samples: 7\n"
    "dataset: [a, 'b c', \"012\", 'no', '1e5', '']\n",
    "dataset: x,y\neval_dataset: z\neval_strategy: steps\neval_steps: 0.1\nsave_steps: 0.2\nsave_strategy: "
    "steps\n"
    "load_best_model_at_end: true\nresume_from_checkpoint: true\nloraplus_lr_ratio: 16\nmax_hours: 11.8\n",
    "lr_scheduler_type: warmup_stable_decay\nlr_scheduler_kwargs: {num_decay_steps: 10, decay_type: 1-sqrt, "
    "min_lr_ratio: 0.1}\nwarmup_ratio: 0.03\nresume_from_checkpoint: false\nreport_to: all\nseed: 7\n",
    "default_system: \"\"\noutput_dir: \"out: # \\\"q\\\" 'x' \\u4e2d\\u6587 \\U0001F600 \\t\\n\\x7f \\u2028 "
    "end\"\n"
    "media_dir: ' lead'\ndataset_dir: '- x'\ntrain_sampling_strategy: group_by_length\nval_size: 1\n"
    "save_total_limit: 3\ninclude_num_input_tokens_seen: non_padding\ndevice: cuda\ndata_seed: 0\n",
    "disable_tqdm: true\nval_size: 0.1234567890123456789\nadam_beta2: 0.1\nadam_epsilon: "
    "1e-300\nmax_grad_norm: -1\n"
    "train_sampling_strategy: sequential\neval_on_start: true\nsave_strategy: best\neval_strategy: epoch\n"
    "metric_for_best_model: accuracy\ncompute_accuracy: true\nlogging_dir: 'null'\nresume_from_checkpoint: "
    "ck/1\n",
    "gradient_checkpointing: true\n",
    "disable_gradient_checkpointing: true\ngradient_checkpointing: true\n",
    "disable_gradient_checkpointing: false\n",
};

/* Without the line that comes twice; BASE already has dataset. */
static void open_text(struct opened *o, const char *lines)
{
    char text[4096];
    if (strncmp(lines, "dataset:", 8) == 0 || strstr(lines, "\ndataset:") != NULL)
        snprintf(text, sizeof text, "model_name_or_path: m\ntemplate: qwen2_vl\ndo_train: true\n%s", lines);
    else
        snprintf(text, sizeof text, "%s%s", BASE, lines);
    job_open(o, text, WORDS("a.yaml"));
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Equal bits, where both are NaN too. */
static bool same_number(double a, double b)
{
    return a == b || (a != a && b != b);
}

static bool same_list(const struct rt_job *a, const struct rt_job *b, const struct rt_key *key)
{
    const char *const *x, *const *y;
    int64_t n, m;
    memcpy(&x, (const char *)a + key->at, sizeof x);
    memcpy(&y, (const char *)b + key->at, sizeof y);
    memcpy(&n, (const char *)a + key->count_at, sizeof n);
    memcpy(&m, (const char *)b + key->count_at, sizeof m);
    for (int64_t i = 0; n == m && i < n; i++)
        if (strcmp(x[i], y[i]) != 0)
            return false;
    return n == m;
}

static bool same_key(const struct rt_job *a, const struct rt_job *b, const struct rt_key *key)
{
    const char *x = (const char *)a + key->at, *y = (const char *)b + key->at;
    const char *s, *t;
    double f, g;
    switch (key->type) {
    case RT_KEY_BOOL: return memcmp(x, y, sizeof(bool)) == 0;
    case RT_KEY_INT: return memcmp(x, y, sizeof(int64_t)) == 0;
    case RT_KEY_NUM:
        memcpy(&f, x, sizeof f);
        memcpy(&g, y, sizeof g);
        return same_number(f, g);
    case RT_KEY_LIST: return same_list(a, b, key);
    default:
        memcpy(&s, x, sizeof s);
        memcpy(&t, y, sizeof t);
        return same_text(s, t);
    }
}

static bool same_schedule(const struct rt_schedule_kwargs *a, const struct rt_schedule_kwargs *b)
{
    return same_number(a->num_cycles, b->num_cycles) && same_number(a->power, b->power) &&
           same_number(a->lr_end, b->lr_end) && same_number(a->timescale, b->timescale) &&
           same_number(a->min_lr, b->min_lr) && same_number(a->min_lr_rate, b->min_lr_rate) &&
           same_number(a->min_lr_ratio, b->min_lr_ratio) && same_number(a->warmup_lr_rate, b->warmup_lr_rate) &&
           same_number(a->num_stable_steps, b->num_stable_steps) &&
           same_number(a->num_decay_steps, b->num_decay_steps) && same_text(a->warmup_type, b->warmup_type) &&
           same_text(a->decay_type, b->decay_type);
}

/* The first option in which they differ, or NULL. */
static const char *differ(const struct rt_job *a, const struct rt_job *b)
{
    for (size_t i = 0; i < rt_key_count(); i++) {
        const struct rt_key *key = rt_key_at(i);
        if (key->use == RT_KEY_DONE && key->at != RT_KEY_NOWHERE && !same_key(a, b, key))
            return key->name;
    }
    if (!same_schedule(&a->train.lr_scheduler_kwargs, &b->train.lr_scheduler_kwargs))
        return "lr_scheduler_kwargs";
    if (a->train.logging_strategy != b->train.logging_strategy ||
        a->train.save_strategy != b->train.save_strategy || a->train.eval_strategy != b->train.eval_strategy)
        return "a strategy";
    if (a->train.device != b->train.device || a->report.tensorboard != b->report.tensorboard)
        return "device or report_to";
    if (a->data.group_by_length != b->data.group_by_length ||
        a->train.include_num_input_tokens_seen != b->train.include_num_input_tokens_seen ||
        a->train.seen_without_padding != b->train.seen_without_padding)
        return "group_by_length or include_num_input_tokens_seen";
    if (a->model.recompute != b->model.recompute)
        return "gradient_checkpointing";
    return NULL;
}

int main(void)
{
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        struct opened o, again;
        open_text(&o, jobs[i]);
        if (i == 1) { /* an empty name is refused: the rest of the list is what is meant */
            ok(o.st == RT_ERR_JOB && strstr(o.err.text, "an empty name") != NULL, "job 1: %s", o.err.text);
            char lines[512];
            snprintf(lines, sizeof lines, "%s", jobs[i]);
            memcpy(strstr(lines, ", ''"), "]   ", 4);
            strchr(strstr(lines, "]   "), '\n')[-1] = ' ';
            open_text(&o, lines);
        }
        ok(o.st == RT_OK, "job %zu opens (%s)", i, o.err.text);
        if (o.st != RT_OK)
            continue;
        char *text = rt_job_text(o.job);
        job_open(&again, text, WORDS("resolved.yaml"));
        ok(again.st == RT_OK && again.notes == 0, "job %zu: the resolved one opens, with %d notes == 0 (%s)", i,
           again.notes, again.err.text);
        const char *where = again.st == RT_OK ? differ(o.job, again.job) : "all of it";
        ok(where == NULL, "job %zu: the options are the same (%s)", i, where != NULL ? where : "all");
        char *text2 = again.st == RT_OK ? rt_job_text(again.job) : NULL;
        ok(text2 != NULL && strcmp(text, text2) == 0, "job %zu: and so is its text, %zu bytes", i,
           strlen(text));
        for (size_t k = 0; i == 0 && k < rt_key_count(); k++) {
            char line[128];
            snprintf(line, sizeof line, "%s%s:", k > 0 ? "\n" : "", rt_key_at(k)->name);
            const bool wanted = rt_key_at(k)->use == RT_KEY_DONE && !rt_key_at(k)->legacy;
            if ((strstr(text, line) != NULL) != wanted)
                ok(0, "%s is in the text: %d", rt_key_at(k)->name, !wanted);
        }
        free(text);
        free(text2);
        job_end(&o);
        job_end(&again);
    }
    return tap_done();
}
