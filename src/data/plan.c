/* plan.c - the reference's order of rows: permutations, grouping by length, sharding over ranks, the split. */
#include "config.h"
#include "data/plan.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

struct rt_plan_epoch {
    struct rt_plan_options opt;
    int64_t *order; /* [rows]; NULL: 0, 1, 2, ... */
};

int64_t rt_plan_micros(const struct rt_plan_options *opt)
{
    const int64_t batches = opt->rows / opt->batch + (!opt->drop_last && opt->rows % opt->batch != 0);
    return batches / opt->ranks + (!opt->drop_last && batches % opt->ranks != 0);
}

int64_t rt_plan_steps(const struct rt_plan_options *opt)
{
    const int64_t micros = rt_plan_micros(opt);
    const int64_t steps = micros / opt->accumulation + (micros % opt->accumulation != 0);
    return steps > 1 ? steps : 1;
}

int64_t rt_plan_micros_of_step(const struct rt_plan_options *opt, int64_t micro)
{
    const int64_t left = rt_plan_micros(opt) - micro / opt->accumulation * opt->accumulation;
    return left < opt->accumulation ? left : opt->accumulation;
}

struct by_length {
    int32_t length;
    int64_t at; /* place before sorting: equal lengths keep their order */
    int64_t row;
};

static int longest_first(const void *a, const void *b)
{
    const struct by_length *x = a, *y = b;
    if (x->length != y->length)
        return x->length > y->length ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Sort each mega-batch of order by length, then exchange the very first row for the longest of all. */
static rt_status group(int64_t *order, const struct rt_plan_options *opt, struct rt_error *err)
{
    const int64_t step = opt->batch * opt->accumulation;
    int64_t times = opt->rows / (step * 4);
    times = times > 50 ? 50 : times < 1 ? 1 : times;
    const int64_t mega = times * step < opt->rows ? times * step : opt->rows;
    struct by_length *sort = malloc((size_t)mega * sizeof *sort);
    if (sort == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "group_by_length: no memory to sort %lld rows", (long long)mega);
    int64_t longest = 0; /* where the mega-batch with the longest row starts */
    for (int64_t start = 0; start < opt->rows; start += mega) {
        const int64_t n = opt->rows - start < mega ? opt->rows - start : mega;
        for (int64_t i = 0; i < n; i++)
            sort[i] = (struct by_length){ opt->group_lengths[order[start + i]], i, order[start + i] };
        qsort(sort, (size_t)n, sizeof *sort, longest_first);
        for (int64_t i = 0; i < n; i++)
            order[start + i] = sort[i].row;
        if (opt->group_lengths[order[start]] > opt->group_lengths[order[longest]])
            longest = start;
    }
    const int64_t first = order[0];
    order[0] = order[longest];
    order[longest] = first;
    free(sort);
    return RT_OK;
}

rt_status rt_plan_epoch_open(struct rt_plan_epoch **epoch, const struct rt_plan_options *opt, int64_t number,
                             struct rt_error *err)
{
    if (opt->rows < 1 || opt->batch < 1 || opt->accumulation < 1 || opt->ranks < 1 || number < 0)
        return rt_fail(err, RT_ERR_INTERNAL,
                       "plan: %lld rows, batch %lld, accumulation %lld, %lld ranks, epoch %lld",
                       (long long)opt->rows, (long long)opt->batch, (long long)opt->accumulation,
                       (long long)opt->ranks, (long long)number);
    struct rt_plan_epoch *e = malloc(sizeof *e);
    int64_t *order = opt->sequential ? NULL : malloc((size_t)opt->rows * sizeof *order);
    if (e == NULL || (order == NULL && !opt->sequential)) {
        free(order);
        free(e);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the order of %lld rows", (long long)opt->rows);
    }
    struct rt_mt19937 g;
    if (!opt->sequential && opt->group_lengths == NULL) {
        rt_mt19937_seed(&g, opt->seed + (uint64_t)number);
        rt_torch_randperm(&g, order, opt->rows);
    } else if (!opt->sequential) {
        rt_draws_until(&g, &opt->draws, number);
        rt_torch_randperm(&g, order, opt->rows);
        rt_status st = group(order, opt, err);
        if (st != RT_OK) {
            free(order);
            free(e);
            return st;
        }
    }
    e->opt = *opt;
    e->opt.group_lengths = NULL;
    e->order = order;
    *epoch = e;
    return RT_OK;
}

void rt_plan_epoch_close(struct rt_plan_epoch *epoch)
{
    if (epoch == NULL)
        return;
    free(epoch->order);
    free(epoch);
}

int64_t rt_plan_micro(const struct rt_plan_epoch *epoch, int64_t rank, int64_t micro, int64_t *rows)
{
    const struct rt_plan_options *opt = &epoch->opt;
    const int64_t first = (micro * opt->ranks + rank) * opt->batch;
    int64_t count = opt->batch;
    if (opt->ranks == 1 && opt->rows - first < count)
        count = opt->rows - first; /* several ranks: what is missing comes from the start of the order again */
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = (first + i) % opt->rows;
        rows[i] = epoch->order == NULL ? at : epoch->order[at];
    }
    return count;
}

rt_status rt_plan_split(int64_t rows, double val_size, uint64_t seed, int64_t *train, int64_t *trains,
                        int64_t *eval, int64_t *evals, struct rt_error *err)
{
    const double want = val_size > 1 ? floor(val_size) : ceil(val_size * (double)rows);
    if (!(val_size > 0) || val_size == 1 || !(want < (double)rows))
        return rt_fail(
            err, RT_ERR_JOB,
            "val_size: %g of %lld rows leaves nothing to train on; write a share below 1, or a count from 2 "
            "to %lld",
            val_size, (long long)rows, (long long)rows - 1);
    int64_t *perm = malloc((size_t)rows * sizeof *perm);
    if (perm == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to split %lld rows", (long long)rows);
    struct rt_pcg64 g;
    rt_pcg64_seed(&g, seed);
    rt_pcg64_permutation(&g, perm, rows);
    const int64_t n = (int64_t)want;
    for (int64_t i = 0; i < n; i++)
        eval[i] = perm[i];
    for (int64_t i = n; i < rows; i++)
        train[i - n] = perm[i];
    *evals = n;
    *trains = rows - n;
    free(perm);
    return RT_OK;
}
