/* preset.h - sizes of the model folders that `ranktune init` makes. Private to model. */
#ifndef RT_MODEL_PRESET_H
#define RT_MODEL_PRESET_H

#include "model/arch.h"

#include <stdbool.h>
#include <stdint.h>

struct rt_preset {
    const char *name;
    enum rt_family family;
    bool tied;
    int32_t hidden, intermediate, layers, heads, kv_heads, mrope_section[3];
    int32_t vocab; /* 0: as many as the tokenizer needs, rounded up to 64 */
    int32_t depth, width, mlp, vision_heads, full_blocks[4], fulls; /* mlp of Qwen2-VL: 4 width */
    double spread; /* standard deviation of the random matrices */
};

/* NULL if there is no such preset. */
const struct rt_preset *rt_preset_find(const char *name);

#endif
