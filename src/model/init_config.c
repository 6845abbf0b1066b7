/* init_config.c - the configuration files of a random model folder. */
#include "config.h"
#include "model/init.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

rt_status rt_init_dump(json_t *json, const char *folder, const char *file, struct rt_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    const int failed = json == NULL || json_dump_file(json, path, JSON_INDENT(2)) != 0;
    json_decref(json);
    return failed ? rt_fail(err, RT_ERR_IO, "%s: cannot write: %s", path, strerror(errno)) : RT_OK;
}

struct ids {
    int image, video, vision_start, vision_end, end_of_text, im_end, largest;
};

static rt_status token_ids(struct ids *ids, const char *folder, struct rt_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    json_error_t at;
    json_t *root = json_load_file(path, 0, &at);
    if (root == NULL)
        return rt_fail(err, RT_ERR_FILE, "%s:%d: %s", path, at.line, at.text);
    static const char *const name[] = { "<|image_pad|>",  "<|video_pad|>", "<|vision_start|>",
                                        "<|vision_end|>", "<|endoftext|>", "<|im_end|>" };
    int *const slot[] = { &ids->image,      &ids->video,       &ids->vision_start,
                          &ids->vision_end, &ids->end_of_text, &ids->im_end };
    *ids = (struct ids){ -1, -1, -1, -1, -1, -1, 0 };
    size_t i;
    json_t *token;
    json_array_foreach (json_object_get(root, "added_tokens"), i, token) {
        const int id = (int)json_integer_value(json_object_get(token, "id"));
        const char *content = json_string_value(json_object_get(token, "content"));
        ids->largest = id > ids->largest ? id : ids->largest;
        for (size_t k = 0; k < sizeof name / sizeof *name && content != NULL; k++)
            if (strcmp(content, name[k]) == 0)
                *slot[k] = id;
    }
    json_decref(root);
    for (size_t k = 0; k < sizeof name / sizeof *name; k++)
        if (*slot[k] < 0)
            return rt_fail(err, RT_ERR_FILE, "%s: added token %s is missing", path, name[k]);
    return RT_OK;
}

static json_t *vision_json(const struct rt_preset *p)
{
    if (p->family == RT_QWEN2_VL)
        return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:s}", "depth", p->depth,
                         "embed_dim", p->width, "hidden_size", p->hidden, "mlp_ratio", p->mlp / p->width,
                         "num_heads", p->vision_heads, "in_channels", 3, "patch_size", 14, "spatial_merge_size",
                         2, "temporal_patch_size", 2, "hidden_act", "quick_gelu", "model_type", "qwen2_vl");
    json_t *full = json_array();
    for (int i = 0; i < p->fulls; i++)
        json_array_append_new(full, json_integer(p->full_blocks[i]));
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:i, s:s, s:s}", "depth",
                     p->depth, "hidden_size", p->width, "out_hidden_size", p->hidden, "intermediate_size",
                     p->mlp, "num_heads", p->vision_heads, "in_channels", 3, "patch_size", 14,
                     "spatial_merge_size", 2, "temporal_patch_size", 2, "window_size", 112,
                     "fullatt_block_indexes", full, "tokens_per_second", 2, "hidden_act", "silu", "model_type",
                     "qwen2_5_vl");
}

static json_t *config_json(const struct rt_preset *p, const struct ids *ids, int vocab, enum rt_dtype dtype)
{
    const bool two = p->family == RT_QWEN2_VL;
    json_t *root = json_pack(
        "{s:[s], s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:{s:s, s:[iii]}, s:s, s:f, s:i, s:b, s:b, s:s}",
        "architectures", two ? "Qwen2VLForConditionalGeneration" : "Qwen2_5_VLForConditionalGeneration",
        "model_type", two ? "qwen2_vl" : "qwen2_5_vl", "vocab_size", vocab, "hidden_size", p->hidden,
        "intermediate_size", p->intermediate, "num_hidden_layers", p->layers, "num_attention_heads", p->heads,
        "num_key_value_heads", p->kv_heads, "rms_norm_eps", 1e-6, "rope_theta", 1e6, "rope_scaling", "type",
        "mrope", "mrope_section", p->mrope_section[0], p->mrope_section[1], p->mrope_section[2], "hidden_act",
        "silu", "attention_dropout", 0.0, "max_position_embeddings", 128000, "use_sliding_window", 0,
        "tie_word_embeddings", p->tied, "torch_dtype", dtype == RT_BF16 ? "bfloat16" : "float32");
    json_t *tokens = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "image_token_id", ids->image,
                               "video_token_id", ids->video, "vision_start_token_id", ids->vision_start,
                               "vision_end_token_id", ids->vision_end, "bos_token_id", ids->end_of_text,
                               "eos_token_id", ids->im_end, "pad_token_id", ids->end_of_text);
    if (root != NULL && tokens != NULL)
        json_object_update(root, tokens);
    json_decref(tokens);
    if (root != NULL)
        json_object_set_new(root, "vision_config", vision_json(p));
    return root;
}

static rt_status write_configs(const struct rt_preset *p, const struct ids *ids, int vocab, enum rt_dtype dtype,
                               const char *folder, struct rt_error *err)
{
    static const char template_text[] =
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
        "{% for c in m['content'] %}{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}"
        "{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}"
        "<|im_start|>assistant\n{% endif %}";
    const bool two = p->family == RT_QWEN2_VL;
    RT_TRY(rt_init_dump(config_json(p, ids, vocab, dtype), folder, "config.json", err));
    RT_TRY(
        rt_init_dump(json_pack("{s:i, s:i, s:i, s:i, s:i, s:[fff], s:[fff], s:s, s:s}", "min_pixels", 3136,
                               "max_pixels", 12845056, "patch_size", 14, "temporal_patch_size", 2, "merge_size",
                               2, "image_mean", 0.48145466, 0.4578275, 0.40821073, "image_std", 0.26862954,
                               0.26130258, 0.27577711, "image_processor_type", "Qwen2VLImageProcessor",
                               "processor_class", two ? "Qwen2VLProcessor" : "Qwen2_5_VLProcessor"),
                     folder, "preprocessor_config.json", err));
    RT_TRY(
        rt_init_dump(json_pack("{s:i, s:i, s:[ii], s:b}", "bos_token_id", ids->end_of_text, "pad_token_id",
                               ids->end_of_text, "eos_token_id", ids->im_end, ids->end_of_text, "do_sample", 0),
                     folder, "generation_config.json", err));
    RT_TRY(rt_init_dump(json_pack("{s:s, s:s, s:s, s:b, s:i}", "tokenizer_class", "Qwen2Tokenizer", "eos_token",
                                  "<|im_end|>", "pad_token", "<|endoftext|>", "add_prefix_space", 0,
                                  "model_max_length", 131072),
                        folder, "tokenizer_config.json", err));
    return rt_init_dump(json_pack("{s:s}", "chat_template", template_text), folder, "chat_template.json", err);
}

rt_status rt_init_configs(const struct rt_preset *p, enum rt_dtype dtype, const char *folder,
                          struct rt_error *err)
{
    struct ids ids;
    RT_TRY(token_ids(&ids, folder, err));
    const int needed = (ids.largest + 64) / 64 * 64, vocab = p->vocab > needed ? p->vocab : needed;
    return write_configs(p, &ids, vocab, dtype, folder, err);
}
