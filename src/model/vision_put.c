/* vision_put.c - the pictures of a batch from host memory to patch rows where the exec runs, with the tables of
 * their order. */
#include "config.h"
#include "model/state.h"

#include <stdlib.h>

static int64_t cells_of(const struct rt_model *m)
{
    return m->config.vision.merge * m->config.vision.merge;
}

static int64_t half_of(const struct rt_model *m)
{
    return m->config.vision.width / m->config.vision.heads / 2;
}

/*
 * Parts begin at addresses of the same alignment, since cuBLAS goes by it when it chooses how to multiply: rows
 * of pixels and of features are counted in steps of as many as make a multiple of ALIGN bytes.
 */
enum { ALIGN = 256 };

static int64_t step_of(const struct rt_model *m, int64_t elements)
{
    int64_t step = 1;
    while (step * elements * (int64_t)m->ex->act_bytes % ALIGN != 0)
        step *= 2;
    return step;
}

static int64_t up_to(int64_t row, int64_t step)
{
    return (row + step - 1) / step * step;
}

int64_t rt_vision_put_patches(const struct rt_model *m)
{
    return m->limits.patches + m->limits.pictures * (step_of(m, m->vision.patch.in) - 1);
}

int64_t rt_vision_put_units(const struct rt_model *m)
{
    return m->limits.patches / cells_of(m) + m->limits.pictures * (step_of(m, m->vision.fc2.out) - 1);
}

/* Most entries of the tables of segments: a part has one more than it has segments, and a window at least a
 * cell. */
static size_t full_entries(const struct rt_model *m)
{
    return 2 * (size_t)m->limits.pictures + 1;
}

static size_t window_entries(const struct rt_model *m)
{
    return (size_t)(m->limits.patches / cells_of(m) + m->limits.pictures) + 1;
}

