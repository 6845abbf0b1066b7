/* image_rules.c - the processor's settings from preprocessor_config.json or processor_config.json; contract in
 * image.h. Source: transformers 5.6, Qwen2VLImageProcessor and its Pillow twin. */
#include "config.h"
#include "data/image.h"

#include <jansson.h>
#include <string.h>

struct settings {
    double mean[3], std[3], rescale;
};

static rt_status wrong(struct rt_error *err, const char *key, const char *what)
{
    return rt_fail(err, RT_ERR_FILE, "preprocessor_config.json: %s: %s", key, what);
}

/* A whole number from 1; absent or null leaves *value. */
static rt_status read_count(const json_t *json, const char *key, int64_t most, int64_t *value,
                            struct rt_error *err)
{
    const json_t *v = json_object_get(json, key);
    if (v == NULL || json_is_null(v))
        return RT_OK;
    if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > most)
        return rt_fail(err, RT_ERR_FILE, "preprocessor_config.json: %s: is not a whole number from 1 to %lld",
                       key, (long long)most);
    *value = json_integer_value(v);
    return RT_OK;
}

static rt_status read_side(const json_t *json, const char *key, int32_t *value, struct rt_error *err)
{
    int64_t wide = *value;
    RT_TRY(read_count(json, key, 1024, &wide, err));
    *value = (int32_t)wide;
    return RT_OK;
}

/* size, then min_pixels and max_pixels, which win. */
static rt_status read_areas(struct rt_image_rules *rules, const json_t *json, struct rt_error *err)
{
    const int64_t most = (int64_t)1 << 40;
    const json_t *size = json_object_get(json, "size");
    int64_t least = 0, area = 0;
    if (size != NULL && !json_is_null(size)) {
        if (!json_is_object(size))
            return wrong(err, "size", "is not an object with shortest_edge and longest_edge (areas in pixels)");
        RT_TRY(read_count(size, "shortest_edge", most, &least, err));
        RT_TRY(read_count(size, "longest_edge", most, &area, err));
    } else {
        least = rules->min_pixels;
        area = rules->max_pixels;
    }
    RT_TRY(read_count(json, "min_pixels", most, &least, err));
    RT_TRY(read_count(json, "max_pixels", most, &area, err));
    if (least == 0 || area == 0)
        return wrong(err, "size", "must give shortest_edge and longest_edge (areas in pixels)");
    rules->min_pixels = least;
    rules->max_pixels = area;
    return RT_OK;
}

static rt_status read_triple(const json_t *json, const char *key, double value[3], struct rt_error *err)
{
    const json_t *v = json_object_get(json, key);
    if (v == NULL || json_is_null(v))
        return RT_OK;
    if (!json_is_array(v) || json_array_size(v) != 3)
        return wrong(err, key, "is not a list of three numbers");
    for (size_t c = 0; c < 3; c++) {
        if (!json_is_number(json_array_get(v, c)))
            return wrong(err, key, "is not a list of three numbers");
        value[c] = json_number_value(json_array_get(v, c));
    }
    return RT_OK;
}

static rt_status require_true(const json_t *json, const char *key, struct rt_error *err)
{
    const json_t *v = json_object_get(json, key);
    if (v != NULL && !json_is_null(v) && !json_is_true(v))
        return wrong(err, key, "only true is supported; write true");
    return RT_OK;
}

/* Everything that would change the pixels and is not built is refused here. */
static rt_status refuse_others(const json_t *json, struct rt_error *err)
{
    RT_TRY(require_true(json, "do_resize", err));
    RT_TRY(require_true(json, "do_rescale", err));
    RT_TRY(require_true(json, "do_normalize", err));
    const json_t *v = json_object_get(json, "resample");
    if (v != NULL && !json_is_null(v) && !(json_is_integer(v) && json_integer_value(v) == 3))
        return wrong(err, "resample", "only 3 (bicubic) is supported; write 3");
    const char *type = json_string_value(json_object_get(json, "image_processor_type"));
    if (type != NULL && strncmp(type, "Qwen2VLImageProcessor", strlen("Qwen2VLImageProcessor")) != 0)
        return rt_fail(err, RT_ERR_FILE,
                       "preprocessor_config.json: image_processor_type: \"%.60s\" is not supported; use "
                       "a model with Qwen2VLImageProcessor",
                       type);
    return RT_OK;
}

static rt_status read_json(struct rt_image_rules *rules, struct settings *set, const json_t *json,
                           struct rt_error *err)
{
    const json_t *nested = json_object_get(json, "image_processor");
    if (json_is_object(nested))
        json = nested;
    RT_TRY(refuse_others(json, err));
    RT_TRY(read_areas(rules, json, err));
    RT_TRY(read_side(json, "patch_size", &rules->patch, err));
    RT_TRY(read_side(json, "merge_size", &rules->merge, err));
    RT_TRY(read_side(json, "temporal_patch_size", &rules->temporal, err));
    RT_TRY(read_triple(json, "image_mean", set->mean, err));
    RT_TRY(read_triple(json, "image_std", set->std, err));
    const json_t *v = json_object_get(json, "rescale_factor");
    if (v != NULL && !json_is_null(v))
        set->rescale = json_number_value(v);
    if (!(set->rescale > 0))
        return wrong(err, "rescale_factor", "is not a number over 0");
    for (int c = 0; c < 3; c++)
        if (!(set->std[c] > 0))
            return wrong(err, "image_std", "is not a list of three numbers over 0");
    return RT_OK;
}

/*
 * torchvision: (byte - mean / r) / (std / r), with mean / r and std / r rounded to float.
 * Pillow:      t = float(byte * r) with the product in double; (t - mean) / std in float.
 */
static void fill_lut(struct rt_image_rules *rules, const struct settings *set)
{
    const float widen = (float)(1.0 / set->rescale);
    for (int c = 0; c < 3; c++) {
        const float mean = (float)set->mean[c], std = (float)set->std[c];
        const float wide_mean = mean * widen, wide_std = std * widen;
        for (int v = 0; v < 256; v++) {
            const float small = (float)(v * set->rescale);
            rules->lut[c][v] = rules->torch_resize ? ((float)v - wide_mean) / wide_std : (small - mean) / std;
        }
    }
}

rt_status rt_image_rules_read(struct rt_image_rules *rules, const char *json, size_t bytes, bool torch_resize,
                              int64_t image_max_pixels, int64_t image_min_pixels, struct rt_error *err)
{
    struct rt_image_rules made = { .image_max_pixels = image_max_pixels,
                                   .image_min_pixels = image_min_pixels,
                                   .max_pixels = 28 * 28 * 1280,
                                   .min_pixels = 56 * 56,
                                   .patch = 14,
                                   .merge = 2,
                                   .temporal = 2,
                                   .torch_resize = torch_resize };
    struct settings set = { { 0.48145466, 0.4578275, 0.40821073 },
                            { 0.26862954, 0.26130258, 0.27577711 },
                            1 / 255.0 };
    if (json != NULL) {
        json_error_t bad;
        json_t *root = json_loadb(json, bytes, 0, &bad);
        if (root == NULL)
            return rt_fail(err, RT_ERR_FILE, "preprocessor_config.json:%d: %s", bad.line, bad.text);
        const rt_status st = json_is_object(root)
                                 ? read_json(&made, &set, root, err)
                                 : rt_fail(err, RT_ERR_FILE, "preprocessor_config.json: is no object");
        json_decref(root);
        RT_TRY(st);
    }
    fill_lut(&made, &set);
    *rules = made;
    return RT_OK;
}
