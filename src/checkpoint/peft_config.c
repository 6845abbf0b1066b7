/* peft_config.c - adapter_config.json read: what we need of it, and no to what we lack. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/peft.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX = 16 << 20, RANK_MAX = 65536 };

/* Read elsewhere, or without a say in what the stored tensors mean. Any other key must be empty. */
static const char *const harmless[] = {
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_alpha",
    "lora_dropout",
    "lora_ga_config",
    "megatron_config",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "use_rslora",
};

static bool is_empty(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
    case JSON_FALSE: return true;
    case JSON_STRING: return json_string_length(value) == 0;
    case JSON_ARRAY: return json_array_size(value) == 0;
    case JSON_OBJECT: return json_object_size(value) == 0;
    default: return false;
    }
}

static rt_status refuse(const char *path, const char *key, const json_t *value, struct rt_error *err)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const rt_status st =
        rt_fail(err, RT_ERR_FILE,
                "%.500s: %.100s: %.200s is not supported; merge the adapter into its model with PEFT "
                "(merge_and_unload) and use the merged model",
                path, key, text != NULL ? text : "this value");
    free(text);
    return st;
}

/* A key whose value alters the forward pass or the base weights in a way that we do not follow. */
static rt_status check_keys(const char *path, const json_t *root, struct rt_error *err)
{
    static const char *const plain_init[] = { "gaussian", "orthogonal",
                                              "eva" }; /* leave the base weights alone */
    const char *key, *text;
    json_t *value;
    json_object_foreach ((json_t *)root, key, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof harmless / sizeof *harmless && !known; i++)
            known = strcmp(key, harmless[i]) == 0;
        if (!known && !is_empty(value))
            return refuse(path, key, value, err);
    }
    value = json_object_get(root, "bias");
    if (value != NULL && (!json_is_string(value) || strcmp(json_string_value(value), "none") != 0))
        return refuse(path, "bias", value, err);
    value = json_object_get(root, "init_lora_weights");
    if (value == NULL || json_is_boolean(value) || json_is_null(value))
        return RT_OK;
    text = json_string_value(value);
    for (size_t i = 0; text != NULL && i < sizeof plain_init / sizeof *plain_init; i++)
        if (strcmp(text, plain_init[i]) == 0)
            return RT_OK;
    return refuse(path, "init_lora_weights", value, err);
}

static rt_status read_numbers(const char *path, const json_t *root, struct rt_peft *peft, struct rt_error *err)
{
    const json_t *r = json_object_get(root, "r"), *alpha = json_object_get(root, "lora_alpha");
    const json_t *dropout = json_object_get(root, "lora_dropout"),
                 *rslora = json_object_get(root, "use_rslora");
    if (!json_is_integer(r) || json_integer_value(r) < 1 || json_integer_value(r) > RANK_MAX)
        return rt_fail(err, RT_ERR_FILE, "%.500s: r: is not a whole number from 1 to %d", path, RANK_MAX);
    if (!json_is_number(alpha))
        return rt_fail(err, RT_ERR_FILE, "%.500s: lora_alpha: is not a number", path);
    if (dropout != NULL &&
        (!json_is_number(dropout) || !(json_number_value(dropout) >= 0) || !(json_number_value(dropout) < 1)))
        return rt_fail(err, RT_ERR_FILE, "%.500s: lora_dropout: is not a number from 0 up to 1", path);
    if (rslora != NULL && !json_is_boolean(rslora))
        return rt_fail(err, RT_ERR_FILE, "%.500s: use_rslora: is not true or false", path);
    peft->r = json_integer_value(r);
    peft->alpha = json_number_value(alpha);
    peft->dropout = dropout != NULL ? json_number_value(dropout) : 0.0;
    peft->rslora = json_is_true(rslora);
    return RT_OK;
}

static rt_status check_targets(const char *path, const json_t *targets, struct rt_error *err)
{
    if (json_is_string(targets))
        return RT_OK; /* a pattern */
    if (!json_is_array(targets) || json_array_size(targets) == 0)
        return rt_fail(err, RT_ERR_FILE,
                       "%.500s: target_modules: is neither a list of module names nor a pattern", path);
    for (size_t i = 0; i < json_array_size(targets); i++)
        if (!json_is_string(json_array_get(targets, i)))
            return rt_fail(err, RT_ERR_FILE, "%.500s: target_modules: entry %zu is not a string", path, i + 1);
    return RT_OK;
}

static rt_status check_root(const char *path, const json_t *root, struct rt_peft *peft, struct rt_error *err)
{
    const json_t *type = json_object_get(root, "peft_type"),
                 *base = json_object_get(root, "base_model_name_or_path");
    if (!json_is_string(type) || strcmp(json_string_value(type), "LORA") != 0)
        return rt_fail(err, RT_ERR_FILE, "%.500s: peft_type: \"%.40s\" is not LORA, the only kind read here",
                       path, json_is_string(type) ? json_string_value(type) : "");
    RT_TRY(check_keys(path, root, err));
    RT_TRY(read_numbers(path, root, peft, err));
    RT_TRY(check_targets(path, json_object_get(root, "target_modules"), err));
    peft->base_model = json_string_value(base); /* NULL unless a string; belongs to root */
    return RT_OK;
}

rt_status rt_peft_config(const char *path, json_t **config, struct rt_peft *peft, struct rt_error *err)
{
    json_error_t at;
    size_t bytes;
    char *text;
    RT_TRY(rt_file_load(path, CONFIG_MAX, &text, &bytes, err));
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &at);
    free(text);
    if (root == NULL)
        return rt_fail(err, RT_ERR_FILE, "%.500s:%d: %s", path, at.line, at.text);
    rt_status st = json_is_object(root) ? check_root(path, root, peft, err)
                                        : rt_fail(err, RT_ERR_FILE, "%.500s: is not a JSON object", path);
    if (st == RT_OK)
        *config = root;
    else
        json_decref(root);
    return st;
}
