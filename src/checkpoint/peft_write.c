/* peft_write.c - an adapter as peft 0.18.1 saves it: adapter_model.safetensors and adapter_config.json. */
#include "config.h"
#include "base/file.h"
#include "base/pyjson.h"
#include "checkpoint/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static rt_status write_tensors(const char *folder, const struct rt_peft *peft, struct rt_error *err)
{
    rt_status st = RT_OK;
    char *path = NULL;
    const int64_t count = 2 * peft->modules;
    struct rt_out_tensor *tensor = calloc((size_t)count + 1, sizeof *tensor);
    if (tensor == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for the adapter's table of tensors", folder);
    for (int64_t i = 0; i < count; i++) {
        const int64_t m = i / 2;
        const bool a = i % 2 == 0;
        char *name;
        RT_TRY_TO(
            st, rt_file_path(&name, err, "base_model.model.%s.lora_%c.weight", peft->module[m], a ? 'A' : 'B'),
            free_names);
        tensor[i] = (struct rt_out_tensor){ .name = name,
                                            .dtype = RT_FILE_F32,
                                            .dims = 2,
                                            .shape = { a ? peft->r : peft->out[m], a ? peft->in[m] : peft->r },
                                            .data = a ? peft->a[m] : peft->b[m] };
    }
    RT_TRY_TO(st, rt_file_path(&path, err, "%s/adapter_model.safetensors", folder), free_names);
    st = rt_safetensors_write(path, tensor, count, err);
    free(path);
free_names:
    for (int64_t i = 0; i < count; i++)
        free((char *)tensor[i].name);
    free(tensor);
    return st;
}

static void put_double(FILE *out, double value)
{
    char text[RT_PYJSON_NUMBER];
    fputs(rt_pyjson_repr(text, value), out);
}

static void put_alpha(FILE *out, double alpha)
{
    if (alpha == rint(alpha) && fabs(alpha) < 0x1p53)
        fprintf(out, "%.0f", alpha);
    else
        put_double(out, alpha);
}

/* Keys in order, two blanks deep, no line end at the end: what json.dumps(indent=2, sort_keys=True) gives peft.
 */
static void put_config(FILE *out, const struct rt_peft *peft, const char **targets, int64_t count)
{
    fputs("{\n  \"alora_invocation_tokens\": null,\n  \"alpha_pattern\": {},\n  \"arrow_config\": null,\n"
          "  \"auto_mapping\": null,\n  \"base_model_name_or_path\": ",
          out);
    if (peft->base_model == NULL)
        fputs("null", out);
    else
        rt_pyjson_quote(out, peft->base_model, strlen(peft->base_model), false);
    fputs(",\n  \"bias\": \"none\",\n  \"corda_config\": null,\n  \"ensure_weight_tying\": false,\n"
          "  \"eva_config\": null,\n  \"exclude_modules\": null,\n  \"fan_in_fan_out\": false,\n"
          "  \"inference_mode\": true,\n  \"init_lora_weights\": true,\n  \"layer_replication\": null,\n"
          "  \"layers_pattern\": null,\n  \"layers_to_transform\": null,\n  \"loftq_config\": {},\n"
          "  \"lora_alpha\": ",
          out);
    put_alpha(out, peft->alpha);
    fputs(",\n  \"lora_bias\": false,\n  \"lora_dropout\": ", out);
    put_double(out, peft->dropout);
    fprintf(out,
            ",\n  \"megatron_config\": null,\n  \"megatron_core\": \"megatron.core\",\n"
            "  \"modules_to_save\": null,\n  \"peft_type\": \"LORA\",\n  \"peft_version\": \"0.18.1\",\n"
            "  \"qalora_group_size\": 16,\n  \"r\": %lld,\n  \"rank_pattern\": {},\n  \"revision\": null,\n"
            "  \"target_modules\": [",
            (long long)peft->r);
    for (int64_t i = 0; i < count; i++) {
        fputs(i > 0 ? ",\n    " : "\n    ", out);
        rt_pyjson_quote(out, targets[i], strlen(targets[i]), false);
    }
    fprintf(out,
            "\n  ],\n  \"target_parameters\": null,\n  \"task_type\": \"CAUSAL_LM\",\n"
            "  \"trainable_token_indices\": null,\n  \"use_dora\": false,\n  \"use_qalora\": false,\n"
            "  \"use_rslora\": %s\n}",
            peft->rslora ? "true" : "false");
}

static rt_status write_config(const char *folder, const struct rt_peft *peft, struct rt_error *err)
{
    rt_status st;
    const char **targets;
    int64_t count;
    char *text = NULL, *path = NULL;
    size_t bytes = 0;
    RT_TRY(rt_peft_targets(peft, &targets, &count, err));
    FILE *out = open_memstream(&text, &bytes);
    int failed = out == NULL;
    if (!failed) {
        put_config(out, peft, targets, count);
        failed = ferror(out);
        failed |= fclose(out) != 0;
    }
    free(targets);
    if (failed) {
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory for adapter_config.json", folder);
        goto free_text;
    }
    RT_TRY_TO(st, rt_file_path(&path, err, "%s/adapter_config.json", folder), free_text);
    st = rt_file_write(path, &(struct rt_file_part){ text, bytes }, 1, err);
    free(path);
free_text:
    free(text);
    return st;
}

rt_status rt_peft_write(const char *folder, const struct rt_peft *peft, struct rt_error *err)
{
    if (peft->modules < 1 || peft->r < 1 || !isfinite(peft->alpha) || !isfinite(peft->dropout))
        return rt_fail(err, RT_ERR_INTERNAL, "%s: an adapter of %lld modules, r %lld, alpha %g, dropout %g",
                       folder, (long long)peft->modules, (long long)peft->r, peft->alpha, peft->dropout);
    RT_TRY(write_tensors(folder, peft, err));
    return write_config(folder, peft, err);
}
