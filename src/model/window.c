/* window.c - the vision tower's row order. */
#include "config.h"
#include "model/window.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void append(struct rt_window_order *o, int64_t old)
{
    o->unit[o->units] = (int32_t)old;
    o->where[old] = (int32_t)o->units;
    o->units++;
}

/* One picture of h x w cells, the first of them old unit `base`, in windows of edge x edge cells. */
static void picture(struct rt_window_order *o, int64_t base, int64_t h, int64_t w, int64_t edge,
                    int64_t rows_per_unit)
{
    for (int64_t top = 0; top < h; top += edge) {
        for (int64_t left = 0; left < w; left += edge) {
            for (int64_t y = top; y < least(top + edge, h); y++)
                for (int64_t x = left; x < least(left + edge, w); x++)
                    append(o, base + y * w + x);
            const int32_t end = (int32_t)(o->units * rows_per_unit);
            const int64_t length = end - o->window_cu[o->windows];
            o->window_cu[++o->windows] = end;
            if (length > o->window_max)
                o->window_max = length;
        }
    }
}

void rt_window_order(struct rt_window_order *o, const struct rt_model_config *c, const struct rt_batch *batch)
{
    const int64_t merge = c->vision.merge, rows_per_unit = merge * merge;
    const int64_t edge =
        c->family == RT_QWEN2_5_VL ? c->vision.window / merge / c->vision.patch : INT32_MAX / 2;
    o->units = o->windows = o->full_max = o->window_max = 0;
    o->full_cu[0] = o->window_cu[0] = 0;
    for (int64_t i = 0; i < batch->pictures; i++) {
        const struct rt_picture *p = &batch->picture[i];
        const int64_t h = p->grid_h / merge, w = p->grid_w / merge;
        picture(o, o->units, h, w, edge, rows_per_unit);
        o->full_cu[i + 1] = (int32_t)(o->units * rows_per_unit);
        if (h * w * rows_per_unit > o->full_max)
            o->full_max = h * w * rows_per_unit;
    }
}
