/* feed.c - which micro-batches come next. */
#include "config.h"
#include "data/feed.h"

#include <stdlib.h>

rt_status rt_feed_open(struct rt_feed *feed, const struct rt_data *data, const struct rt_loader_options *opt,
                       struct rt_error *err)
{
    struct rt_feed f = {
        .data = data, .split = opt->split, .rank = opt->rank, .merge_tokens = opt->merge_tokens
    };
    if (opt->size < 1 || opt->rank < 0 || opt->rank >= opt->size || opt->micro < 0 || opt->epoch < 0)
        return rt_fail(err, RT_ERR_INTERNAL, "loader: rank %d of %d, epoch %lld, micro-batch %lld", opt->rank,
                       opt->size, (long long)opt->epoch, (long long)opt->micro);
    rt_data_plan(data, opt->split, opt->size, &f.plan);
    const int64_t micros = rt_plan_micros(&f.plan);
    if (micros == 0 && opt->split == RT_TRAIN)
        return rt_fail(
            err, RT_ERR_DATA,
            "%lld rows do not fill one batch on each of %d ranks and dataloader_drop_last drops the rest; "
            "write dataloader_drop_last: false, or a smaller per_device_train_batch_size",
            (long long)f.plan.rows, opt->size);
    f.epoch = opt->epoch;
    f.micro = opt->micro;
    if (opt->split == RT_TRAIN) {
        f.epoch += f.micro / micros;
        f.micro %= micros;
    }
    f.end = f.micro >= micros;
    f.rows = calloc((size_t)f.plan.batch, sizeof *f.rows);
    if (f.rows == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a micro-batch of %lld rows", (long long)f.plan.batch);
    *feed = f;
    return RT_OK;
}

void rt_feed_close(struct rt_feed *feed)
{
    rt_plan_epoch_close(feed->order);
    free(feed->rows);
    *feed = (struct rt_feed){ .end = true };
}

/* Add the next micro-batch; *full instead when merging leaves no room for it. */
static rt_status add_micro(struct rt_feed *f, struct rt_pass *pass, int64_t *tokens, bool *full,
                           struct rt_error *err)
{
    const struct rt_store *store = &f->data->store;
    const struct rt_data_split *split = &f->data->split[f->split];
    const int64_t count = rt_plan_micro(f->order, f->rank, f->micro, f->rows);
    int64_t more = 0;
    for (int64_t i = 0; i < count; i++) {
        f->rows[i] = split->row[f->rows[i]];
        more += store->length[f->rows[i]];
    }
    *full = pass->micros > 0 && *tokens + more > f->merge_tokens;
    if (*full)
        return RT_OK;
    RT_TRY(rt_pass_add(pass, store, f->rows, count, err));
    *tokens += more;
    f->micro++;
    return RT_OK;
}

rt_status rt_feed_next(struct rt_feed *feed, struct rt_pass *pass, struct rt_error *err)
{
    const int64_t micros = rt_plan_micros(&feed->plan);
    bool full = false;
    int64_t tokens = 0;
    if (feed->order == NULL)
        RT_TRY(rt_plan_epoch_open(&feed->order, &feed->plan, feed->epoch, err));
    pass->epoch = feed->epoch;
    pass->micro = feed->micro;
    pass->step_micros = rt_plan_micros_of_step(&feed->plan, feed->micro);
    while (!full && feed->micro < micros) {
        RT_TRY(add_micro(feed, pass, &tokens, &full, err));
        if (feed->split == RT_TRAIN && feed->micro % feed->plan.accumulation == 0)
            break; /* the step is complete */
    }
    if (feed->micro == micros) {
        rt_plan_epoch_close(feed->order);
        feed->order = NULL;
        feed->micro = 0;
        feed->epoch++;
        feed->end = feed->split == RT_EVAL;
    }
    return RT_OK;
}
