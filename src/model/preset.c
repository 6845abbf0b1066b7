/* preset.c - sizes of model folders: small ones for trials and tests, and the published sizes. */
#include "config.h"
#include "model/model.h"
#include "model/preset.h"

#include <string.h>

/* clang-format off */
static const struct rt_preset presets[] = {
    { "small25", RT_QWEN2_5_VL, false, 64, 160, 3, 4, 2, { 2, 3, 3 }, 0, 4, 48, 100, 3, { 1, 3 }, 2, 0.08 },
    { "small25tied", RT_QWEN2_5_VL, true, 96, 232, 2, 6, 2, { 2, 3, 3 }, 0, 3, 64, 84, 4, { 2 }, 1, 0.08 },
    { "small2", RT_QWEN2_VL, true, 64, 160, 3, 4, 2, { 2, 3, 3 }, 0, 3, 48, 192, 3, { 0 }, 0, 0.08 },
    { "qwen2-vl-2b", RT_QWEN2_VL, true, 1536, 8960, 28, 12, 2, { 16, 24, 24 }, 151936, 32, 1280, 5120, 16, { 0 }, 0, 0.02 },
    { "qwen2-vl-7b", RT_QWEN2_VL, false, 3584, 18944, 28, 28, 4, { 16, 24, 24 }, 152064, 32, 1280, 5120, 16, { 0 }, 0, 0.02 },
    { "3b", RT_QWEN2_5_VL, true, 2048, 11008, 36, 16, 2, { 16, 24, 24 }, 151936, 32, 1280, 3420, 16, { 7, 15, 23, 31 }, 4, 0.02 },
    { "7b", RT_QWEN2_5_VL, false, 3584, 18944, 28, 28, 4, { 16, 24, 24 }, 152064, 32, 1280, 3420, 16, { 7, 15, 23, 31 }, 4, 0.02 },
    { "32b", RT_QWEN2_5_VL, false, 5120, 27648, 64, 40, 8, { 16, 24, 24 }, 152064, 32, 1280, 3456, 16, { 7, 15, 23, 31 }, 4, 0.02 },
    { "72b", RT_QWEN2_5_VL, false, 8192, 29568, 80, 64, 8, { 16, 24, 24 }, 152064, 32, 1280, 3456, 16, { 7, 15, 23, 31 }, 4, 0.02 },
};
static const char *const names[] = { "small25", "small25tied", "small2", "qwen2-vl-2b", "qwen2-vl-7b", "3b", "7b", "32b",
                                     "72b", NULL };
/* clang-format on */

const struct rt_preset *rt_preset_find(const char *name)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        if (strcmp(presets[i].name, name) == 0)
            return &presets[i];
    return NULL;
}

const char *const *rt_init_presets(void)
{
    return names;
}
