/* test_flags.c - the command line as argparse reads it for the reference. */
#include "config.h"

#include "job_test.h"

#define NEEDED "--model_name_or_path", "m", "--template", "qwen2_vl", "--dataset", "d", "--do_train"

static void good(void)
{
    struct opened o;
    job_open(&o, NULL,
             WORDS(NEEDED, "--lora_rank", "4", "--lora-rank=16", "--learning_r", "1e-4", "--bf16", "True",
                   "--plot_loss", "--no_use_fast_tokenizer", "--max_steps", "-1", "--lora_target",
                   "q_proj,v_proj", "--eval_dataset", "x", "y", "--lr_scheduler_type", "cosine_with_min_lr",
                   "--lr_scheduler_kwargs", "{\"min_lr_rate\": \"0.1\"}", "--resume_from_checkpoint", "True",
                   "--default_system", "- be short", "--cutoff_len", "010", "--output_dir", "no",
                   "--freeze_vision_tower", "f", "--report-to", "all", "--save_strategy", "no",
                   "--include_num_input_tokens_seen", "--use_cpu=1"));
    ok(o.st == RT_OK, "flags are read (%s)", o.err.text);
    if (o.st == RT_OK) {
        const struct rt_job *j = o.job;
        ok(j->path == NULL && j->model.lora_rank == 16, "the last one wins: %lld",
           (long long)j->model.lora_rank);
        ok(j->train.learning_rate == 1e-4, "a prefix that one key has");
        ok(j->train.bf16 && j->report.plot_loss && j->train.do_train, "booleans, bare and with a value");
        ok(!j->data.use_fast_tokenizer && !j->model.freeze_vision_tower, "--no_key, and f for false");
        ok(j->train.max_steps == -1, "a negative number is a value");
        ok(j->model.lora_targets == 2 && j->data.eval_datasets == 2, "lists: commas, or several words");
        ok(j->train.lr_scheduler_kwargs.min_lr_rate == 0.1, "a map as JSON");
        ok(strcmp(j->train.resume_from_checkpoint, "true") == 0, "True is true");
        ok(strcmp(j->data.default_system, "- be short") == 0, "a dash and a space are a value");
        ok(j->data.cutoff_len == 10, "whole numbers are decimal: %lld", (long long)j->data.cutoff_len);
        ok(strcmp(j->output_dir, "no") == 0 && j->train.save_strategy == RT_STRATEGY_NO, "words stay words");
        ok(j->train.include_num_input_tokens_seen, "a choice between no and all is a switch too");
        ok(j->report.tensorboard && j->train.device == RT_DEVICE_CPU, "report-to all, use_cpu=1");
    }
    job_end(&o);
}

static void bad(const char *const *words, const char *said)
{
    struct opened o;
    job_open(&o, NULL, words);
    ok(o.st == RT_ERR_USAGE && strstr(o.err.text, said) != NULL, "%d: %s (wanted: %s)", o.st, o.err.text, said);
    job_end(&o);
}

int main(void)
{
    good();
    bad(WORDS(NEEDED, "--lora_rank", "sixteen"),
        "--lora_rank: \"sixteen\" is not a whole number from 1 to 1024; write --lora_rank 8");
    bad(WORDS(NEEDED, "--lora_rank", "0x10"), "--lora_rank: \"0x10\" is not");
    bad(WORDS(NEEDED, "--lora_rank"), "--lora_rank: a value is missing; write --lora_rank 8");
    bad(WORDS(NEEDED, "--bf16", "maybe"), "--bf16: \"maybe\" is not true or false");
    bad(WORDS(NEEDED, "--lora_", "3"),
        "--lora_: could be any of --lora_alpha, --lora_dropout, --lora_rank, --lora_target");
    bad(WORDS(NEEDED, "--lora_rnk", "3", "--zzz"),
        "--lora_rnk: unknown key; the nearest known one is lora_rank\n--zzz: unknown key");
    bad(WORDS(NEEDED, "--seed", "1", "stray"), "stray: no flag takes it");
    bad(WORDS(NEEDED, "--seed", "1", "lora_rank=4"), "lora_rank=4: key=value comes after a job file");
    bad(WORDS("job.txt"), "job.txt: no flag takes it; a job file (.yaml, .yml or .json) comes first");
    bad(WORDS("--do_train"), "--model_name_or_path: is missing");
    bad(WORDS(NEEDED, "--no_freeze_vision_tower=1"), "takes no value");
    bad(WORDS(NEEDED, "-x"), "-x: write --key value");
    bad(WORDS(NEEDED, "--", "x"), "--: write --key value");
    bad(WORDS(NEEDED, "--output_dir", "a\xff"), "not UTF-8");
    bad(WORDS(NEEDED, "--use_dora"), "--use_dora: \"true\" is not supported: this version trains plain LoRA");
    bad(WORDS(NEEDED, "--lr_scheduler_kwargs", "{1"), "--lr_scheduler_kwargs: not JSON");
    struct opened o;
    job_open(&o, NULL, WORDS(NULL));
    ok(o.st == RT_ERR_USAGE && strstr(o.err.text, "no job") != NULL, "nothing given: %s", o.err.text);
    job_open(&o, BASE, WORDS("a.yaml", "--lora_rank", "4"));
    ok(o.st == RT_ERR_USAGE &&
           strstr(o.err.text, "--lora_rank: after a job file write key=value: lora_rank=VALUE") != NULL,
       "a flag behind a file: %s", o.err.text);
    job_open(&o, BASE, WORDS("a.yaml", "--seed=4"));
    ok(o.st == RT_ERR_USAGE && strstr(o.err.text, "after a job file write key=value: seed=4") != NULL,
       "a flag with a value behind a file: %s", o.err.text);
    job_open(&o, BASE, WORDS("a.yaml", "lora_rank=sixteen"));
    ok(o.st == RT_ERR_USAGE &&
           strcmp(o.err.text, "lora_rank=sixteen: \"sixteen\" is not a whole number from 1 to 1024; "
                              "write lora_rank=8") == 0,
       "an override: %s", o.err.text);
    job_open(&o, BASE, WORDS("a.yaml", "bf16"));
    ok(o.st == RT_ERR_USAGE && strstr(o.err.text, "bf16: after a job file write key=value") != NULL,
       "a bare word: %s", o.err.text);
    job_open(&o, BASE, WORDS("a.yaml", "lora_rank=[1"));
    ok(o.st == RT_ERR_USAGE && strstr(o.err.text, "lora_rank=[1: not YAML") != NULL,
       "an override that is no YAML: %s", o.err.text);
    return tap_done();
}
