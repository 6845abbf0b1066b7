/* feed.h - which micro-batches come next on a rank, and which of them make one pass. */
#ifndef RT_DATA_FEED_H
#define RT_DATA_FEED_H

#include "data/assemble.h"
#include "data/state.h"

struct rt_feed {
    const struct rt_data *data;
    enum rt_split split;
    int64_t rank, merge_tokens;
    struct rt_plan_options plan;
    int64_t epoch, micro;        /* to come next */
    bool end;                    /* nothing does */
    struct rt_plan_epoch *order; /* of that epoch; NULL: not made yet */
    int64_t *rows;               /* [plan.batch] room for one micro-batch */
};

/* Start where opt says; a micro-batch behind the end of an epoch counts on into the next ones. Fails:
 * RT_ERR_INTERNAL, RT_ERR_DATA (no batch is ever filled), RT_ERR_MEMORY. */
rt_status rt_feed_open(struct rt_feed *feed, const struct rt_data *data, const struct rt_loader_options *opt,
                       struct rt_error *err);
void rt_feed_close(struct rt_feed *feed);
/* The next pass into *pass, which is empty; not to be called at the end. Fails: RT_ERR_MEMORY. */
rt_status rt_feed_next(struct rt_feed *feed, struct rt_pass *pass, struct rt_error *err);

#endif
