/* patchify.c - pixels to patch rows on the CPU; contract in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"

rt_status RT_CPU(patchify)(struct rt_exec *ex, rt_act *y, const uint8_t *rgb0, const uint8_t *rgb1,
                           const float *lut, int64_t grid_h, int64_t grid_w, int64_t patch, int64_t merge)
{
    RT_TRY(rt_check(ex, "patchify",
                    grid_h >= 0 && grid_w >= 1 && patch >= 1 && merge >= 1 && patch <= 1024 &&
                        grid_h <= 1 << 20 && grid_w <= 1 << 20,
                    "not a grid of patches"));
    RT_TRY(rt_check(ex, "patchify", grid_h % merge == 0 && grid_w % merge == 0,
                    "the grid is no multiple of merge"));
    const int64_t width = grid_w * patch, across = grid_w / merge;
    const uint8_t *const frames[2] = { rgb0, rgb1 };
    const int64_t units = grid_h / merge * across, unit_elements = merge * merge * 3 * 2 * patch * patch;
    RT_EACH_ROW(ex, unit, units, unit_elements)
    {
        act *to = out(y) + unit * unit_elements; /* rows and columns come in order: patches in merge order */
        for (int64_t within = 0; within < merge * merge; within++) {
            const int64_t py = unit / across * merge + within / merge;
            const int64_t px = unit % across * merge + within % merge;
            for (int64_t c = 0; c < 3; c++)
                for (int t = 0; t < 2; t++)
                    for (int64_t row = 0; row < patch; row++) {
                        const uint8_t *from = frames[t] + ((py * patch + row) * width + px * patch) * 3 + c;
                        for (int64_t col = 0; col < patch; col++)
                            *to++ = rn(lut[c * 256 + from[3 * col]]);
                    }
        }
    }
    return RT_OK;
}
