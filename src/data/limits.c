/* limits.c - sizes known before the first step: steps, the largest micro-batch, padded tokens. */
#include "config.h"
#include "data/state.h"

#include <stdlib.h>
#include <string.h>

void rt_data_plan(const struct rt_data *data, enum rt_split split, int64_t ranks, struct rt_plan_options *plan)
{
    const struct rt_data_options *opt = &data->opt;
    const bool train = split == RT_TRAIN;
    *plan = (struct rt_plan_options){
        .rows = data->split[split].rows,
        .batch = train ? opt->per_device_train_batch_size : opt->per_device_eval_batch_size,
        .accumulation = train ? opt->gradient_accumulation_steps : 1,
        .ranks = ranks,
        .drop_last = opt->dataloader_drop_last,
        .sequential = opt->disable_shuffling || (!train && !opt->group_by_length),
        .group_lengths = opt->group_by_length ? data->split[split].lengths : NULL,
        .seed = (uint64_t)opt->data_seed,
    };
    if (opt->group_by_length)
        plan->draws = (struct rt_draws){ .seed = (uint64_t)opt->seed,
                                         .evaluation = !train,
                                         .course = data->course,
                                         .rows = data->split[RT_TRAIN].rows,
                                         .eval_rows = data->split[RT_EVAL].rows,
                                         .steps_per_epoch = rt_data_steps_per_epoch(data, ranks) };
}

void rt_data_set_course(struct rt_data *data, const struct rt_data_course *course)
{
    data->course = *course;
}

int64_t rt_data_evaluations(const struct rt_data *data, int64_t step)
{
    return rt_draws_evaluations(&data->course, rt_data_steps_per_epoch(data, data->size), step);
}

int64_t rt_data_steps_per_epoch(const struct rt_data *data, int64_t ranks)
{
    const struct rt_data_options *opt = &data->opt;
    const struct rt_plan_options plan = { .rows = data->split[RT_TRAIN].rows,
                                          .batch = opt->per_device_train_batch_size,
                                          .accumulation = opt->gradient_accumulation_steps,
                                          .ranks = ranks,
                                          .drop_last = opt->dataloader_drop_last };
    return plan.rows == 0 ? 0 : rt_plan_steps(&plan);
}

int64_t rt_data_micros_per_epoch(const struct rt_data *data, enum rt_split split)
{
    struct rt_plan_options plan;
    rt_data_plan(data, split, data->size, &plan);
    return rt_plan_micros(&plan);
}

/* ---- the largest micro-batch ---- */

struct measure {
    int64_t tokens, patches, pictures, learned, picture_bytes;
};
enum { MEASURES = sizeof(struct measure) / sizeof(int64_t) };

/* heap [count] has its smallest on top: put x in its place if it is larger. */
static void keep_larger(int64_t *heap, int64_t count, int64_t x)
{
    if (x <= heap[0])
        return;
    int64_t at = 0;
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= x)
            break;
        heap[at] = heap[child];
    }
    heap[at] = x;
}

static void measure_row(const struct rt_data *data, int64_t row, struct measure *m, int64_t *largest_picture)
{
    const struct rt_store *store = &data->store;
    *m = (struct measure){ .tokens = store->length[row],
                           .learned = store->learned[row],
                           .pictures = store->picture_at[row + 1] - store->picture_at[row] };
    for (int64_t k = store->picture_at[row]; k < store->picture_at[row + 1]; k++) {
        const struct rt_store_picture *p = &store->picture[store->picture_of[k]];
        const int64_t patches = (int64_t)p->tokens * data->rules.merge * data->rules.merge;
        m->patches += patches;
        m->picture_bytes += (int64_t)rt_store_picture_bytes(p);
        *largest_picture = patches > *largest_picture ? patches : *largest_picture;
    }
}

