/* test_job.c - job files to options: the reference's example, defaults, overrides, lists, maps, JSON, anchors.
 */
#include "config.h"

#include "job_test.h"

#include <math.h>

/* The keys and values of LLaMA-Factory's example for a LoRA run of Qwen2.5-VL. */
static const char example[] = "### model\n"
                              "model_name_or_path: Qwen/Qwen2.5-VL-7B-Instruct\n"
                              "image_max_pixels: 262144\n"
                              "video_max_pixels: 16384\n"
                              "trust_remote_code: true\n"
                              "\n"
                              "### method\n"
                              "stage: sft\n"
                              "do_train: true\n"
                              "finetuning_type: lora\n"
                              "lora_rank: 8\n"
                              "lora_target: all\n"
                              "\n"
                              "### dataset\n"
                              "dataset: mllm_demo,identity,alpaca_en_demo  # video: mllm_video_demo\n"
                              "template: qwen2_vl\n"
                              "cutoff_len: 2048\n"
                              "max_samples: 1000\n"
                              "overwrite_cache: true\n"
                              "preprocessing_num_workers: 16\n"
                              "dataloader_num_workers: 4\n"
                              "\n"
                              "### output\n"
                              "output_dir: saves/qwen2_5vl-7b/lora/sft\n"
                              "logging_steps: 10\n"
                              "save_steps: 500\n"
                              "plot_loss: true\n"
                              "overwrite_output_dir: true\n"
                              "save_only_model: false\n"
                              "report_to: none  # choices: [none, wandb, tensorboard, swanlab, mlflow]\n"
                              "\n"
                              "### train\n"
                              "per_device_train_batch_size: 1\n"
                              "gradient_accumulation_steps: 8\n"
                              "learning_rate: 1.0e-4\n"
                              "num_train_epochs: 3.0\n"
                              "lr_scheduler_type: cosine\n"
                              "warmup_ratio: 0.1\n"
                              "bf16: true\n"
                              "ddp_timeout: 180000000\n"
                              "resume_from_checkpoint: null\n"
                              "\n"
                              "### eval\n"
                              "# val_size: 0.1\n"
                              "# per_device_eval_batch_size: 1\n"
                              "# eval_strategy: steps\n"
                              "# eval_steps: 500\n";

#define IS_INT(o, field, want)                                                                                 \
    ok((o).st == RT_OK && (int64_t)(o).job->field == (want), #field " == " #want " (%lld, %s)",                \
       (o).st == RT_OK ? (long long)(o).job->field : -1LL, (o).err.text)
#define IS_NUM(o, field, want)                                                                                 \
    ok((o).st == RT_OK && (o).job->field == (want), #field " == " #want " (%g, %s)",                           \
       (o).st == RT_OK ? (double)(o).job->field : (double)NAN, (o).err.text)
#define IS_TEXT(o, field, want)                                                                                \
    ok((o).st == RT_OK && (o).job->field != NULL && strcmp((o).job->field, want) == 0,                         \
       #field " is %s (%s, %s)", want, (o).st == RT_OK && (o).job->field != NULL ? (o).job->field : "?",       \
       (o).err.text)
#define IS_NULL(o, field) ok((o).st == RT_OK && (o).job->field == NULL, #field " is open (%s)", (o).err.text)

static void check_example(void)
{
    struct opened o;
    job_open(&o, example, WORDS("qwen2_5vl_lora_sft.yaml"));
    IS_TEXT(o, path, "qwen2_5vl_lora_sft.yaml");
    IS_TEXT(o, model.model_name_or_path, "Qwen/Qwen2.5-VL-7B-Instruct");
    IS_TEXT(o, data.model_name_or_path, "Qwen/Qwen2.5-VL-7B-Instruct");
    IS_INT(o, data.image_max_pixels, 262144);
    IS_INT(o, model.lora_rank, 8);
    IS_NUM(o, model.lora_alpha, 16);
    IS_INT(o, model.lora_targets, 1);
    IS_TEXT(o, model.lora_target[0], "all");
    IS_INT(o, data.datasets, 3);
    IS_TEXT(o, data.dataset[2], "alpaca_en_demo");
    IS_TEXT(o, data.template_name, "qwen2_vl");
    IS_INT(o, data.max_samples, 1000);
    IS_INT(o, data.preprocessing_num_workers, 16);
    IS_INT(o, data.dataloader_num_workers, 4);
    IS_TEXT(o, output_dir, "saves/qwen2_5vl-7b/lora/sft");
    IS_TEXT(o, report.output_dir, "saves/qwen2_5vl-7b/lora/sft");
    IS_NUM(o, train.logging_steps, 10);
    IS_INT(o, report.plot_loss, 1);
    IS_INT(o, train.overwrite_output_dir, 1);
    IS_INT(o, report.overwrite_output_dir, 1);
    IS_INT(o, report.tensorboard, 0);
    IS_INT(o, data.per_device_train_batch_size, 1);
    IS_INT(o, train.gradient_accumulation_steps, 8);
    IS_INT(o, data.gradient_accumulation_steps, 8);
    IS_NUM(o, train.learning_rate, 1e-4);
    IS_TEXT(o, train.lr_scheduler_type, "cosine");
    IS_NUM(o, train.warmup, 0.1);
    IS_INT(o, train.bf16, 1);
    IS_INT(o, train.ddp_timeout, 600);
    IS_NULL(o, train.resume_from_checkpoint);
    IS_INT(o, data.do_train, 1);
    ok(o.notes == 4 && strstr(o.said, "lora_sft.yaml:4: video_max_pixels: has no effect here") != NULL &&
           strstr(o.said, ":5: trust_remote_code: ") != NULL &&
           strstr(o.said, ":19: overwrite_cache: ") != NULL && strstr(o.said, ":40: ddp_timeout: ") != NULL,
       "%d notes == 4:\n# %s", o.notes, o.said);
    job_end(&o);
}

