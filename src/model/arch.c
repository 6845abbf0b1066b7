/* arch.c - config.json to numbers: flat and nested layouts, every spelling of the rotary keys. */
#include "config.h"
#include "model/arch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *path;
    struct rt_error *err;
};

static rt_status integer(const struct reader *r, const json_t *dict, const char *key, int64_t missing,
                         int64_t low, int64_t high, int64_t *value)
{
    const json_t *j = json_object_get(dict, key);
    *value = missing;
    if (j == NULL || json_is_null(j))
        return missing >= low ? RT_OK : rt_fail(r->err, RT_ERR_FILE, "%s: %s is missing", r->path, key);
    const double x = json_number_value(j);
    if (json_is_integer(j))
        *value = (int64_t)json_integer_value(j);
    else
        *value = x > -0x1p53 && x < 0x1p53 ? (int64_t)x : 0; /* 0 is not x then */
    if (!json_is_number(j) || (double)*value != x || *value < low || *value > high)
        return rt_fail(r->err, RT_ERR_FILE, "%s: %s is not a whole number from %lld to %lld", r->path, key,
                       (long long)low, (long long)high);
    return RT_OK;
}

static double number(const json_t *dict, const char *key, double missing)
{
    const json_t *j = json_object_get(dict, key);
    return json_is_number(j) ? json_number_value(j) : missing;
}

static const char *string(const json_t *dict, const char *key, const char *missing)
{
    const char *s = json_string_value(json_object_get(dict, key));
    return s != NULL ? s : missing;
}

static rt_status expect(const struct reader *r, const json_t *dict, const char *key, const char *only)
{
    const char *s = string(dict, key, only);
    if (strcmp(s, only) != 0)
        return rt_fail(r->err, RT_ERR_FILE, "%s: %s is \"%s\"; only \"%s\" is supported", r->path, key, s,
                       only);
    return RT_OK;
}

/* rope_scaling if it says anything, else rope_parameters; a theta inside wins over the sibling key. */
static rt_status read_rope(const struct reader *r, const json_t *text, struct rt_model_config *c)
{
    const json_t *dict = json_object_get(text, "rope_scaling");
    if (!json_is_object(dict) || json_object_size(dict) == 0)
        dict = json_object_get(text, "rope_parameters");
    const char *type = string(dict, "rope_type", string(dict, "type", "default"));
    if (strcmp(type, "default") != 0 && strcmp(type, "mrope") != 0)
        return rt_fail(r->err, RT_ERR_FILE,
                       "%s: rope type \"%s\" is not supported; only the models' own (default, mrope)", r->path,
                       type);
    c->rope_theta = number(dict, "rope_theta", number(text, "rope_theta", 1e6));
    const json_t *section = json_object_get(dict, "mrope_section");
    const int64_t usual[3] = { 16, 24, 24 };
    int64_t sum = 0;
    for (size_t i = 0; i < 3; i++) {
        const json_t *j = json_array_get(section, i);
        c->mrope_section[i] = section == NULL ? usual[i] : (int64_t)json_integer_value(j);
        if (c->mrope_section[i] < 0 || c->mrope_section[i] > c->head_dim)
            return rt_fail(r->err, RT_ERR_FILE, "%s: mrope_section has a bad entry", r->path);
        sum += c->mrope_section[i];
    }
    if (sum * 2 != c->head_dim || c->rope_theta < 1)
        return rt_fail(r->err, RT_ERR_FILE, "%s: mrope_section adds up to %lld, but half the head size is %lld",
                       r->path, (long long)sum, (long long)(c->head_dim / 2));
    return RT_OK;
}

static rt_status read_text(const struct reader *r, const json_t *text, struct rt_model_config *c)
{
    enum { BIG = 1 << 24 };
    RT_TRY(integer(r, text, "vocab_size", 152064, 1, BIG, &c->vocab));
    RT_TRY(integer(r, text, "hidden_size", 8192, 1, BIG, &c->hidden));
    RT_TRY(integer(r, text, "intermediate_size", 29568, 1, BIG, &c->intermediate));
    RT_TRY(integer(r, text, "num_hidden_layers", 80, 1, 4096, &c->layers));
    RT_TRY(integer(r, text, "num_attention_heads", 64, 1, 4096, &c->heads));
    const json_t *kv = json_object_get(text, "num_key_value_heads");
    RT_TRY(integer(r, text, "num_key_value_heads", kv != NULL ? c->heads : 8, 1, c->heads, &c->kv_heads));
    if (c->hidden % c->heads != 0 || c->heads % c->kv_heads != 0 || c->hidden / c->heads % 2 != 0)
        return rt_fail(r->err, RT_ERR_FILE,
                       "%s: hidden_size %lld, num_attention_heads %lld and num_key_value_heads "
                       "%lld do not divide each other",
                       r->path, (long long)c->hidden, (long long)c->heads, (long long)c->kv_heads);
    c->head_dim = c->hidden / c->heads;
    c->rms_norm_eps = (float)number(text, "rms_norm_eps", 1e-5);
    RT_TRY(expect(r, text, "hidden_act", "silu"));
    if (json_is_true(json_object_get(text, "use_sliding_window")))
        return rt_fail(r->err, RT_ERR_FILE, "%s: use_sliding_window is true, which is not supported", r->path);
    if (number(text, "attention_dropout", 0) != 0)
        return rt_fail(r->err, RT_ERR_FILE, "%s: attention_dropout is not 0, which is not supported", r->path);
    return read_rope(r, text, c);
}

