/* test_window.c - the vision tower's window order against the reference's for a picture of 10 x 22 patches. */
#include "config.h"
#include "model/window.h"
#include "tap.h"

/* get_vision_window_index of transformers 5.6.0, grid (1, 10, 22), window 112, patch 14, merge 2 */
static const int32_t want[55] = { 0,  1,  2,  3,  11, 12, 13, 14, 22, 23, 24, 25, 33, 34, 35, 36, 4,  5,  6,
                                  7,  15, 16, 17, 18, 26, 27, 28, 29, 37, 38, 39, 40, 8,  9,  10, 19, 20, 21,
                                  30, 31, 32, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54 };
static const int32_t want_cu[7] = { 0, 64, 128, 176, 192, 208, 220 };

int main(void)
{
    struct rt_model_config c = { .family = RT_QWEN2_5_VL };
    c.vision.patch = 14;
    c.vision.merge = 2;
    c.vision.window = 112;
    struct rt_picture picture[2] = { { .grid_h = 10, .grid_w = 22 }, { .grid_h = 4, .grid_w = 6 } };
    const struct rt_batch batch = { .pictures = 2, .picture = picture, .patches = 220 + 24 };
    int32_t unit[61], where[61], full_cu[3], window_cu[62];
    struct rt_window_order o = { .unit = unit, .where = where, .full_cu = full_cu, .window_cu = window_cu };
    rt_window_order(&o, &c, &batch);
    int same = 1, back = 1;
    for (int i = 0; i < 55; i++)
        same &= unit[i] == want[i];
    for (int i = 0; i < 61; i++)
        back &= unit[where[i]] == i;
    ok(same, "units of the first picture in window order");
    ok(back, "where is the inverse of unit for all %lld units", (long long)o.units);
    int cu = 1;
    for (int i = 0; i < 7; i++)
        cu &= window_cu[i] == want_cu[i];
    ok(cu && window_cu[7] == 244 && o.windows == 7, "window boundaries in rows, %lld windows",
       (long long)o.windows);
    ok(full_cu[1] == 220 && full_cu[2] == 244 && o.full_max == 220 && o.window_max == 64,
       "picture boundaries in rows");
    c.family = RT_QWEN2_VL;
    rt_window_order(&o, &c, &batch);
    int natural = 1;
    for (int i = 0; i < 61; i++)
        natural &= unit[i] == i && where[i] == i;
    ok(natural, "Qwen2-VL keeps the natural order");
    return tap_done();
}
