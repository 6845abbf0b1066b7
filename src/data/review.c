/* review.c - what the scan found, in numbers: for a job that is looked at before it runs. */
#include "config.h"
#include "data/state.h"

#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static rt_status review_lengths(const struct rt_data_split *s, struct rt_data_lengths *out,
                                struct rt_error *err)
{
    *out = (struct rt_data_lengths){ .rows = s->rows };
    if (s->rows == 0)
        return RT_OK;
    int32_t *sorted = malloc((size_t)s->rows * sizeof *sorted);
    if (sorted == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the lengths of %lld rows", (long long)s->rows);
    memcpy(sorted, s->lengths, (size_t)s->rows * sizeof *sorted);
    qsort(sorted, (size_t)s->rows, sizeof *sorted, by_value);
    out->low = sorted[0];
    out->high = sorted[s->rows - 1];
    out->middle = sorted[s->rows / 2];
    out->most = sorted[(s->rows * 95 - 1) / 100];
    out->bar_width = (out->high - out->low) / RT_DATA_BARS + 1;
    for (int64_t i = 0; i < s->rows; i++) {
        out->mean += (double)sorted[i] / (double)s->rows;
        out->bar[(sorted[i] - out->low) / out->bar_width]++;
    }
    free(sorted);
    return RT_OK;
}

static void review_pictures(const struct rt_store *store, struct rt_data_review *out)
{
    const struct rt_store_picture *low = NULL, *high = NULL;
    out->pictures = store->pictures;
    for (int32_t i = 0; i < store->pictures; i++) {
        const struct rt_store_picture *p = &store->picture[i];
        out->picture_tokens += p->tokens;
        low = low == NULL || p->tokens < low->tokens ? p : low;
        high = high == NULL || p->tokens > high->tokens ? p : high;
    }
    if (low == NULL)
        return;
    out->picture_low[0] = low->width;
    out->picture_low[1] = low->height;
    out->picture_high[0] = high->width;
    out->picture_high[1] = high->height;
}

rt_status rt_data_review(const struct rt_data *data, struct rt_data_review *review, struct rt_error *err)
{
    const struct rt_store *store = &data->store;
    *review = (struct rt_data_review){ .raw_rows = data->raw_rows,
                                       .bad_rows = store->bads,
                                       .cut_rows = store->cut_rows,
                                       .cut_tokens = store->cut_tokens };
    review_pictures(store, review);
    RT_TRY(review_lengths(&data->split[RT_TRAIN], &review->lengths[RT_TRAIN], err));
    return review_lengths(&data->split[RT_EVAL], &review->lengths[RT_EVAL], err);
}

const char *rt_data_bad_row(const struct rt_data *data, int64_t i, char *where, size_t bytes)
{
    const struct rt_store *store = &data->store;
    rt_data_where(data, store->bad[i].raw, where, bytes);
    return store->reasons + store->bad[i].reason;
}

rt_status rt_data_bears(const struct rt_data *data, double max_bad_rows, struct rt_error *err)
{
    struct rt_data asked = *data;
    asked.opt.max_bad_rows = max_bad_rows;
    return rt_data_check_bad(&asked, err);
}