static rt_status read_vision(const struct reader *r, const json_t *vision, struct rt_model_config *c)
{
    enum { BIG = 1 << 24 };
    const bool two = c->family == RT_QWEN2_VL;
    RT_TRY(integer(r, vision, "depth", 32, 1, 4096, &c->vision.depth));
    RT_TRY(integer(r, vision, two ? "embed_dim" : "hidden_size", two ? 1280 : 3584, 1, BIG, &c->vision.width));
    RT_TRY(integer(r, vision, two ? "hidden_size" : "out_hidden_size", 3584, 1, BIG, &c->vision.out));
    RT_TRY(integer(r, vision, "num_heads", 16, 1, 4096, &c->vision.heads));
    RT_TRY(integer(r, vision, "patch_size", 14, 1, 1024, &c->vision.patch));
    RT_TRY(integer(r, vision, "spatial_merge_size", 2, 1, 64, &c->vision.merge));
    RT_TRY(integer(r, vision, "temporal_patch_size", 2, 2, 2, &c->vision.temporal));
    RT_TRY(expect(r, vision, "hidden_act", two ? "quick_gelu" : "silu"));
    if (two)
        c->vision.mlp = (int64_t)((double)c->vision.width * number(vision, "mlp_ratio", 4));
    else
        RT_TRY(integer(r, vision, "intermediate_size", 3420, 1, BIG, &c->vision.mlp));
    int64_t channels = 3;
    RT_TRY(integer(r, vision, "in_channels", 3, 3, 3, &channels));
    if (c->vision.width % c->vision.heads != 0 || c->vision.width / c->vision.heads % 4 != 0)
        return rt_fail(r->err, RT_ERR_FILE,
                       "%s: vision width %lld and num_heads %lld do not give heads of a multiple "
                       "of 4",
                       r->path, (long long)c->vision.width, (long long)c->vision.heads);
    if (c->vision.out != c->hidden)
        return rt_fail(r->err, RT_ERR_FILE,
                       "%s: the vision tower gives %lld columns, the text tower has hidden_size "
                       "%lld",
                       r->path, (long long)c->vision.out, (long long)c->hidden);
    c->vision.full = calloc((size_t)c->vision.depth, sizeof *c->vision.full);
    if (c->vision.full == NULL)
        return rt_fail(r->err, RT_ERR_MEMORY, "out of memory reading %s", r->path);
    if (two) {
        for (int64_t i = 0; i < c->vision.depth; i++)
            c->vision.full[i] = true;
        return RT_OK;
    }
    RT_TRY(integer(r, vision, "window_size", 112, 1, 1 << 20, &c->vision.window));
    if (c->vision.window % (c->vision.patch * c->vision.merge) != 0)
        return rt_fail(r->err, RT_ERR_FILE, "%s: window_size %lld is not a multiple of %lld", r->path,
                       (long long)c->vision.window, (long long)(c->vision.patch * c->vision.merge));
    const json_t *blocks = json_object_get(vision, "fullatt_block_indexes");
    static const int64_t usual[] = { 7, 15, 23, 31 };
    const size_t count = blocks == NULL ? 4 : json_array_size(blocks);
    for (size_t i = 0; i < count; i++) {
        const int64_t at = blocks == NULL ? usual[i] : (int64_t)json_integer_value(json_array_get(blocks, i));
        if (at >= 0 && at < c->vision.depth)
            c->vision.full[at] = true;
    }
    return RT_OK;
}

static rt_status read_root(const struct reader *r, const json_t *root, struct rt_model_config *c)
{
    const char *type = string(root, "model_type", "");
    if (strcmp(type, "qwen2_vl") == 0)
        c->family = RT_QWEN2_VL;
    else if (strcmp(type, "qwen2_5_vl") == 0)
        c->family = RT_QWEN2_5_VL;
    else
        return rt_fail(r->err, RT_ERR_FILE, "%s: model_type is \"%s\"; supported are qwen2_vl and qwen2_5_vl",
                       r->path, type);
    const json_t *text = json_object_get(root, "text_config"), *vision = json_object_get(root, "vision_config");
    if (!json_is_object(vision))
        return rt_fail(r->err, RT_ERR_FILE, "%s: vision_config is missing", r->path);
    const bool nested = json_is_object(text);
    c->tied = json_is_true(json_object_get(root, "tie_word_embeddings")) ||
              (nested && json_is_true(json_object_get(text, "tie_word_embeddings")));
    if (!nested)
        text = root;
    const char *dtype =
        string(root, "dtype",
               string(root, "torch_dtype", string(text, "dtype", string(text, "torch_dtype", "float32"))));
    c->dtype = strcmp(dtype, "bfloat16") == 0  ? RT_FILE_BF16
               : strcmp(dtype, "float16") == 0 ? RT_FILE_F16
                                               : RT_FILE_F32;
    int64_t image = 151655;
    RT_TRY(integer(r, root, "image_token_id", 151655, 0, 1 << 24, &image));
    c->image_token_id = (int32_t)image;
    RT_TRY(read_text(r, text, c));
    return read_vision(r, vision, c);
}

rt_status rt_model_config_read(struct rt_model_config *config, const char *json, size_t bytes, const char *path,
                               struct rt_error *err)
{
    json_error_t at;
    json_t *root = json_loadb(json, bytes, 0, &at);
    if (!json_is_object(root)) {
        json_decref(root);
        return rt_fail(err, RT_ERR_FILE, "%s:%d: not a JSON object: %s", path, at.line, at.text);
    }
    struct rt_model_config c = { 0 };
    const struct reader r = { path, err };
    const rt_status st = read_root(&r, root, &c);
    json_decref(root);
    if (st != RT_OK)
        rt_model_config_free(&c);
    else
        *config = c;
    return st;
}

void rt_model_config_free(struct rt_model_config *config)
{
    free(config->vision.full);
    config->vision.full = NULL;
}