static void check_defaults(void)
{
    struct opened o;
    job_lines(&o, "");
    IS_TEXT(o, output_dir, "trainer_output");
    IS_INT(o, data.cutoff_len, 2048);
    IS_INT(o, data.max_samples, -1);
    IS_TEXT(o, data.dataset_dir, "data");
    IS_TEXT(o, data.media_dir, "data");
    IS_NULL(o, data.default_system);
    IS_INT(o, data.use_fast_tokenizer, 1);
    IS_INT(o, data.image_max_pixels, 589824);
    IS_INT(o, data.image_min_pixels, 1024);
    IS_INT(o, data.per_device_train_batch_size, 8);
    IS_INT(o, data.per_device_eval_batch_size, 8);
    IS_INT(o, data.seed, 42);
    IS_INT(o, data.data_seed, 42);
    IS_INT(o, model.seed, 42);
    IS_NUM(o, data.max_bad_rows, 0.1);
    IS_INT(o, data.preprocessing_num_workers, 0);
    IS_INT(o, model.freeze_vision_tower, 1);
    IS_INT(o, model.freeze_language_model, 0);
    IS_INT(o, model.adapters, 0);
    IS_NUM(o, train.learning_rate, 5e-5);
    IS_NUM(o, train.num_train_epochs, 3);
    IS_INT(o, train.max_steps, -1);
    IS_TEXT(o, train.lr_scheduler_type, "linear");
    IS_NUM(o, train.warmup, 0);
    IS_NUM(o, train.adam_epsilon, 1e-8);
    IS_NUM(o, train.max_grad_norm, 1);
    IS_NUM(o, train.logging_steps, 500);
    IS_NUM(o, train.save_steps, 500);
    IS_INT(o, train.save_strategy, RT_STRATEGY_STEPS);
    IS_INT(o, train.eval_strategy, RT_STRATEGY_NO);
    IS_INT(o, train.logging_nan_inf_filter, 1);
    IS_INT(o, train.save_total_limit, 0);
    IS_INT(o, train.device, RT_DEVICE_AUTO);
    IS_NUM(o, train.max_bad_steps, 10);
    ok(o.st == RT_OK && isnan(o.job->train.eval_steps) && isnan(o.job->train.loraplus_lr_ratio) &&
           isnan(o.job->train.max_hours) && isnan(o.job->train.lr_scheduler_kwargs.num_cycles),
       "numbers that are not given are NaN");
    ok(o.notes == 0, "nothing to say: %d notes", o.notes);
    job_end(&o);
}

static void check_overrides(void)
{
    struct opened o;
    job_open(
        &o, BASE "lora_rank: 16\nlr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs:\n  min_lr: 1e-6\n",
        WORDS("a.yml", "lora_rank=0x20", "learning_rate=2e-5", "bf16=yes", "dataset=[x, 'y z']",
              "run_name=", "lr_scheduler_kwargs={min_lr_rate: 0.1, num_cycles: 2}",
              "lr_scheduler_kwargs.min_lr=null", "resume_from_checkpoint=out/checkpoint=3", "output_dir=012"));
    IS_INT(o, model.lora_rank, 32);
    IS_NUM(o, model.lora_alpha, 64);
    IS_NUM(o, train.learning_rate, 2e-5);
    IS_INT(o, train.bf16, 1);
    IS_INT(o, data.datasets, 2);
    IS_TEXT(o, data.dataset[1], "y z");
    IS_NUM(o, train.lr_scheduler_kwargs.min_lr_rate, 0.1);
    IS_NUM(o, train.lr_scheduler_kwargs.num_cycles, 2);
    ok(o.st == RT_OK && isnan(o.job->train.lr_scheduler_kwargs.min_lr),
       "a map is merged, null takes min_lr away");
    IS_TEXT(o, train.resume_from_checkpoint, "out/checkpoint=3");
    IS_TEXT(o, output_dir, "012");
    job_end(&o);
    job_open(&o, BASE "lora_rank: 4\n", WORDS("a.yaml", "lora_rank=5", "lora_rank=6"));
    IS_INT(o, model.lora_rank, 6);
    job_end(&o);
    job_open(&o, "",
             WORDS("a.yaml", "model_name_or_path=m", "template=qwen2_vl", "dataset=d", "do_train=true"));
    IS_INT(o, train.do_train, 1);
    job_end(&o);
}

