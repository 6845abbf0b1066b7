/* arch.h - what config.json says of a model: both layouts, all spellings, checked. Private to model. */
#ifndef RT_MODEL_ARCH_H
#define RT_MODEL_ARCH_H

#include "base/status.h"
#include "checkpoint/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rt_family { RT_QWEN2_VL, RT_QWEN2_5_VL };

struct rt_model_config {
    enum rt_family family;
    enum rt_file_dtype
        dtype; /* what the file says the weights are: decides how LoRA A is rounded at the start */
    bool tied; /* lm_head shares embed_tokens */
    int64_t vocab, hidden, intermediate, layers, heads, kv_heads, head_dim;
    float rms_norm_eps;
    double rope_theta;
    int64_t mrope_section[3]; /* time, height, width; their sum is head_dim / 2 */
    int32_t image_token_id;
    struct {
        int64_t depth, width, heads, mlp, out; /* out: rows handed to the text tower, = hidden */
        int64_t patch, merge, temporal;
        int64_t window; /* pixels; Qwen2.5-VL */
        bool *full;     /* [depth] attention over the whole picture rather than windows */
    } vision;
};

/* json is config.json's text, `path` its name for messages. Fails: RT_ERR_FILE naming key and value. */
rt_status rt_model_config_read(struct rt_model_config *config, const char *json, size_t bytes, const char *path,
                               struct rt_error *err);
void rt_model_config_free(struct rt_model_config *config);

#endif
