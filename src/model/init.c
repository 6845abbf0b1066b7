/* init.c - a random model folder in the published layout: configuration files, and weights in shards. */
#include "config.h"
#include "base/bf16.h"
#include "checkpoint/checkpoint.h"
#include "model/build.h"
#include "model/preset.h"
#include "model/state.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rt_status dump(json_t *json, const char *folder, const char *file, struct rt_error *err)
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
    RT_TRY(dump(config_json(p, ids, vocab, dtype), folder, "config.json", err));
    RT_TRY(dump(json_pack("{s:i, s:i, s:i, s:i, s:i, s:[fff], s:[fff], s:s, s:s}", "min_pixels", 3136,
                          "max_pixels", 12845056, "patch_size", 14, "temporal_patch_size", 2, "merge_size", 2,
                          "image_mean", 0.48145466, 0.4578275, 0.40821073, "image_std", 0.26862954, 0.26130258,
                          0.27577711, "image_processor_type", "Qwen2VLImageProcessor", "processor_class",
                          two ? "Qwen2VLProcessor" : "Qwen2_5_VLProcessor"),
                folder, "preprocessor_config.json", err));
    RT_TRY(dump(json_pack("{s:i, s:i, s:[ii], s:b}", "bos_token_id", ids->end_of_text, "pad_token_id",
                          ids->end_of_text, "eos_token_id", ids->im_end, ids->end_of_text, "do_sample", 0),
                folder, "generation_config.json", err));
    RT_TRY(dump(json_pack("{s:s, s:s, s:s, s:b, s:i}", "tokenizer_class", "Qwen2Tokenizer", "eos_token",
                          "<|im_end|>", "pad_token", "<|endoftext|>", "add_prefix_space", 0, "model_max_length",
                          131072),
                folder, "tokenizer_config.json", err));
    return dump(json_pack("{s:s}", "chat_template", template_text), folder, "chat_template.json", err);
}