static void check_bending(void)
{
    struct opened o;
    job_lines(&o,
              "lora_rank: \"16\"\ncutoff_len: 1e3\nlearning_rate: \"1e-4\"\nmax_samples: 1_000\nlora_alpha: 0\n"
              "eval_strategy: no\nsave_strategy: off\nbf16: \"true\"\nplot_loss: 1\nlora_dropout: '0.05'\n"
              "seed: 010\nimage_max_pixels: 512.0\nimage_min_pixels: 16\nrun_name: ${x}\n"
              "default_system: \"\"\nlogging_strategy: \"no\"\nsave_total_limit: null\noutput_dir: ${here}\n"
              "max_grad_norm: null\ninclude_num_input_tokens_seen: true\ntrain_on_prompt: \"no\"\n");
    IS_INT(o, model.lora_rank, 16);
    IS_INT(o, data.cutoff_len, 1000);
    IS_NUM(o, train.learning_rate, 1e-4);
    IS_INT(o, data.max_samples, 1000);
    IS_NUM(o, model.lora_alpha, 32);
    IS_INT(o, train.eval_strategy, RT_STRATEGY_NO);
    IS_INT(o, train.save_strategy, RT_STRATEGY_NO);
    IS_INT(o, train.logging_strategy, RT_STRATEGY_NO);
    IS_INT(o, train.bf16, 1);
    IS_INT(o, report.plot_loss, 1);
    IS_NUM(o, model.lora_dropout, 0.05);
    IS_INT(o, train.seed, 8);
    IS_INT(o, data.data_seed, 8);
    IS_INT(o, data.image_max_pixels, 512);
    IS_TEXT(o, data.default_system, "");
    IS_TEXT(o, output_dir, "${here}");
    IS_NUM(o, train.max_grad_norm, 0);
    IS_INT(o, report.include_num_input_tokens_seen, 1);
    IS_INT(o, data.train_on_prompt, 0);
    ok(strstr(o.said, "a.yaml:25: train_on_prompt: \"no\" is taken for false") != NULL,
       "a quoted no is noted:\n# %s", o.said);
    job_end(&o);
}

static void check_following(void)
{
    struct opened o;
    job_lines(&o,
              "warmup_steps: 20\nwarmup_ratio: 0.0\nval_size: 0.1\neval_strategy: steps\nlogging_steps: 0.05\n"
              "data_seed: 7\ndataset_dir: dd\nload_best_model_at_end: true\nsave_steps: 0.1\nuse_cpu: true\n"
              "report_to: [none, tensorboard]\ntrain_sampling_strategy: "
              "group_by_length\nmetric_for_best_model: accuracy\n"
              "compute_accuracy: true\nresume_from_checkpoint: true\nadapter_name_or_path: a , b\n");
    IS_NUM(o, train.warmup, 0);
    IS_INT(o, train.do_eval, 1);
    IS_NUM(o, train.eval_steps, 0.05);
    IS_INT(o, data.data_seed, 7);
    IS_TEXT(o, data.media_dir, "dd");
    IS_INT(o, train.device, RT_DEVICE_CPU);
    IS_INT(o, report.tensorboard, 1);
    IS_INT(o, data.group_by_length, 1);
    IS_INT(o, train.greater_is_better, 1);
    IS_TEXT(o, train.resume_from_checkpoint, "true");
    IS_INT(o, model.adapters, 2);
    IS_TEXT(o, model.adapter_name_or_path[1], "b");
    job_end(&o);
    job_lines(&o,
              "load_best_model_at_end: true\nval_size: 1\neval_strategy: epoch\nsave_strategy: epoch\n"
              "train_sampling_strategy: sequential\nresume_from_checkpoint: false\ngroup_by_length: false\n");
    IS_TEXT(o, train.metric_for_best_model, "loss");
    IS_INT(o, train.greater_is_better, 0);
    IS_INT(o, data.disable_shuffling, 1);
    IS_INT(o, data.val_size, 1);
    ok(o.st == RT_OK && o.job->data.val_size > 1, "val_size: 1 is a count: %.17g > 1",
       o.st == RT_OK ? o.job->data.val_size : 0.0);
    IS_TEXT(o, train.resume_from_checkpoint, "false");
    job_end(&o);
    setenv("HOME", "/home/someone", 1);
    setenv("TENSORBOARD_LOGGING_DIR", "tb", 1);
    job_lines(&o, "output_dir: ~/runs/a\n");
    IS_TEXT(o, output_dir, "/home/someone/runs/a");
    IS_TEXT(o, report.logging_dir, "tb");
    job_end(&o);
    unsetenv("TENSORBOARD_LOGGING_DIR");
}

