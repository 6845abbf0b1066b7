/* assemble.c - rows of a pass, laid end to end. */
#include "config.h"
#include "data/assemble.h"

#include "data/positions.h"

#include <stdlib.h>
#include <string.h>

rt_status rt_pass_add(struct rt_pass *pass, const struct rt_store *store, const int64_t *rows, int64_t count,
                      struct rt_error *err)
{
    int64_t pictures = 0;
    for (int64_t i = 0; i < count; i++)
        pictures += store->picture_at[rows[i] + 1] - store->picture_at[rows[i]];
    const size_t n = (size_t)(pass->rows + count), p = (size_t)(pass->pictures + pictures);
    void *row = realloc(pass->row, n * sizeof *pass->row);
    pass->row = row != NULL ? row : pass->row;
    void *micro_of = realloc(pass->micro_of, n * sizeof *pass->micro_of);
    pass->micro_of = micro_of != NULL ? micro_of : pass->micro_of;
    void *dropped = realloc(pass->dropped, n * sizeof *pass->dropped);
    pass->dropped = dropped != NULL ? dropped : pass->dropped;
    void *picture = realloc(pass->picture, (p > 0 ? p : 1) * sizeof *pass->picture);
    pass->picture = picture != NULL ? picture : pass->picture;
    if (row == NULL || micro_of == NULL || dropped == NULL || picture == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a micro-batch of %lld rows", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        pass->row[pass->rows] = rows[i];
        pass->micro_of[pass->rows] = (int32_t)pass->micros;
        pass->dropped[pass->rows] = false;
        for (int64_t k = store->picture_at[rows[i]]; k < store->picture_at[rows[i] + 1]; k++) {
            const int32_t number = store->picture_of[k];
            pass->picture[pass->pictures++] = (struct rt_pass_picture){ .number = number, .row = pass->rows };
            pass->picture_bytes += rt_store_picture_bytes(&store->picture[number]);
        }
        pass->rows++;
    }
    pass->micros++;
    return RT_OK;
}

/* Sizes of the batch, then one block that holds all its arrays. */
static rt_status lay_out(struct rt_pass *pass, const struct rt_store *store, struct rt_error *err)
{
    struct rt_batch b = { .micros = pass->micros };
    for (int64_t i = 0; i < pass->rows; i++) {
        const int64_t row = pass->row[i];
        if (pass->dropped[i])
            continue;
        b.samples++;
        b.tokens += store->length[row];
        b.learned += store->learned[row];
        b.pictures += store->picture_at[row + 1] - store->picture_at[row];
        b.max_length = store->length[row] > b.max_length ? store->length[row] : b.max_length;
    }
    if (b.tokens > INT32_MAX)
        return rt_fail(err, RT_ERR_INTERNAL, "a pass of %lld tokens", (long long)b.tokens);
    const size_t tokens = (size_t)b.tokens, learned = (size_t)b.learned, samples = (size_t)b.samples;
    const size_t words = 5 * tokens + 4 * learned + samples + 1;
    char *block = malloc((size_t)b.pictures * sizeof *b.picture + words * sizeof(int32_t));
    if (block == NULL)
        return rt_fail(err, RT_ERR_MEMORY,
                       "no memory for a pass of %zu tokens; write a smaller "
                       "per_device_train_batch_size",
                       tokens);
    b.picture = (void *)block;
    b.ids = (void *)(b.picture + b.pictures);
    b.positions = b.ids + tokens;
    b.image_rows = b.positions + 3 * tokens;
    b.offsets = b.image_rows + tokens;
    b.learned_at = b.offsets + samples + 1;
    b.targets = b.learned_at + learned;
    b.micro_of = b.targets + learned;
    b.weights = (void *)(b.micro_of + learned);
    free(pass->memory);
    pass->memory = block;
    pass->batch = b;
    return RT_OK;
}

/* How far filling has come. */
struct cursor {
    int32_t token, learned, picture, image_row;
};

static void fill_picture(struct rt_batch *b, struct cursor *at, const struct rt_store_picture *p,
                         const struct rt_pass_picture *picture, int32_t patch)
{
    b->picture[at->picture++] = (struct rt_picture){ .rgb = { picture->rgb, picture->rgb },
                                                     .height = p->height,
                                                     .width = p->width,
                                                     .grid_h = p->height / patch,
                                                     .grid_w = p->width / patch,
                                                     .number = picture->number,
                                                     .file = picture->file,
                                                     .features = picture->features };
    b->patches += (int64_t)(p->height / patch) * (p->width / patch);
}

