/* test_fuzz.c - mutated job files, overrides and flags: an error with a text or good options, never anything
 * else. The seed is fixed; build with --enable-sanitize to see what it is for. */
#include "config.h"

#include "job_test.h"
#include "mutate.h"

enum { ROUNDS = 6000 };

static const char *const seeds[] = {
    (BASE "lora_rank: 16\nlora_target: [q_proj, \"v_proj\"]\nlearning_rate: 1.0e-4\neval_strategy: no\n"),
    (BASE "gradient_checkpointing_kwargs: &b {num_cycles: 2}\nlr_scheduler_type: cosine\n"
          "lr_scheduler_kwargs:\n  <<: *b\n  min_lr: ~\n"),
    (BASE "output_dir: 'a''b'\ndefault_system: |\n  two\n  lines\nrun_name: >-\n  folded\n"
          "? seed\n: !!int \"7\"\n"),
    ("{\"model_name_or_path\": \"m\", \"template\": \"qwen2_vl\",\n\"dataset\": [\"a\"], "
     "\"lr_scheduler_kwargs\": {\"power\": 2}}"),
};
static const char *const words[] = {
    "lora_rank=[1, {a: b}]", "lr_scheduler_kwargs.min_lr_rate=0.1",
    "a[b].c=&x [*x]",        "--lora_rank",
    "--no_do_sample",        "--lr_scheduler_kwargs",
    "{\"a\": [1, 2.5]}",     "--lora-target=a,b",
};
static const char *const pieces[] = { "\n",   ": ",  "- ",  "[", "]", "{",  "}",  "&a", "*a", "<<: ",
                                      "!!",   "\"",  "'",   "#", "|", "1e", "0x", "_",  "\t", "\xc3",
                                      "\xff", "---", "...", ",", "?", "%",  "~",  "\\", "=" };

static const struct mutate_options changes = { pieces, sizeof pieces / sizeof *pieces, 20 };

int main(void)
{
    uint32_t state = 20260101;
    int good = 0, bad = 0, wrong = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char text[4096], word[3][256];
        const uint32_t kind = mutate_next(&state) % 5;
        struct opened o;
        snprintf(text, sizeof text, "%s", seeds[kind % 4]);
        if (kind < 4)
            mutate(text, sizeof text, &state, mutate_next(&state) % 6, &changes);
        for (int w = 0; w < 3; w++) {
            snprintf(word[w], sizeof word[w], "%s",
                     words[mutate_next(&state) % (sizeof words / sizeof *words)]);
            mutate(word[w], sizeof word[w], &state, mutate_next(&state) % 6, &changes);
        }
        if (kind == 4)
            job_open(&o, NULL,
                     WORDS(word[0], word[1], word[2], "--model_name_or_path", "m", "--template", "t"));
        else if (mutate_next(&state) % 4 != 0)
            job_open(&o, text, WORDS(kind == 3 ? "a.json" : "a.yaml"));
        else
            job_open(&o, text, WORDS(kind == 3 ? "a.json" : "a.yaml", word[0], word[1]));
        if (o.st == RT_OK) {
            struct opened again;
            char *resolved = rt_job_text(o.job);
            job_open(&again, resolved, WORDS("r.yaml"));
            if (again.st != RT_OK) {
                wrong++;
                diag("a resolved job is not read again: %s", again.err.text);
            }
            free(resolved);
            job_end(&again);
            good++;
        } else {
            const bool told =
                (o.st == RT_ERR_JOB || o.st == RT_ERR_USAGE) && o.err.text[0] != '\0' && o.job == NULL;
            wrong += !told;
            if (!told)
                diag("status %d: %s", o.st, o.err.text);
            bad++;
        }
        job_end(&o);
    }
    ok(wrong == 0, "%d wrong == 0 of %d mutated jobs", wrong, ROUNDS);
    ok(good > ROUNDS / 20 && bad > ROUNDS / 20, "both kinds came up: %d good, %d bad > %d", good, bad,
       ROUNDS / 20);
    return tap_done();
}
