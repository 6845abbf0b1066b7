/* test_errors.c - what is wrong with a job is said with file, line, key, value and what to write instead. */
#include "config.h"

#include "job_test.h"

static const struct {
    const char *lines; /* after BASE, so that the first stands in line 5 */
    const char *said;  /* the whole message, or its start if it ends in ... */
} bad[] = {
    { "lora_rank: sixteen\n",
      "a.yaml:5: lora_rank: \"sixteen\" is not a whole number from 1 to 1024; write lora_rank: 8" },
    { "lora_rank: 0\n", "a.yaml:5: lora_rank: \"0\" is not a whole number from 1 to 1024..." },
    { "lora_rank: 8.5\n", "a.yaml:5: lora_rank: \"8.5\" is not a whole number..." },
    { "lora_rank: true\n", "a.yaml:5: lora_rank: \"true\" is not a whole number..." },
    { "lora_rank:\n", "a.yaml:5: lora_rank: \"\" is not a whole number..." },
    { "lora_rank: [8]\n", "a.yaml:5: lora_rank: a list is not a whole number..." },
    { "lora_rank: 99999999999999999999\n", "a.yaml:5: lora_rank: \"99999999999999999999\" is not..." },
    { "\n# x\nlora_dropout: 1\n",
      "a.yaml:7: lora_dropout: \"1\" is not a number from 0 to below 1; write lora_dropout: 0.05" },
    { "learning_rate: .nan\n", "a.yaml:5: learning_rate: \".nan\" is not a number..." },
    { "learning_rate: .inf\n", "a.yaml:5: learning_rate: \".inf\" is not a number..." },
    { "learning_rate: -1e-4\n", "a.yaml:5: learning_rate: \"-1e-4\" is not a number..." },
    { "num_train_epochs: 0\n",
      "a.yaml:5: num_train_epochs: \"0\" is not a number above 0; write num_train_epochs: 3.0" },
    { "bf16: maybe\n", "a.yaml:5: bf16: \"maybe\" is not true or false; write bf16: true" },
    { "freeze_vision_tower: null\n", "a.yaml:5: freeze_vision_tower: \"null\" is not true or false..." },
    { "eval_strategy: step\n",
      "a.yaml:5: eval_strategy: \"step\" is not one of no, steps, epoch; write eval_strategy: steps" },
    { "template: [a]\n", "a.yaml:5: template: stands in line 2 too; keep one" },
    { "output_dir: {a: b}\n", "a.yaml:5: output_dir: a map is not one text" },
    { "eval_dataset: a,,b\n", "a.yaml:5: eval_dataset: an empty name..." },
    /* not supported */
    { "use_dora: true\n",
      "a.yaml:5: use_dora: \"true\" is not supported: this version trains plain LoRA; remove this key" },
    { "stage: dpo\n",
      "a.yaml:5: stage: \"dpo\" is not supported: this version does supervised fine-tuning; write stage: sft" },
    { "finetuning_type: full\n", "a.yaml:5: finetuning_type: \"full\" is not supported: ..." },
    { "deepspeed: ds_z3.json\n", "a.yaml:5: deepspeed: \"ds_z3.json\" is not supported: ..." },
    { "fsdp: [full_shard]\n", "a.yaml:5: fsdp: this is not supported: ..." },
    { "fp16: true\n",
      "a.yaml:5: fp16: \"true\" is not supported: this version computes in bf16 or fp32; write bf16: true..." },
    { "quantization_bit: 4\n", "a.yaml:5: quantization_bit: \"4\" is not supported: ..." },
    { "packing: true\n", "a.yaml:5: packing: \"true\" is not supported: ..." },
    { "neat_packing: true\n", "a.yaml:5: neat_packing: \"true\" is not supported: ..." },
    { "streaming: true\n", "a.yaml:5: streaming: \"true\" is not supported: ..." },
    { "mix_strategy: interleave_over\n", "a.yaml:5: mix_strategy: \"interleave_over\" is not supported: ..." },
    { "lr_scheduler_type: greedy\n", "a.yaml:5: lr_scheduler_type: \"greedy\" is not supported: ..." },
    { "optim: lion_32bit\n",
      "a.yaml:5: optim: \"lion_32bit\" is not supported: this version trains with AdamW..." },
    { "label_smoothing_factor: 0.1\n", "a.yaml:5: label_smoothing_factor: \"0.1\" is not supported: ..." },
    { "neftune_noise_alpha: 5\n", "a.yaml:5: neftune_noise_alpha: \"5\" is not supported: ..." },
    { "additional_target: merger\n", "a.yaml:5: additional_target: \"merger\" is not supported: ..." },
    { "tokenized_path: x\n", "a.yaml:5: tokenized_path: \"x\" is not supported: ..." },
    { "do_predict: true\n", "a.yaml:5: do_predict: \"true\" is not supported: ..." },
    { "rope_scaling: yarn\n", "a.yaml:5: rope_scaling: \"yarn\" is not supported: ..." },
    { "resize_vocab: true\n", "a.yaml:5: resize_vocab: \"true\" is not supported: ..." },
    { "early_stopping_steps: 3\n", "a.yaml:5: early_stopping_steps: \"3\" is not supported: ..." },
    { "ignore_pad_token_for_loss: false\n",
      "a.yaml:5: ignore_pad_token_for_loss: \"false\" is not supported: ..." },
    { "report_to: wandb\n", "a.yaml:5: report_to: \"wandb\" is not supported: curves go to TensorBoard; write "
                            "report_to: tensorboard" },
    { "accelerator_config: {split_batches: true}\n",
      "a.yaml:5: accelerator_config: split_batches is not supported..." },
    { "dataset_dir: ONLINE\n", "a.yaml:5: dataset_dir: \"ONLINE\" is not supported: ..." },
    /* unknown */
    { "zeta: 1\nevaluation_strategy: steps\nlora_rnk: 8\nimage_resolution: 512\n",
      "a.yaml:6: evaluation_strategy: unknown key; it is now eval_strategy\n"
      "a.yaml:8: image_resolution: unknown key; it is now image_max_pixels, a number of pixels: 262144 is 512 "
      "* 512\n"
      "a.yaml:7: lora_rnk: unknown key; the nearest known one is lora_rank\n"
      "a.yaml:5: zeta: unknown key..." },
    { "preprocessing_num_worker: 1\n",
      "a.yaml:5: preprocessing_num_worker: unknown key; it is preprocessing_num_workers" },
    { "lora_rnk: 8\nlora_rank: x\n", "a.yaml:6: lora_rank: \"x\" is not..." },
    /* between keys */
    { "image_max_pixels: 100\n", "a.yaml:5: image_max_pixels: 100 is smaller than image_min_pixels: 1024..." },
    { "val_size: 0.1\neval_dataset: e\n", "a.yaml:5: val_size: and eval_dataset both say..." },
    { "val_size: 1.0\n", "a.yaml:5: val_size: a share of 1 leaves no row..." },
    { "mask_history: true\ntrain_on_prompt: true\n", "a.yaml:5: mask_history: ..." },
    { "do_eval: true\n",
      "a.yaml:5: do_eval: there is nothing to evaluate on; write eval_dataset, or val_size: 0.1" },
    { "eval_strategy: epoch\n", "a.yaml:5: eval_strategy: there is nothing to evaluate on..." },
    { "eval_on_start: true\n", "a.yaml:5: eval_on_start: there is nothing..." },
    { "logging_steps: 2.5\n", "a.yaml:5: logging_steps: 2.5 is neither a whole number of steps nor a share "
                              "below 1; write logging_steps: 2" },
    { "logging_steps: 0\n", "a.yaml:5: logging_steps: 0 with logging_strategy: steps..." },
    { "save_steps: 1.5\n", "a.yaml:5: save_steps: 1.5 is neither..." },
    { "load_best_model_at_end: true\nval_size: 2\n",
      "a.yaml:5: load_best_model_at_end: true, but save_strategy: steps and eval_strategy: no differ..." },
    { "load_best_model_at_end: true\nval_size: 2\neval_strategy: steps\neval_steps: 200\n",
      "a.yaml:5: load_best_model_at_end: true, but save_steps: 500 is not a multiple of eval_steps: 200; write "
      "save_steps: 200" },
    { "load_best_model_at_end: true\nval_size: 2\neval_strategy: steps\neval_steps: 0.1\n",
      "a.yaml:5: load_best_model_at_end: true, but one of save_steps: 500 and eval_steps: 0.1 is a share..." },
    { "save_strategy: best\n", "a.yaml:5: save_strategy: best needs to know by what..." },
    { "metric_for_best_model: bleu\n", "a.yaml:5: metric_for_best_model: \"bleu\" is not measured..." },
    { "metric_for_best_model: accuracy\n",
      "a.yaml:5: metric_for_best_model: accuracy is not measured; write compute_accuracy: true" },
    { "device: cuda\nuse_cpu: true\n", "a.yaml:6: use_cpu: true, but device: cuda; remove one of them" },
    { "group_by_length: true\ntrain_sampling_strategy: sequential\n",
      "a.yaml:5: group_by_length: true, but train_sampling_strategy: sequential..." },
    { "output_dir: \"\"\n", "a.yaml:5: output_dir: is empty; write a folder" },
    /* schedules */
    { "lr_scheduler_type: cosine_with_min_lr\n",
      "a.yaml: lr_scheduler_kwargs: lr_scheduler_type: cosine_with_min_lr needs..." },
    { "lr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs: {min_lr: 0, min_lr_rate: 0}\n",
      "a.yaml:6: lr_scheduler_kwargs: min_lr and min_lr_rate say the same thing twice..." },
    { "lr_scheduler_kwargs: {power: 2}\n",
      "a.yaml:5: lr_scheduler_kwargs: lr_scheduler_type: linear has no power; remove it" },
    { "lr_scheduler_kwargs: {foo: 2}\n",
      "a.yaml:5: lr_scheduler_kwargs: lr_scheduler_type: linear has no foo; remove it" },
    { "lr_scheduler_type: cosine\nlr_scheduler_kwargs: {num_cycles: x}\n",
      "a.yaml:6: lr_scheduler_kwargs: num_cycles: \"x\" is not a number, 0 or more" },
    { "lr_scheduler_type: warmup_stable_decay\nlr_scheduler_kwargs: {decay_type: sqrt}\n",
      "a.yaml:6: lr_scheduler_kwargs: decay_type: \"sqrt\" is not one of linear, cosine, 1-sqrt" },
    { "lr_scheduler_type: warmup_stable_decay\nlr_scheduler_kwargs: {num_decay_steps: 1.5}\n",
      "a.yaml:6: lr_scheduler_kwargs: num_decay_steps: \"1.5\" is not a whole number of steps" },
    { "lr_scheduler_type: polynomial\nlearning_rate: 1e-8\n",
      "a.yaml:6: learning_rate: 1e-08 is not above lr_end 1e-07..." },
    { "lr_scheduler_kwargs: cosine\n", "a.yaml:5: lr_scheduler_kwargs: \"cosine\" is not a map..." },
    /* YAML itself */
    { "seed: 1\nseed: 2\n", "a.yaml:6: seed: stands in line 5 too; keep one" },
    { "seed: [1\n", "a.yaml:6: not YAML: ..." },
    { "\tseed: 1\n", "a.yaml:5: not YAML: ..." },
    { "seed: *a\n", "a.yaml:5: there is no anchor called a" },
    { "a: &a [*a]\n", "a.yaml:5: a value holds itself through the alias a" },
    { "seed: !!int x\n", "a.yaml:5: a value does not fit its tag..." },
    { "? [a]\n: 1\n", "a.yaml:5: a key is one word" },
    { "run_name: \"a\\0b\"\n", "a.yaml:5: a value holds a NUL byte" },
    { "---\nseed: 1\n", "a.yaml:5: a second document starts; a job file holds one" },
    { "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
      "a.yaml:5: values inside values too deep..." },
    { "<<: 3\n", "a.yaml:6: <<: takes a map or a list of maps" },
};

