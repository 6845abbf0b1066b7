/* preview_json.c - a micro-batch as the reference's records write it. */
#include "config.h"
#include "base/bf16.h"
#include "data/preview.h"

#include <stdlib.h>

static void add_number(struct rt_bytes *out, bool first, long long x)
{
    rt_bytes_format(out, first ? "%lld" : ", %lld", x);
}

/* One list a row, its ids or its labels. */
static void add_rows(struct rt_bytes *out, const struct rt_data *data, const struct rt_pass *pass, bool labels)
{
    const struct rt_store *store = &data->store;
    bool first_row = true;
    for (int64_t i = 0; i < pass->rows; i++) {
        const int64_t row = pass->row[i];
        if (pass->dropped[i])
            continue;
        rt_bytes_text(out, first_row ? "[" : ", [");
        first_row = false;
        bool first = true;
        int64_t picture = store->picture_at[row];
        for (int64_t e = store->entry_at[row]; e < store->entry_at[row + 1]; e++) {
            const int32_t id = store->ids[e];
            const int32_t count =
                id == data->encoder.image_id ? store->picture[store->picture_of[picture++]].tokens : 1;
            for (int32_t k = 0; k < count; k++, first = false)
                add_number(out, first, labels && !store->learn[e] ? -100 : id);
        }
        rt_bytes_text(out, "]");
    }
}

/* A picture's pixels as the model gets them: lut values, each in two equal frames. */
struct pixels {
    int64_t seen[3][256];
    double first[8];
    int64_t pictures;
    bool bf16;
};

static double pixel(const struct pixels *px, const struct rt_data *data, int channel, int value)
{
    const float x = data->rules.lut[channel][value];
    return (double)(px->bf16 ? rt_f32_of_bf16(rt_bf16_of_f32(x)) : x);
}

static void see_picture(struct pixels *px, const struct rt_data *data, const uint8_t *rgb, int32_t width,
                        int32_t height)
{
    for (int64_t i = 0; i < (int64_t)width * height; i++)
        for (int c = 0; c < 3; c++)
            px->seen[c][rgb == NULL ? 255 : rgb[3 * i + c]] += 2;
    /* the first patch begins with its own pixels, row by row, in channel 0 */
    const int32_t patch = data->rules.patch;
    for (int32_t i = 0; i < 8 && px->pictures == 0; i++)
        px->first[i] = pixel(px, data, 0, rgb == NULL ? 255 : rgb[3 * (i / patch * width + i % patch)]);
    px->pictures++;
}

static void add_pixels(struct rt_bytes *out, const struct rt_data *data, const struct pixels *px)
{
    long double sum = 0, squares = 0;
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++) {
            const long double x = pixel(px, data, c, v), n = (long double)px->seen[c][v];
            sum += n * x;
            squares += n * x * x;
        }
    rt_bytes_repr(out, (double)sum);
    rt_bytes_text(out, ", ");
    rt_bytes_repr(out, (double)squares);
    for (int i = 0; i < 8; i++) {
        rt_bytes_text(out, ", ");
        rt_bytes_repr(out, px->first[i]);
    }
}

static void add_pictures(struct rt_bytes *out, const struct rt_data *data, const struct rt_batch *b, bool bf16)
{
    struct pixels *px = calloc(1, sizeof *px);
    if (px == NULL) {
        out->failed = 1;
        return;
    }
    px->bf16 = bf16;
    rt_bytes_text(out, ", \"grid\": [");
    for (int64_t i = 0; i < b->pictures; i++) {
        const struct rt_picture *p = &b->picture[i];
        rt_bytes_format(out, "%s[1, %d, %d]", i > 0 ? ", " : "", p->grid_h, p->grid_w);
        see_picture(px, data, p->rgb[0], p->width, p->height);
    }
    if (b->pictures == 0) {
        int32_t width, height;
        rt_data_fake_tokens(data, &width, &height);
        rt_bytes_format(out, "[1, %d, %d]", height / data->rules.patch, width / data->rules.patch);
        see_picture(px, data, NULL, width, height);
    }
    rt_bytes_text(out, "], \"pixels\": [");
    add_pixels(out, data, px);
    rt_bytes_text(out, "]");
    free(px);
}

/* The reference hands over four axes, the first a copy of time; padding is at 0. */
static void add_positions(struct rt_bytes *out, const struct rt_batch *b)
{
    rt_bytes_text(out, ", \"position_ids_sum\": [");
    for (int axis = 0; axis < 4; axis++) {
        const int32_t *at = b->positions + (axis > 0 ? axis - 1 : 0) * b->tokens;
        double sum = 0;
        for (int64_t i = 0; i < b->tokens; i++)
            sum += at[i];
        rt_bytes_text(out, axis > 0 ? ", " : "");
        rt_bytes_repr(out, sum);
    }
    rt_bytes_text(out, "]");
}

rt_status rt_preview_json(struct rt_bytes *line, const struct rt_data *data, const struct rt_pass *pass,
                          bool bf16, struct rt_error *err)
{
    int64_t *rows = malloc((size_t)(pass->rows + 1) * sizeof *rows), kept = 0;
    if (rows == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "preview: no memory");
    for (int64_t i = 0; i < pass->rows; i++)
        if (!pass->dropped[i])
            rows[kept++] = pass->row[i];
    rt_bytes_text(line, "{\"train\": true, \"ids\": [");
    add_rows(line, data, pass, false);
    rt_bytes_text(line, "], \"labels\": [");
    add_rows(line, data, pass, true);
    rt_bytes_format(line, "], \"width\": %lld", (long long)rt_data_padded_width(data, rows, kept));
    add_pictures(line, data, &pass->batch, bf16);
    add_positions(line, &pass->batch);
    rt_bytes_text(line, "}");
    free(rows);
    return line->failed ? rt_fail(err, RT_ERR_MEMORY, "preview: no memory") : RT_OK;
}