static void check_forms(void)
{
    struct opened o;
    job_lines(&o, "x: &all\n  - q_proj\n  - v_proj\n");
    ok(o.st == RT_ERR_JOB, "x is unknown: %s", o.err.text);
    job_end(&o);
    job_lines(&o, "lora_target: &t\n  - q_proj\n  - v_proj\neval_dataset: *t\n");
    IS_INT(o, model.lora_targets, 2);
    IS_TEXT(o, data.eval_dataset[1], "v_proj");
    job_end(&o);
    job_lines(&o, "eval_dataset: [b, a, b]\ninclude_num_input_tokens_seen: non_padding\n");
    IS_INT(o, data.eval_datasets, 2);
    IS_TEXT(o, data.eval_dataset[1], "a");
    ok(strstr(o.said, "eval_dataset: \"b\" is named more than once") != NULL, "a data set named twice: %s",
       o.said);
    IS_INT(o, train.include_num_input_tokens_seen, 1);
    IS_INT(o, train.seen_without_padding, 1);
    job_end(&o);
    job_lines(&o, "<<: {lora_rank: 4, lora_alpha: 5}\nlora_rank: 6\n");
    IS_INT(o, model.lora_rank, 6);
    IS_NUM(o, model.lora_alpha, 5);
    job_end(&o);
    job_open(&o,
             "{\"model_name_or_path\": \"m\",\n \"template\": \"qwen2_vl\", \"dataset\": [\"a\", \"b\"],\n"
             " \"do_train\": true, \"learning_rate\": 1e-4, \"lora_rank\": 16.0,\n"
             " \"lr_scheduler_type\": \"polynomial\", \"lr_scheduler_kwargs\": {\"power\": 2}}\n",
             WORDS("a.json", "seed=3"));
    IS_INT(o, data.datasets, 2);
    IS_NUM(o, train.learning_rate, 1e-4);
    IS_INT(o, model.lora_rank, 16);
    IS_NUM(o, train.lr_scheduler_kwargs.power, 2);
    IS_INT(o, train.seed, 3);
    job_end(&o);
    ok(rt_job_file(1, (char *[]){ "a.YAML" }) == NULL && rt_job_file(0, NULL) == NULL &&
           rt_job_file(2, (char *[]){ "d/a.json", "b.yaml" }) != NULL,
       "a job file ends in .yaml, .yml or .json");
}

/* What the job says of recomputation is a wish; a null or the reference's own default is none. */
static void check_recompute(void)
{
    static const struct {
        const char *lines;
        enum rt_recompute want;
        const char *wish;
        int notes;
    } cases[] = {
        { "", RT_RECOMPUTE_BY_PLAN, NULL, 0 },
        { "gradient_checkpointing: false\ndisable_gradient_checkpointing: null\n", RT_RECOMPUTE_BY_PLAN, NULL,
          0 },
        { "gradient_checkpointing: true\n", RT_RECOMPUTE_ALWAYS, "gradient_checkpointing: true", 0 },
        { "disable_gradient_checkpointing: false\n", RT_RECOMPUTE_ALWAYS,
          "disable_gradient_checkpointing: false", 0 },
        { "disable_gradient_checkpointing: true\n", RT_RECOMPUTE_NEVER, "disable_gradient_checkpointing: true",
          0 },
        { "disable_gradient_checkpointing: true\ngradient_checkpointing: true\n", RT_RECOMPUTE_NEVER,
          "disable_gradient_checkpointing: true", 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct opened o;
        job_lines(&o, cases[i].lines);
        const char *wish = o.st == RT_OK ? o.job->model.recompute_wish : "?", *want = cases[i].wish;
        ok(o.st == RT_OK && o.job->model.recompute == cases[i].want && o.notes == cases[i].notes &&
               (wish == want || (wish != NULL && want != NULL && strcmp(wish, want) == 0)),
           "recomputation, case %zu: wish %s, notes %d", i, wish != NULL ? wish : "none", o.notes);
        job_end(&o);
    }
}

int main(void)
{
    check_recompute();
    check_example();
    check_defaults();
    check_overrides();
    check_bending();
    check_following();
    check_forms();
    return tap_done();
}
