/* keys_own.c - our own keys, and keys of older versions of the peers that old job files still carry. */
#include "config.h"

#include "job/key_rows.h"

static const struct rt_key keys[] = {
    KEY_CHOICE("device", "auto", "auto|cpu|cuda", PLACED, "where to compute; auto: on GPUs if there are any"),
    KEY_NUM("max_bad_rows", "0.1", "0.1", 0, UP, DONE(data.max_bad_rows),
            "unusable rows that are left out and listed before the run fails: a number if 1 or more, else a share"),
    KEY_NUM("max_bad_steps", "10", "10", 0, MANY, DONE(train.max_bad_steps),
            "steps in a row whose loss or gradient is not finite that are skipped before the run fails"),
    { .name = "max_hours", .type = RT_KEY_NUM, .def = "null", .example = "11.8", .min = 0, .above = true,
      .max = ANYTHING, DONE(train.max_hours),
      .text = "hours after which a checkpoint is written and the run stops with exit code 75; null: no limit" },
};

const struct rt_key_class rt_keys_own = { "ranktune's own", keys, COUNT(keys) };

#define LEGACY .legacy = true
#define OLD_BOOL(NAME, DEF, USE, TEXT) { .name = NAME, .type = RT_KEY_BOOL, .def = DEF, USE, LEGACY, .text = TEXT }
#define OLD_STR(NAME, DEF, USE, TEXT) { .name = NAME, .type = RT_KEY_STR, .def = DEF, USE, LEGACY, .text = TEXT }
#define OLD_INT(NAME, DEF, EXAMPLE, MIN, MAX, USE, TEXT) \
    { .name = NAME, .type = RT_KEY_INT, .def = DEF, .example = EXAMPLE, .min = MIN, .max = MAX, USE, LEGACY, .text = TEXT }
#define FP16 "fp16 is not used"
#define HUB "nothing is uploaded"

static const struct rt_key old[] = {
    OLD_BOOL("group_by_length", "false", PLACED, "the same as train_sampling_strategy: group_by_length"),
    OLD_BOOL("no_cuda", "false", PLACED, "the same as use_cpu"),
    OLD_BOOL("save_safetensors", "true", TAKEN, "adapters are always written as safetensors"),
    OLD_BOOL("include_tokens_per_second", "false", TAKEN, "tokens per second are logged anyway"),
    OLD_BOOL("include_inputs_for_metrics", "false", TAKEN, "metrics are computed from losses and hits"),
    OLD_BOOL("adafactor", "false", REFUSED, "this version trains with AdamW; remove this key"),
    OLD_INT("past_index", "-1", "-1", -1, MANY, TAKEN, "these models keep no state between batches"),
    OLD_STR("fp16_opt_level", "O1", TAKEN, FP16),
    OLD_STR("fp16_backend", "auto", TAKEN, FP16),
    OLD_STR("half_precision_backend", "auto", TAKEN, FP16),
    OLD_STR("torchdynamo", "null", TAKEN, "it is about speed only"),
    OLD_STR("mp_parameters", "", TAKEN, "ranks split the data, not the model"),
    OLD_STR("ray_scope", "last", TAKEN, "there is no search over parameters"),
    OLD_INT("tpu_num_cores", "null", "8", 1, MANY, TAKEN, "GPUs and CPUs compute here"),
    OLD_BOOL("tpu_metrics_debug", "false", TAKEN, "GPUs and CPUs compute here"),
    OLD_BOOL("use_mps_device", "false", TAKEN, "GPUs and CPUs compute here"),
    OLD_BOOL("use_ipex", "false", TAKEN, "it is about speed only"),
    OLD_BOOL("jit_mode_eval", "false", TAKEN, "it is about speed only"),
    OLD_BOOL("use_legacy_prediction_loop", "false", TAKEN, "nothing is predicted while training"),
    OLD_STR("push_to_hub_token", "null", TAKEN, HUB),
    OLD_STR("push_to_hub_model_id", "null", TAKEN, HUB),
    OLD_STR("push_to_hub_organization", "null", TAKEN, HUB),
};

const struct rt_key_class rt_keys_legacy = { "older versions'", old, COUNT(old) };