rt_status rt_data_measure(struct rt_data *data, enum rt_split split, struct rt_error *err)
{
    struct rt_plan_options plan;
    const struct rt_data_split *s = &data->split[split];
    struct rt_data_limits most = { 0 };
    rt_data_plan(data, split, data->size, &plan);
    /* On several ranks the order wraps around: a micro-batch larger than the set holds each row `whole` times
     * or once more. */
    const bool wraps = plan.ranks > 1 && s->rows > 0;
    const int64_t whole = wraps ? plan.batch / s->rows : 0;
    const int64_t count = wraps ? plan.batch % s->rows : plan.batch < s->rows ? plan.batch : s->rows;
    int64_t *heaps = calloc((size_t)(MEASURES * (count + 1)), sizeof *heaps), sum[MEASURES] = { 0 };
    if (heaps == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to measure batches of %lld rows", (long long)plan.batch);
    for (int64_t i = 0; i < s->rows; i++) {
        struct measure m;
        int64_t value[MEASURES];
        measure_row(data, s->row[i], &m, &most.max_picture_patches);
        memcpy(value, &m, sizeof value);
        most.max_length = m.tokens > most.max_length ? m.tokens : most.max_length;
        for (int k = 0; k < MEASURES; k++) {
            sum[k] += whole * value[k];
            if (count > 0)
                keep_larger(heaps + k * count, count, value[k]);
        }
    }
    for (int k = 0; k < MEASURES; k++)
        for (int64_t i = 0; i < count; i++)
            sum[k] += heaps[k * count + i];
    free(heaps);
    struct measure m;
    memcpy(&m, sum, sizeof m);
    most.tokens = m.tokens;
    most.samples = s->rows == 0 ? 0 : wraps ? plan.batch : count;
    most.patches = m.patches;
    most.pictures = m.pictures;
    most.learned = m.learned;
    most.picture_bytes = m.picture_bytes;
    data->limits[split] = most;
    return RT_OK;
}

void rt_data_limits(const struct rt_data *data, enum rt_split split, struct rt_data_limits *limits)
{
    *limits = data->limits[split];
}

/* ---- padding ---- */

int32_t rt_data_fake_tokens(const struct rt_data *data, int32_t *width, int32_t *height)
{
    int32_t w = 0, h = 0;
    const int32_t unit = data->rules.patch * data->rules.merge;
    if (rt_image_model_size(&data->rules, 64, 64, &w, &h, NULL) != RT_OK)
        return 0; /* a square is never refused */
    if (width != NULL)
        *width = w;
    if (height != NULL)
        *height = h;
    return 2 + w / unit * (h / unit);
}

int64_t rt_data_padded_width(const struct rt_data *data, const int64_t *rows, int64_t count)
{
    const struct rt_store *store = &data->store;
    int64_t width = 0, pictures = 0;
    for (int64_t i = 0; i < count; i++) {
        pictures += store->picture_at[rows[i] + 1] - store->picture_at[rows[i]];
        width = store->length[rows[i]] > width ? store->length[rows[i]] : width;
    }
    if (pictures == 0 && count > 0) {
        const int64_t first = store->length[rows[0]] + rt_data_fake_tokens(data, NULL, NULL);
        width = first > width ? first : width;
    }
    return data->opt.do_train ? (width + 7) / 8 * 8 : width;
}

rt_status rt_data_fed_tokens(struct rt_data *data, int64_t epoch, int64_t from_micro, int64_t to_micro,
                             int64_t *padded, int64_t *real, struct rt_error *err)
{
    struct rt_plan_options plan;
    rt_data_plan(data, RT_TRAIN, data->size, &plan);
    if (data->counted == NULL || data->counted_epoch != epoch) {
        rt_plan_epoch_close(data->counted);
        data->counted = NULL;
        RT_TRY(rt_plan_epoch_open(&data->counted, &plan, epoch, err));
        data->counted_epoch = epoch;
    }
    int64_t *rows = malloc((size_t)plan.batch * sizeof *rows);
    if (rows == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a micro-batch of %lld rows", (long long)plan.batch);
    for (int64_t micro = from_micro; micro < to_micro; micro++)
        for (int64_t rank = 0; rank < plan.ranks; rank++) {
            const int64_t count = rt_plan_micro(data->counted, rank, micro, rows);
            for (int64_t i = 0; i < count; i++) {
                rows[i] = data->split[RT_TRAIN].row[rows[i]];
                *real += data->store.length[rows[i]];
            }
            padded[rank] += count * rt_data_padded_width(data, rows, count);
        }
    free(rows);
    return RT_OK;
}

void rt_data_pictures(const struct rt_data *data, int64_t *pictures, int64_t *tokens)
{
    *pictures = data->store.pictures;
    *tokens = 0;
    for (int32_t i = 0; i < data->store.pictures; i++)
        *tokens += data->store.picture[i].tokens;
}

int32_t rt_data_largest_id(const struct rt_data *data)
{
    const struct rt_store *store = &data->store;
    int32_t largest = -1;
    for (int64_t i = 0; i < store->entry_at[store->rows]; i++)
        largest = store->ids[i] > largest ? store->ids[i] : largest;
    return largest;
}