/* A 64-bit hash of a counter (SplitMix64's finaliser): random numbers that any order of filling gives alike. */
static uint64_t hash(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Sum of four bytes: near enough to a normal distribution for a trial model, and quick for billions of numbers.
 */
static float bell(uint32_t bits)
{
    const uint32_t sum = (bits & 255u) + (bits >> 8 & 255u) + (bits >> 16 & 255u) + (bits >> 24);
    return ((float)sum - 510.0f) * (1.0f / 147.8f); /* sqrt(4 (256^2 - 1) / 12) = 147.8 */
}

/* The product of two floats is exact in a double, so that a machine that fuses it with the sum draws the same
 * numbers. */
static float draw(uint32_t bits, float mean, float spread)
{
    return (float)((double)mean + (double)spread * (double)bell(bits));
}

static void fill(void *dst, enum rt_dtype dtype, int64_t n, uint64_t key, float mean, float spread)
{
    for (int64_t i = 0; i < n; i += 2) {
        const uint64_t bits = hash(key + (uint64_t)i);
        const float x[2] = { draw((uint32_t)bits, mean, spread), draw((uint32_t)(bits >> 32), mean, spread) };
        for (int64_t k = 0; k < 2 && i + k < n; k++) {
            if (dtype == RT_F32)
                ((float *)dst)[i + k] = x[k];
            else
                ((rt_bf16 *)dst)[i + k] = rt_bf16_of_f32(x[k]);
        }
    }
}

static void old_name(char *out, size_t bytes, const char *name)
{
    static const char text[] = "model.language_model.", visual[] = "model.visual.";
    if (strncmp(name, text, sizeof text - 1) == 0)
        snprintf(out, bytes, "model.%s", name + sizeof text - 1);
    else if (strncmp(name, visual, sizeof visual - 1) == 0)
        snprintf(out, bytes, "visual.%s", name + sizeof visual - 1);
    else
        snprintf(out, bytes, "%s", name);
}

/* Norm gains near 1, everything else near 0. Biases of norms are near 0 as well. */
static float mean_of(const char *name)
{
    const char *suffix = strrchr(name, '.');
    return (strstr(name, "norm") != NULL || strstr(name, "ln_q") != NULL) && strcmp(suffix, ".weight") == 0
               ? 1.0f
               : 0.0f;
}

struct shards {
    const struct rt_preset *preset;
    const char *folder;
    enum rt_dtype dtype;
    uint64_t seed;
    int count;
    json_t *weight_map;
    double total_bytes;
};

/* Tensors [from, to) as shard number `number`. */
static rt_status write_shard(const struct shards *s, const struct rt_weight *w, int64_t from, int64_t to,
                             int number, struct rt_error *err)
{
    const size_t item = s->dtype == RT_F32 ? 4 : 2;
    char path[4096], file[64];
    snprintf(file, sizeof file, "model-%05d-of-%05d.safetensors", number, s->count);
    snprintf(path, sizeof path, "%s/%s", s->folder, file);
    struct rt_out_tensor *out = calloc((size_t)(to - from), sizeof *out);
    char(*names)[128] = calloc((size_t)(to - from), sizeof *names);
    rt_status st =
        out == NULL || names == NULL ? rt_fail(err, RT_ERR_MEMORY, "out of memory making %s", path) : RT_OK;
    for (int64_t i = from; i < to && st == RT_OK; i++) {
        struct rt_out_tensor *t = &out[i - from];
        const int64_t n = w[i].rows * w[i].cols;
        void *data = malloc((size_t)n * item);
        old_name(names[i - from], sizeof *names, w[i].name);
        *t = (struct rt_out_tensor){
            names[i - from], s->dtype == RT_F32 ? RT_FILE_F32 : RT_FILE_BF16, 2, { w[i].rows, w[i].cols }, data
        };
        if (w[i].rows == 1) {
            t->dims = 1;
            t->shape[0] = w[i].cols;
        } else if (strstr(w[i].name, "patch_embed") != NULL) {
            const int64_t shape[5] = { w[i].rows, 3, 2, 14, 14 };
            t->dims = 5;
            memcpy(t->shape, shape, sizeof shape);
        }
        if (data == NULL)
            st = rt_fail(err, RT_ERR_MEMORY, "out of memory making %s", path);
        else
            fill(data, s->dtype, n, hash(s->seed * 1000003u + (uint64_t)i), mean_of(w[i].name),
                 w[i].rows == 1 ? 0.02f : (float)s->preset->spread);
        json_object_set_new(s->weight_map, t->name, json_string(file));
    }
    if (st == RT_OK)
        st = rt_safetensors_write(path, out, to - from, err);
    for (int64_t i = from; i < to && out != NULL; i++)
        free((void *)(uintptr_t)out[i - from].data);
    free(out);
    free(names);
    return st;
}

/* Where the shard that starts at `from` ends. */
static int64_t shard_end(const struct rt_weight *w, int64_t count, int64_t from, size_t item,
                         size_t shard_bytes)
{
    size_t bytes = 0;
    int64_t to = from;
    while (to < count && (to == from || bytes + (size_t)(w[to].rows * w[to].cols) * item <= shard_bytes))
        bytes += (size_t)(w[to].rows * w[to].cols) * item, to++;
    return to;
}

static rt_status write_weights(struct shards *s, const struct rt_weight *w, int64_t count, size_t shard_bytes,
                               struct rt_error *err)
{
    const size_t item = s->dtype == RT_F32 ? 4 : 2;
    for (int64_t from = 0; from < count; from = shard_end(w, count, from, item, shard_bytes))
        s->count++;
    int number = 1;
    for (int64_t from = 0, to; from < count; from = to) {
        to = shard_end(w, count, from, item, shard_bytes);
        RT_TRY(write_shard(s, w, from, to, number++, err));
    }
    for (int64_t i = 0; i < count; i++)
        s->total_bytes += (double)(w[i].rows * w[i].cols) * (double)item;
    return dump(json_pack("{s:{s:I}, s:O}", "metadata", "total_size", (json_int_t)s->total_bytes, "weight_map",
                          s->weight_map),
                s->folder, "model.safetensors.index.json", err);
}

/* The list of tensors is what the model itself would load: laid out over a counting arena. */
static rt_status list_weights(const struct rt_model_config *c, struct rt_build *b, struct rt_error *err)
{
    struct rt_text text = { .block = calloc((size_t)c->layers, sizeof *text.block) };
    struct rt_vision vision = { .block = calloc((size_t)c->vision.depth, sizeof *vision.block) };
    rt_status st = RT_OK;
    if (text.block == NULL || vision.block == NULL) {
        st = rt_fail(err, RT_ERR_MEMORY, "out of memory listing the weights");
    } else {
        rt_vision_build(&vision, b, c);
        rt_text_build(&text, b, c);
        if (b->failed)
            st = rt_fail(err, RT_ERR_MEMORY, "out of memory listing the weights");
    }
    free(text.block);
    free(vision.block);
    return st;
}

static rt_status config_back(struct rt_model_config *config, const char *folder, struct rt_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/config.json", folder);
    json_t *root = json_load_file(path, 0, NULL);
    char *text = root == NULL ? NULL : json_dumps(root, 0);
    json_decref(root);
    if (text == NULL)
        return rt_fail(err, RT_ERR_IO, "%s: cannot read back", path);
    const rt_status st = rt_model_config_read(config, text, strlen(text), path, err);
    free(text);
    return st;
}

rt_status rt_model_init_folder(const char *preset, const char *folder, enum rt_dtype dtype, uint64_t seed,
                               size_t shard_bytes, struct rt_error *err)
{
    const struct rt_preset *p = rt_preset_find(preset);
    struct ids ids;
    RT_TRY(rt_init_preset_check(preset, err));
    RT_TRY(token_ids(&ids, folder, err));
    const int needed = (ids.largest + 64) / 64 * 64, vocab = p->vocab > needed ? p->vocab : needed;
    RT_TRY(write_configs(p, &ids, vocab, dtype, folder, err));
    struct rt_model_config config;
    RT_TRY(config_back(&config, folder, err));
    struct rt_build b = { .act_bytes = 2 };
    struct shards s = { p, folder, dtype, seed, 0, json_object(), 0 };
    rt_status st = list_weights(&config, &b, err);
    if (st == RT_OK)
        st = write_weights(&s, b.weight, b.weights, shard_bytes, err);
    json_decref(s.weight_map);
    free(b.weight);
    rt_model_config_free(&config);
    return st;
}
