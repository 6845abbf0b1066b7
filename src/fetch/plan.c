/* plan.c - before anything comes: which files, which of them are here and right, and whether the rest fits. */
#include "config.h"
#include "fetch/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int larger_first(const void *a, const void *b)
{
    const struct rt_item *x = *(struct rt_item *const *)a, *y = *(struct rt_item *const *)b;
    if (x->file->size != y->file->size)
        return x->file->size < y->file->size ? 1 : -1;
    return x < y ? -1 : x > y;
}

static rt_status none_matches(const struct rt_run *run, struct rt_error *err)
{
    char names[900] = "";
    size_t used = 0;
    for (int64_t i = 0; i < run->list.files && used < sizeof names - 100; i++) {
        const int n =
            snprintf(names + used, sizeof names - used, "%s%.80s", i == 0 ? "" : ", ", run->list.file[i].path);
        used += (size_t)n;
    }
    return run->list.files == 0
               ? rt_fail(err, RT_ERR_FILE, "%s at revision %s has no files", run->opt->repo, run->opt->revision)
               : rt_fail(err, RT_ERR_USAGE,
                         "no file of %s is asked for by --include and --exclude; it has %s%s", run->opt->repo,
                         names, used >= sizeof names - 100 ? ", ..." : "");
}

rt_status rt_plan_choose(struct rt_run *run, struct rt_error *err)
{
    const struct rt_fetch_options *o = run->opt;
    run->item = calloc((size_t)run->list.files + 1, sizeof *run->item);
    run->order = calloc((size_t)run->list.files + 1, sizeof(struct rt_item *));
    if (run->item == NULL || run->order == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a list of files");
    for (int64_t i = 0; i < run->list.files; i++)
        if (rt_listing_wanted(run->list.file[i].path, o->include, o->includes, o->exclude, o->excludes))
            run->item[run->items++].file = &run->list.file[i];
    if (run->items == 0)
        return none_matches(run, err);
    run->count.files = run->items;
    return RT_OK;
}

/* What the comparer found of one that was here. */
static rt_status looked(struct rt_run *run, struct rt_item *item, struct rt_error *err)
{
    if (item->compare.status != RT_OK)
        return rt_fail(err, item->compare.status, "%s", item->compare.error.text);
    if (item->compare.same) {
        RT_TRY(rt_local_record(&run->local, item->file, run->list.commit, err));
        rt_item_right(run, item);
    } else {
        rt_run_say(run, true, "%s is not what the hub has (its digest is another); it is fetched anew",
                   item->name);
    }
    return RT_OK;
}

static rt_status look_at(struct rt_run *run, struct rt_item *item, struct rt_error *err)
{
    enum rt_presence presence;
    RT_TRY(rt_local_look(&run->local, item->file, &presence, err));
    const bool checkable = item->file->size >= 0 && item->file->kind != RT_DIGEST_NONE;
    if (presence == RT_PRESENT && !(run->opt->verify && checkable)) {
        rt_item_right(run, item);
    } else if (presence != RT_ABSENT) {
        item->name = rt_local_final(&run->local, item->file);
        if (item->name == NULL)
            return rt_fail(err, RT_ERR_MEMORY, "no memory for a file name");
        item->compare = (struct rt_compare){ .path = item->name, .want = item->file, .owner = item };
        run->count.bytes_to_check += item->file->size;
        run->comparing++;
        rt_comparer_put(run->comparer, &item->compare);
    }
    return RT_OK;
}

rt_status rt_plan_look(struct rt_run *run, struct rt_error *err)
{
    for (int64_t i = 0; i < run->items; i++) {
        struct rt_item *item = &run->item[i];
        run->order[i] = item;
        if (item->state == RT_ITEM_OPEN)
            RT_TRY(look_at(run, item, err));
        if (item->file->size > 0 && item->state != RT_ITEM_FAILED)
            run->count.bytes += item->file->size;
    }
    while (run->comparing > 0) {
        struct rt_compare *done = rt_comparer_take(run->comparer);
        run->count.bytes_checked = rt_comparer_bytes(run->comparer);
        if (run->watch->check != NULL)
            run->watch->check(run->watch->context, &run->count);
        if (done != NULL) {
            run->comparing--;
            RT_TRY(looked(run, done->owner, err));
        } else if (!rt_http_nap(&run->http, 0.02)) {
            return rt_fail(err, RT_STOPPED, "stopped while looking at the files that are here");
        }
    }
    qsort(run->order, (size_t)run->items, sizeof(struct rt_item *), larger_first);
    return RT_OK;
}

rt_status rt_plan_room(struct rt_run *run, struct rt_error *err)
{
    int64_t bytes = 0, open = 0;
    for (int64_t i = 0; i < run->items; i++) {
        struct rt_item *item = &run->item[i];
        if (item->state != RT_ITEM_OPEN)
            continue;
        open++;
        rt_item_hold(run, item, rt_local_held(&run->local, item->file));
        item->best = item->held;
        if (item->file->size > 0)
            bytes += item->file->size - item->held;
    }
    if (open == 0)
        return RT_OK;
    rt_run_say(run, false, "%s at %.12s: %lld files, %.1f MB; %lld are here, %.1f MB are to come",
               run->opt->repo, run->list.commit, (long long)run->items, (double)run->count.bytes / 1e6,
               (long long)run->count.files_right, (double)bytes / 1e6);
    return rt_local_room(&run->local, bytes, err);
}