static bool says(const char *text, const char *said)
{
    const size_t n = strlen(said);
    if (n > 3 && strcmp(said + n - 3, "...") == 0)
        return strncmp(text, said, n - 3) == 0;
    return strcmp(text, said) == 0;
}

static void whole(const char *text, const char *file, const char *said)
{
    struct opened o;
    job_open(&o, text, WORDS(file));
    ok(o.st == RT_ERR_JOB && says(o.err.text, said), "%s%s", o.err.text,
       says(o.err.text, said) ? "" : " <- not as wanted");
    job_end(&o);
}

/* Aliases that would make 10^9 values of some hundred bytes. */
static void check_expansion(void)
{
    char text[2048];
    size_t n = (size_t)snprintf(text, sizeof text, "a0: &a0 [x]\n");
    for (int i = 1; i < 10; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s*a%d", k > 0 ? ", " : "", i - 1);
        n += (size_t)snprintf(text + n, sizeof text - n, "]\n");
    }
    whole(text, "a.yaml", "a.yaml:5: too many values for a job file, counting aliases");
}

int main(void)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct opened o;
        job_lines(&o, bad[i].lines);
        const bool good = o.st == RT_ERR_JOB && says(o.err.text, bad[i].said);
        ok(good, "%s%s%s", o.err.text, good ? "" : " <- wanted: ", good ? "" : bad[i].said);
        job_end(&o);
    }
    whole("template: qwen2_vl\n", "a.yaml", "a.yaml: model_name_or_path: is missing...");
    whole("model_name_or_path: m\n", "a.yaml", "a.yaml: template: is missing; write template: qwen2_vl");
    whole("model_name_or_path: m\ntemplate: t\ndo_train: true\n", "a.yaml", "a.yaml: dataset: is missing...");
    whole("model_name_or_path: m\ntemplate: t\nval_size: 3\n", "a.yaml",
          "a.yaml:3: val_size: sets rows of dataset aside...");
    whole("- a\n", "a.yaml", "a.yaml:1: a job file holds lines such as lora_rank: 8, not a list");
    whole("a\n", "a.yaml", "a.yaml:1: a job file holds lines such as lora_rank: 8, not one value");
    whole("", "a.yaml", "a.yaml: model_name_or_path: is missing...");
    whole("{\n \"seed\": 1,\n \"a\": {\"seed\": \":\"},\n \"lora_rank\": \"x\"}", "a.json",
          "a.json:4: lora_rank: \"x\" is not...");
    whole("{\"seed\": 1,\n\"seed\": 2}", "a.json", "a.json:2: not JSON: ...");
    whole("{\"seed\": 1,\n", "a.json", "a.json:2: not JSON: ...");
    whole("[1]", "a.json", "a.json:1: a job file holds lines...");
    whole("seed: 1\n\xff: 2\n", "a.yaml", "a.yaml:2: not YAML: invalid leading UTF-8 octet");
    check_expansion();
    struct opened o;
    job_lines(&o, "ray_num_workers: 3\nflash_attn: fa2\nuse_unsloth_gc: true\nflash_attn_x: 1\n");
    ok(o.st == RT_ERR_JOB && o.notes == 3, "taken keys are noted: %d == 3", o.notes);
    job_end(&o);
    setenv("ALLOW_EXTRA_ARGS", "True", 1);
    job_lines(&o, "zeta: 1\n");
    ok(o.st == RT_OK && strstr(o.said, "a.yaml:5: zeta: unknown key") != NULL, "ALLOW_EXTRA_ARGS: noted: %s",
       o.said);
    job_end(&o);
    unsetenv("ALLOW_EXTRA_ARGS");
    job_lines(
        &o, "trust_remote_code: false\ndeepspeed: null\nfsdp: \"\"\npacking: false\nuse_dora: false\nfp16: no\n"
            "neftune_noise_alpha: 0\naccelerator_config: {even_batches: true, dispatch_batches: null}\n"
            "fsdp_config: {}\nquantization_bit:\ndo_predict: false\noptim: adamw_8bit\n");
    ok(o.st == RT_OK && o.notes == 1 && strstr(o.said, "optim: ") != NULL,
       "defaults are nothing to say: %d, %s%s", o.notes, o.said, o.err.text);
    job_end(&o);
    return tap_done();
}
