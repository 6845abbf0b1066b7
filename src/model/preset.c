/* preset.c - sizes of model folders: small ones for trials and tests, and the published sizes. */
#include "config.h"
#include "model/model.h"
#include "model/preset.h"

#include <stdio.h>
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
/* clang-format on */

const struct rt_preset *rt_preset_find(const char *name)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        if (strcmp(presets[i].name, name) == 0)
            return &presets[i];
    return NULL;
}

const char *rt_init_presets(char text[RT_PRESETS_CHARS])
{
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof presets / sizeof *presets && n < RT_PRESETS_CHARS; i++)
        n += (size_t)snprintf(text + n, RT_PRESETS_CHARS - n, "%s%s", n > 0 ? ", " : "", presets[i].name);
    return text;
}

rt_status rt_init_preset_check(const char *preset, struct rt_error *err)
{
    char all[RT_PRESETS_CHARS];
    return rt_preset_find(preset) != NULL
               ? RT_OK
               : rt_fail(err, RT_ERR_USAGE, "init: there is no preset \"%s\"; presets are %s", preset,
                         rt_init_presets(all));
}
