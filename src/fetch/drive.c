/* drive.c - the loop that everything comes through: files to idle workers, ends of tries, ends of comparisons.
 */
#include "config.h"
#include "base/clock.h"
#include "fetch/run.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 50 };

static struct rt_item *next_item(struct rt_run *run)
{
    struct rt_item *item = run->again;
    if (item != NULL) {
        run->again = item->next;
        return item;
    }
    while (run->at < run->items) {
        item = run->asking ? &run->item[run->at] : run->order[run->at];
        run->at++;
        const bool known = item->file->size >= 0 && item->file->digest[0] != '\0';
        if (item->state == RT_ITEM_OPEN && !(run->asking && known))
            return item;
    }
    return NULL;
}

/* Idle workers get a file; those that waited long enough try again. */
static rt_status feed(struct rt_run *run, struct rt_error *err)
{
    const double now_s = rt_now_s();
    for (int i = 0; i < run->workers && now_s >= run->not_before_s; i++) {
        struct rt_worker *w = &run->worker[i];
        if (w->item == NULL && (w->item = next_item(run)) != NULL) {
            run->busy++;
            w->due_s = 0;
        }
        if (w->item != NULL && !w->moving && now_s >= w->due_s)
            RT_TRY(rt_worker_start(w, err));
    }
    return RT_OK;
}

static rt_status reap(struct rt_run *run, struct rt_error *err)
{
    const CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(run->multi, &left)) != NULL) {
        struct rt_worker *w = NULL;
        const CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&w);
        RT_TRY(rt_worker_end(w, code, err));
    }
    return RT_OK;
}

/* A file is whole and has been read back. */
static rt_status compared(struct rt_run *run, struct rt_item *item, struct rt_error *err)
{
    const struct rt_compare *c = &item->compare;
    const struct rt_remote *file = item->file;
    if (c->status != RT_OK)
        return rt_fail(err, c->status, "%s", c->error.text);
    if (c->same) {
        RT_TRY(rt_local_finish(&run->local, file, run->list.commit, err));
        rt_item_right(run, item);
        return RT_OK;
    }
    if (unlink(item->name) != 0)
        return rt_local_fail(err, errno, "remove", item->name);
    rt_item_hold(run, item, 0);
    item->best = 0;
    if (++item->wrong >= RT_MOST_WRONG) {
        rt_fail(err, RT_ERR_FILE,
                "%s: what came has the digest %s, and the hub's list says %s; %d times. It is not kept",
                file->path, c->found, file->digest, item->wrong);
        return rt_item_fail(run, item, err);
    }
    rt_run_say(run, true,
               "%s: what came has the digest %.12s..., and the hub's list says %.12s...; it is fetched anew",
               file->path, c->found, file->digest);
    item->next = run->again;
    run->again = item;
    return RT_OK;
}

static rt_status collect(struct rt_run *run, struct rt_error *err)
{
    struct rt_compare *done;
    while ((done = rt_comparer_take(run->comparer)) != NULL) {
        run->comparing--;
        RT_TRY(compared(run, done->owner, err));
    }
    return RT_OK;
}

static rt_status turn(struct rt_run *run, struct rt_error *err)
{
    int running;
    if (curl_multi_perform(run->multi, &running) != CURLM_OK)
        return rt_fail(err, RT_ERR_INTERNAL, "curl cannot go on");
    RT_TRY(reap(run, err));
    RT_TRY(collect(run, err));
    RT_TRY(feed(run, err)); /* before the wait: what has just become idle does not sit it out */
    if (!run->asking && run->watch->move != NULL)
        run->watch->move(run->watch->context, &run->count);
    return RT_OK;
}

static rt_status open_workers(struct rt_run *run, struct rt_error *err)
{
    run->multi = curl_multi_init();
    run->worker = calloc((size_t)run->opt->max_workers, sizeof *run->worker);
    if (run->multi == NULL || run->worker == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for requests");
    while (run->workers < run->opt->max_workers && run->workers < run->items) {
        struct rt_worker *w = &run->worker[run->workers];
        *w = (struct rt_worker){ .run = run, .fd = -1 };
        RT_TRY(rt_exchange_open(&w->x, &run->http, err));
        curl_easy_setopt(w->x.easy, CURLOPT_PRIVATE, w);
        curl_easy_setopt(w->x.easy, CURLOPT_WRITEFUNCTION, rt_worker_body);
        curl_easy_setopt(w->x.easy, CURLOPT_WRITEDATA, w);
        run->workers++;
    }
    return RT_OK;
}

static void close_workers(struct rt_run *run)
{
    for (int i = 0; i < run->workers; i++) {
        struct rt_worker *w = &run->worker[i];
        if (w->moving)
            curl_multi_remove_handle(run->multi, w->x.easy);
        if (w->fd >= 0)
            close(w->fd); /* what has come stays for the next time */
        rt_exchange_close(&w->x);
    }
    if (run->multi != NULL)
        curl_multi_cleanup(run->multi);
    free(run->worker);
    run->multi = NULL;
    run->worker = NULL;
    run->workers = 0;
    run->busy = 0;
}

rt_status rt_drive(struct rt_run *run, struct rt_error *err)
{
    run->at = 0;
    rt_status st = open_workers(run, err);
    while (st == RT_OK) {
        st = turn(run, err);
        if (st != RT_OK ||
            (run->busy == 0 && run->comparing == 0 && run->again == NULL && run->at >= run->items))
            break;
        if (*run->stop != 0) {
            st = rt_fail(err, RT_STOPPED,
                         "stopped: %lld of %lld files are here; what has come of the others is kept, and the "
                         "same command goes on from there",
                         (long long)run->count.files_right, (long long)run->items);
            break;
        }
        if (curl_multi_poll(run->multi, NULL, 0, WAIT_MS, NULL) != CURLM_OK)
            st = rt_fail(err, RT_ERR_INTERNAL, "curl cannot wait");
    }
    close_workers(run);
    return st;
}