static rt_status fill_row(struct rt_pass *pass, const struct rt_store *store, int64_t i,
                          const struct rt_pass_picture *picture, struct cursor *at, int32_t image_id,
                          int32_t patch, int32_t merge, struct rt_error *err)
{
    struct rt_batch *b = &pass->batch;
    const int64_t row = pass->row[i];
    const int32_t first = at->token, end = first + store->length[row],
                  learned_end = at->learned + store->learned[row];
    int32_t *t = b->positions, *h = t + b->tokens, *w = h + b->tokens, next = 0;
    for (int64_t e = store->entry_at[row]; e < store->entry_at[row + 1]; e++) {
        const int32_t id = store->ids[e];
        const struct rt_store_picture *p = id == image_id ? &store->picture[picture->number] : NULL;
        const int32_t count = p == NULL ? 1 : p->tokens, from = at->token;
        if (count > end - from ||
            (p != NULL && count != p->width / (patch * merge) * (p->height / (patch * merge))))
            return rt_fail(err, RT_ERR_INTERNAL, "row %lld is longer than it said", (long long)row);
        if (p == NULL) {
            rt_positions_text(t + from, h + from, w + from, 1, &next);
            b->image_rows[from] = -1;
        } else {
            rt_positions_picture(t + from, h + from, w + from, 1, p->height / (patch * merge),
                                 p->width / (patch * merge), &next);
            fill_picture(b, at, p, picture++, patch);
            for (int32_t k = 0; k < count; k++)
                b->image_rows[from + k] = at->image_row++;
        }
        for (int32_t k = 0; k < count; k++) {
            b->ids[from + k] = id;
            if (!store->learn[e] || from + k == first) /* nothing comes before a sample's first token */
                continue;
            if (at->learned == learned_end)
                return rt_fail(err, RT_ERR_INTERNAL, "row %lld has more targets than it said", (long long)row);
            b->learned_at[at->learned] = from + k - 1;
            b->targets[at->learned] = id;
            b->micro_of[at->learned++] = pass->micro_of[i];
        }
        at->token += count;
    }
    if (at->token != end || at->learned != learned_end)
        return rt_fail(err, RT_ERR_INTERNAL, "row %lld is shorter than it said", (long long)row);
    return RT_OK;
}

/* weight = 1 / (targets of the micro-batch * micro-batches of the step * ranks) */
static void weigh(struct rt_pass *pass, int64_t ranks)
{
    struct rt_batch *b = &pass->batch;
    for (int64_t from = 0, to; from < b->learned; from = to) {
        for (to = from + 1; to < b->learned && b->micro_of[to] == b->micro_of[from]; to++)
            ;
        const double share = (double)(to - from) * (double)pass->step_micros * (double)ranks;
        for (int64_t k = from; k < to; k++)
            b->weights[k] = (float)(1.0 / share);
    }
}

rt_status rt_pass_fill(struct rt_pass *pass, const struct rt_store *store, int32_t image_id, int32_t patch,
                       int32_t merge, int64_t ranks, struct rt_error *err)
{
    RT_TRY(lay_out(pass, store, err));
    struct cursor at = { 0, 0, 0, 0 };
    int64_t sample = 0;
    const struct rt_pass_picture *picture = pass->picture;
    for (int64_t i = 0; i < pass->rows; i++) {
        const int64_t row = pass->row[i];
        if (!pass->dropped[i]) {
            pass->batch.offsets[sample++] = at.token;
            RT_TRY(fill_row(pass, store, i, picture, &at, image_id, patch, merge, err));
        }
        picture += store->picture_at[row + 1] - store->picture_at[row];
    }
    pass->batch.offsets[sample] = at.token;
    weigh(pass, ranks);
    return RT_OK;
}

void rt_pass_free(struct rt_pass *pass)
{
    for (int64_t i = 0; i < pass->pictures; i++)
        free(pass->picture[i].features);
    free(pass->row);
    free(pass->micro_of);
    free(pass->dropped);
    free(pass->picture);
    free(pass->memory);
    *pass = (struct rt_pass){ 0 };
}
