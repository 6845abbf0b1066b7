/* keys_own.c - our own keys, and keys of older versions of the peers that old job files still carry. */
#include "config.h"

#include "job/key_rows.h"

static const struct rt_key keys[] = {
    KEY_CHOICE("device", "auto", "auto|cpu|cuda", PLACED, "where to compute; auto: on GPUs if there are any"),
    KEY_NUM(
        "max_bad_rows", "0.1", "0.1", 0, UP, DONE(data.max_bad_rows),
        "unusable rows that are left out and listed before the run fails: a number if 1 or more, else a share"),
    KEY_NUM(
        "max_bad_steps", "10", "10", 0, MANY, DONE(train.max_bad_steps),
        "steps in a row whose loss or gradient is not finite that are skipped before the run fails; in all ten times as many"),
    KEY_STR(
        "max_hours", "null", PLACED,
        "hours after which a checkpoint is written and the run stops with exit code 75, some steps and a minute ahead; "
        "auto: what the batch system says is left of the job; null: no limit"),
    KEY_INT("exit_requeue", "75", "99", 1, 125, DONE(train.exit_requeue),
            "exit code of a run that stopped early with a checkpoint; 99 makes Grid Engine run it again"),
    KEY_CHOICE(
        "save_failure", "continue", "continue|fatal", DONE(train.save_failure),
        "what follows a checkpoint that cannot be written; continue: the next one is tried in its turn; fatal: "
        "the run ends within two steps"),
    KEY_BOOL("allow_restart", "false", DONE(train.allow_restart),
             "train from the start where checkpoints are there and none of them is good"),
    KEY_CHOICE(
        "vision_cache", "auto", "auto|ram|disk|off", DONE(train.vision_cache),
        "where the picture features of a frozen vision tower are kept for later epochs; auto: in memory, else on a disk "
        "of the host, where they fit and more than one epoch is to come"),
    KEY_NUM(
        "vision_cache_gib", "null", "16", 0, MANY, DONE(train.vision_cache_gib),
        "GiB that vision_cache may take on a host; null: half of the memory or disk that is free when training starts"),
    KEY_STR(
        "vision_cache_dir", "null", DONE(train.vision_cache_dir),
        "folder on a disk of each host for vision_cache; null: $SLURM_TMPDIR, $FLUX_JOB_TMPDIR, $TMPDIR or /tmp"),
    KEY_BOOL(
        "monitor", "true", DONE(train.monitor),
        "a thread on each host looks at its CPUs, memory, files, network and GPUs, for run_summary.json and, with report_to: "
        "tensorboard, for a TensorBoard run of each host"),
    KEY_NUM("monitor_seconds", "5", "5", 0.1, 3600, DONE(train.monitor_seconds),
            "seconds between two looks of the monitor"),
    KEY_STR(
        "prom_file", "null", DONE(train.prom_file),
        "file that the monitor of each host writes for the textfile collector of Prometheus' node exporter, NAME.prom; %h in "
        "it becomes the host's name"),
    KEY_CHOICE("color", "auto", "auto|always|never", DONE(report.color),
               "colours and bars on the console; auto: on a terminal, where NO_COLOR is not set"),
    KEY_STR("log_dir", "null", DONE(report.log_dir), "folder for one log file a rank, rank-N.log; null: none"),
};

const struct rt_key_class rt_keys_own = { "ranktune's own", keys, COUNT(keys) };

#define FP16 "fp16 is not used"
#define HUB "nothing is uploaded"

static const struct rt_key old[] = {
    KEY_BOOL("group_by_length", "false", PLACED LEGACY, "the same as train_sampling_strategy: group_by_length"),
    KEY_BOOL("no_cuda", "false", PLACED LEGACY, "the same as use_cpu"),
    KEY_BOOL("save_safetensors", "true", TAKEN LEGACY, "adapters are always written as safetensors"),
    KEY_BOOL("include_tokens_per_second", "false", TAKEN LEGACY, "tokens per second are logged anyway"),
    KEY_BOOL("include_inputs_for_metrics", "false", TAKEN LEGACY, "metrics are computed from losses and hits"),
    KEY_BOOL("adafactor", "false", REFUSED LEGACY, "this version trains with AdamW; remove this key"),
    KEY_INT("past_index", "-1", "-1", -1, MANY, TAKEN LEGACY, "these models keep no state between batches"),
    KEY_STR("fp16_opt_level", "O1", TAKEN LEGACY, FP16),
    KEY_STR("fp16_backend", "auto", TAKEN LEGACY, FP16),
    KEY_STR("half_precision_backend", "auto", TAKEN LEGACY, FP16),
    KEY_STR("torchdynamo", "null", TAKEN LEGACY, "it is about speed only"),
    KEY_STR("mp_parameters", "", TAKEN LEGACY, "ranks split the data, not the model"),
    KEY_STR("ray_scope", "last", TAKEN LEGACY, "there is no search over parameters"),
    KEY_INT("tpu_num_cores", "null", "8", 1, MANY, TAKEN LEGACY, "GPUs and CPUs compute here"),
    KEY_BOOL("tpu_metrics_debug", "false", TAKEN LEGACY, "GPUs and CPUs compute here"),
    KEY_BOOL("use_mps_device", "false", TAKEN LEGACY, "GPUs and CPUs compute here"),
    KEY_BOOL("use_ipex", "false", TAKEN LEGACY, "it is about speed only"),
    KEY_BOOL("jit_mode_eval", "false", TAKEN LEGACY, "it is about speed only"),
    KEY_BOOL("use_legacy_prediction_loop", "false", TAKEN LEGACY, "nothing is predicted while training"),
    KEY_INT("fsdp_min_num_params", "0", "0", 0, UP, TAKEN LEGACY, "only fsdp reads it"),
    KEY_STR("fsdp_transformer_layer_cls_to_wrap", "null", TAKEN LEGACY, "only fsdp reads it"),
    KEY_BOOL("split_batches", "false", REFUSED LEGACY, "batches are whole on every rank; remove this key"),
    KEY_BOOL("dispatch_batches", "null", REFUSED LEGACY, "batches are whole on every rank; remove this key"),
    KEY_STR("push_to_hub_token", "null", TAKEN LEGACY, HUB),
    KEY_STR("push_to_hub_model_id", "null", TAKEN LEGACY, HUB),
    KEY_STR("push_to_hub_organization", "null", TAKEN LEGACY, HUB),
};

const struct rt_key_class rt_keys_legacy = { "older versions'", old, COUNT(old) };