rt_status rt_vision_put_init(struct rt_model *m, struct rt_error *err)
{
    const size_t units = (size_t)(m->limits.patches / cells_of(m)), half = (size_t)half_of(m);
    const size_t table = (size_t)rt_vision_put_patches(m) * half;
    const int64_t cells =
        m->limits.max_picture_patches; /* a picture is at most this many patches high or wide */
    struct rt_staging *h = &m->host;
    h->order.unit = malloc((units + 1) * sizeof(int32_t));
    h->order.where = malloc((units + 1) * sizeof(int32_t));
    h->order.full_cu = malloc(full_entries(m) * sizeof(int32_t));
    h->order.window_cu = malloc(window_entries(m) * sizeof(int32_t));
    h->vision_cos = calloc(table + 1, sizeof(float));
    h->vision_sin = calloc(table + 1, sizeof(float));
    m->part = calloc((size_t)m->limits.pictures + 1, sizeof *m->part);
    if (h->order.unit == NULL || h->order.where == NULL || h->order.full_cu == NULL ||
        h->order.window_cu == NULL || h->vision_cos == NULL || h->vision_sin == NULL || m->part == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of host memory for the staging of a batch");
    return rt_rope_table_init(&m->vision_rope, cells + 1, (int64_t)half / 2, 10000.0, (int64_t)half, err);
}

void rt_vision_put_free(struct rt_model *m)
{
    struct rt_staging *h = &m->host;
    free(h->order.unit);
    free(h->order.where);
    free(h->order.full_cu);
    free(h->order.window_cu);
    free(h->vision_cos);
    free(h->vision_sin);
    free(m->part);
    rt_rope_table_free(&m->vision_rope);
}

void rt_vision_put_take(struct rt_model *m, struct rt_arena *arena)
{
    const struct rt_model_config *c = &m->config;
    const size_t units = (size_t)(m->limits.patches / cells_of(m));
    const size_t table = (size_t)(rt_vision_put_patches(m) * half_of(m)) * sizeof(float);
    struct rt_inputs *in = &m->in;
    in->lut = rt_arena_take(arena, 3 * 256 * sizeof(float));
    in->rgb = rt_arena_take(arena, (size_t)m->limits.max_picture_patches *
                                       (size_t)(c->vision.patch * c->vision.patch * 3 * 2));
    in->unit = rt_arena_take(arena, units * sizeof(int32_t));
    in->full_cu = rt_arena_take(arena, full_entries(m) * sizeof(int32_t));
    in->window_cu = rt_arena_take(arena, window_entries(m) * sizeof(int32_t));
    in->vision_cos = rt_arena_take(arena, table);
    in->vision_sin = rt_arena_take(arena, table);
}

/* How much of the tables is filled, in entries: rows of pixels and of cos and sin, rows of features, cells of
 * pictures, and those of unit, full_cu and window_cu. */
struct filled {
    int64_t row, feature, cell, unit, full, window;
};

/* Rotary rows of the pictures of a part, written where the window order puts them. */
static void rope(struct rt_model *m, const struct rt_batch *b, const struct rt_window_order *o,
                 const struct filled *at)
{
    struct rt_staging *h = &m->host;
    const int64_t merge = m->config.vision.merge, cells = cells_of(m), half = half_of(m);
    const int32_t *where = o->where;
    for (int64_t i = 0; i < b->pictures; i++) {
        const int64_t rows = b->picture[i].grid_h / merge, cols = b->picture[i].grid_w / merge;
        for (int64_t cell = 0; cell < rows * cols; cell++) {
            const int64_t y = cell / cols * merge, x = cell % cols * merge;
            const int64_t row = at->row + (*where++ - at->feature) * cells;
            for (int64_t k = 0; k < cells; k++)
                rt_rope_vision_row(&m->vision_rope, y + k / merge, x + k % merge,
                                   h->vision_cos + (row + k) * half, h->vision_sin + (row + k) * half);
        }
    }
}

/* The order of the pictures of b behind what is filled; their features begin at at->feature. */
static struct rt_window_order order(struct rt_model *m, const struct rt_batch *b, struct filled *at)
{
    const struct rt_window_order *h = &m->host.order;
    struct rt_window_order o = { .unit = h->unit + at->unit,
                                 .where = h->where + at->cell,
                                 .full_cu = h->full_cu + at->full,
                                 .window_cu = h->window_cu + at->window };
    rt_window_order(&o, &m->config, b);
    at->feature = up_to(at->feature, step_of(m, m->vision.fc2.out));
    for (int64_t i = 0; i < o.units; i++)
        o.where[i] += (int32_t)at->feature;
    at->cell += o.units;
    return o;
}

/* A part of the pictures of b, and its tables. */
static void fill_part(struct rt_model *m, const struct rt_batch *b, struct filled *at)
{
    const struct rt_inputs *in = &m->in;
    const int64_t cells = cells_of(m), half = half_of(m);
    const struct rt_window_order o = order(m, b, at);
    at->row = up_to(at->row, step_of(m, m->vision.patch.in));
    rope(m, b, &o, at);
    const float *cos = in->vision_cos + at->row * half, *sin = in->vision_sin + at->row * half;
    m->part[m->parts++] = (struct rt_vision_part){
        .patches = o.units * cells,
        .feature = at->feature,
        .row = at->row,
        .order = in->unit + at->unit,
        .full = { o.units * cells, cos, sin, in->full_cu + at->full, o.full_cu, b->pictures, o.full_max },
        .window = { o.units * cells, cos, sin, in->window_cu + at->window, o.window_cu, o.windows,
                    o.window_max },
        .number = b->picture->number,
        .file = b->picture->file,
    };
    at->row += o.units * cells;
    at->feature += o.units;
    at->unit += o.units;
    at->full += b->pictures + 1;
    at->window += o.windows + 1;
}

static rt_status put_tables(struct rt_model *m, const struct filled *filled)
{
    struct rt_exec *ex = m->ex;
    const struct rt_staging *h = &m->host;
    const struct rt_inputs *in = &m->in;
    const size_t table = (size_t)(filled->row * half_of(m)) * sizeof(float);
    RT_TRY(rt_exec_put(ex, in->unit, h->order.unit, (size_t)filled->unit * sizeof(int32_t)));
    RT_TRY(rt_exec_put(ex, in->full_cu, h->order.full_cu, (size_t)filled->full * sizeof(int32_t)));
    RT_TRY(rt_exec_put(ex, in->window_cu, h->order.window_cu, (size_t)filled->window * sizeof(int32_t)));
    RT_TRY(rt_exec_put(ex, in->vision_cos, h->vision_cos, table));
    return rt_exec_put(ex, in->vision_sin, h->vision_sin, table);
}

/* Frames of a picture to its patch rows. */
static rt_status put_pixels(struct rt_model *m, const struct rt_picture *p, int64_t row)
{
    struct rt_exec *ex = m->ex;
    const size_t bytes = (size_t)p->height * (size_t)p->width * 3;
    const bool still = p->rgb[0] == p->rgb[1];
    RT_TRY(rt_exec_put(ex, m->in.rgb, p->rgb[0], bytes));
    if (!still)
        RT_TRY(rt_exec_put(ex, m->in.rgb + bytes, p->rgb[1], bytes));
    return ex->ops->patchify(ex, rt_at(ex, m->vision_acts.pixels, row * m->vision.patch.in), m->in.rgb,
                             m->in.rgb + (still ? 0 : bytes), m->in.lut, p->grid_h, p->grid_w,
                             m->config.vision.patch, m->config.vision.merge);
}

/* A picture of a frozen tower: its features, or a part of its own. */
static rt_status put_picture(struct rt_model *m, const struct rt_picture *p, struct filled *at)
{
    const struct rt_batch one = { .pictures = 1, .picture = (struct rt_picture *)(uintptr_t)p };
    const void *kept = p->features != NULL ? p->features : rt_vision_saved_now(m, p);
    if (kept == NULL) {
        fill_part(m, &one, at);
        return put_pixels(m, p, m->part[m->parts - 1].row);
    }
    const int64_t units = order(m, &one, at).units, width = m->vision.fc2.out;
    rt_act *features = rt_at(m->ex, m->vision_acts.features, at->feature * width);
    at->feature += units;
    return rt_exec_put(m->ex, features, kept, (size_t)(units * width) * m->ex->act_bytes);
}

/* The pictures of a tower that learns: one part. */
static rt_status put_all(struct rt_model *m, const struct rt_batch *batch, struct filled *at)
{
    int64_t row = 0;
    fill_part(m, batch, at);
    for (int64_t i = 0; i < batch->pictures; i++) {
        RT_TRY(put_pixels(m, &batch->picture[i], row));
        row += (int64_t)batch->picture[i].grid_h * batch->picture[i].grid_w;
    }
    return RT_OK;
}

rt_status rt_vision_put(struct rt_model *m, const struct rt_batch *batch)
{
    struct filled at = { 0 };
    m->pictures = batch->pictures;
    m->parts = 0;
    RT_TRY(rt_vision_saved_flush(m));
    if (batch->pictures > 0 && m->vision.learns)
        RT_TRY(put_all(m, batch, &at));
    for (int64_t i = 0; i < batch->pictures && !m->vision.learns; i++)
        RT_TRY(put_picture(m, &batch->picture[i], &at));
    return m->parts > 0 ? put_tables(m, &at) : RT_OK;
}
