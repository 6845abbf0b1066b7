/* preview_text.c - a micro-batch for people. */
#include "config.h"
#include "data/preview.h"

#include <stdlib.h>
#include <string.h>

static rt_status add_row(struct rt_bytes *out, const struct rt_data *data, int64_t row, struct rt_error *err)
{
    const struct rt_store *store = &data->store;
    const int64_t raw = store->raw[row], trains = data->rows[0] == NULL ? 0 : rt_rows_count(data->rows[0]);
    char *text;
    RT_TRY(
        rt_row_text(data->rows[raw >= trains], raw >= trains ? raw - trains : raw, &data->encoder, &text, err));
    rt_bytes_text(out, text);
    free(text);
    for (int64_t k = store->picture_at[row]; k < store->picture_at[row + 1]; k++) {
        const struct rt_store_picture *p = &store->picture[store->picture_of[k]];
        int32_t width, height;
        RT_TRY(rt_image_header(store->paths + p->path, &width, &height, err));
        rt_bytes_format(out, "picture %lld: %s, %d x %d -> %d x %d pixels, %d tokens\n",
                        (long long)(k - store->picture_at[row]) + 1, store->paths + p->path, width, height,
                        p->width, p->height, p->tokens);
    }
    return RT_OK;
}

rt_status rt_preview_text(struct rt_bytes *text, const struct rt_data *data, const struct rt_pass *pass,
                          struct rt_error *err)
{
    const struct rt_batch *b = &pass->batch;
    rt_bytes_format(
        text,
        "== epoch %lld, micro-batch %lld, step %lld: %lld rows, %lld tokens, %lld learned, %lld pictures\n",
        (long long)pass->epoch, (long long)pass->micro,
        (long long)(pass->micro / data->opt.gradient_accumulation_steps), (long long)b->samples,
        (long long)b->tokens, (long long)b->learned, (long long)b->pictures);
    for (int64_t i = 0; i < pass->rows; i++)
        if (!pass->dropped[i])
            RT_TRY(add_row(text, data, pass->row[i], err));
    return text->failed ? rt_fail(err, RT_ERR_MEMORY, "preview: no memory") : RT_OK;
}

enum { BARS = 10, BAR = 50 };

void rt_preview_lengths(struct rt_bytes *text, const struct rt_data *data, enum rt_split split)
{
    const struct rt_data_split *s = &data->split[split];
    int64_t count[BARS] = { 0 }, most = 1;
    int32_t low = INT32_MAX, high = 0;
    double sum = 0;
    if (s->rows == 0)
        return;
    for (int64_t i = 0; i < s->rows; i++) {
        low = s->lengths[i] < low ? s->lengths[i] : low;
        high = s->lengths[i] > high ? s->lengths[i] : high;
        sum += s->lengths[i];
    }
    const int32_t step = (high - low) / BARS + 1;
    for (int64_t i = 0; i < s->rows; i++) {
        int64_t *bar = &count[(s->lengths[i] - low) / step];
        most = ++*bar > most ? *bar : most;
    }
    rt_bytes_format(text, "== %s: %lld rows of %d to %d tokens, %.1f on average\n",
                    split == RT_TRAIN ? "training" : "evaluation", (long long)s->rows, low, high,
                    sum / (double)s->rows);
    for (int i = 0; i < BARS && low + i * step <= high; i++) {
        char bar[BAR + 1] = "";
        memset(bar, '#', (size_t)((count[i] * BAR + most - 1) / most));
        rt_bytes_format(text, "%6d - %6d %8lld %s\n", low + i * step, low + (i + 1) * step - 1,
                        (long long)count[i], bar);
    }
}
