/* worker.c - one try to get a file, from the request to what its end means. */
#include "config.h"
#include "base/clock.h"
#include "fetch/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static rt_status open_partial(struct rt_worker *w, struct rt_error *err)
{
    struct rt_run *run = w->run;
    int64_t held = 0;
    RT_TRY(rt_local_begin(&run->local, w->item->file, run->list.commit, &held, err));
    rt_item_hold(run, w->item, held);
    char *name = rt_local_partial(&run->local, w->item->file);
    if (name == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a file name");
    rt_status st = RT_OK;
    w->fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (w->fd < 0)
        st = rt_local_fail(err, errno, "write", name);
    else if (held == 0 && ftruncate(w->fd, 0) != 0)
        st = rt_local_fail(err, errno, "write", name);
    free(name);
    return st;
}

static rt_status start_over(struct rt_worker *w, struct rt_error *err)
{
    if (w->fd >= 0 && ftruncate(w->fd, 0) != 0)
        return rt_local_fail(err, errno, "empty the partial file of", w->item->file->path);
    rt_item_hold(w->run, w->item, 0);
    return RT_OK;
}

static rt_status close_partial(struct rt_worker *w, struct rt_error *err)
{
    const int fd = w->fd;
    w->fd = -1;
    if (fd >= 0 && close(fd) != 0 && errno != EINTR)
        return rt_local_fail(err, errno, "write", w->item->file->path);
    return RT_OK;
}

/* What is here already is whole, or has just become so: the digest decides. The worker is free. */
static rt_status compare(struct rt_worker *w, struct rt_error *err)
{
    struct rt_item *item = w->item;
    free(item->name);
    item->name = rt_local_partial(&w->run->local, item->file);
    if (item->name == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a file name");
    item->compare = (struct rt_compare){ .path = item->name, .want = item->file, .sync = true, .owner = item };
    w->item = NULL;
    w->run->busy--;
    w->run->comparing++;
    rt_comparer_put(w->run->comparer, &item->compare);
    return RT_OK;
}

static rt_status add_to_multi(struct rt_worker *w, struct rt_error *err)
{
    w->begun = w->discard = false;
    w->trouble = RT_TROUBLE_NONE;
    w->moving = curl_multi_add_handle(w->run->multi, w->x.easy) == CURLM_OK;
    return w->moving ? RT_OK : rt_fail(err, RT_ERR_INTERNAL, "curl takes no request");
}

rt_status rt_worker_start(struct rt_worker *w, struct rt_error *err)
{
    struct rt_run *run = w->run;
    struct rt_item *item = w->item;
    if (!run->asking) {
        RT_TRY(open_partial(w, err));
        if (item->file->size >= 0 && item->held == item->file->size && item->held > 0) {
            RT_TRY(close_partial(w, err));
            return compare(w, err);
        }
        if (item->held > 0 && item->plain)
            RT_TRY(start_over(w, err));
    }
    char *url;
    RT_TRY(rt_hub_file_url(&url, run->opt, run->list.commit, item->file->path, err));
    const rt_status st =
        rt_exchange_start(&w->x, url, run->asking, run->asking ? 0 : item->held, item->etag, err);
    free(url);
    return st == RT_OK ? add_to_multi(w, err) : st;
}

/* The file is not to be had; the worker is free. */
static rt_status give_up(struct rt_worker *w, struct rt_error *err)
{
    struct rt_item *item = w->item;
    w->item = NULL;
    w->run->busy--;
    return rt_item_fail(w->run, item, err);
}

static void wait_for_next(struct rt_worker *w, int failures, const char *reason)
{
    struct rt_run *run = w->run;
    const int64_t asked_s = w->x.reply.retry_after_s;
    const double delay_s = rt_http_delay_s(failures, asked_s);
    w->due_s = rt_now_s() + delay_s;
    if (asked_s > 0 && w->x.home && run->not_before_s < w->due_s) /* said to all of us, not to this file */
        run->not_before_s = w->due_s;
    if (failures > 0)
        rt_run_say(run, true, "%s: %s; again in %.3g s", w->item->file->path, reason, delay_s);
}

/* Another try: at once if this one brought something, later and later if not, and in the end no more. */
static rt_status again(struct rt_worker *w, const char *reason, rt_status last, struct rt_error *err)
{
    struct rt_item *item = w->item;
    w->run->count.cuts++;
    item->failures = item->held > item->best ? 0 : item->failures + 1;
    if (item->held > item->best)
        item->best = item->held;
    if (item->failures > w->run->opt->retries) {
        rt_fail(
            err, last,
            "%s: %s; %d tries in a row brought nothing. What has come is kept: the same command goes on from "
            "there",
            item->file->path, reason, item->failures);
        return give_up(w, err);
    }
    wait_for_next(w, item->failures, reason);
    return RT_OK;
}

/* What came is not what is listed. */
static rt_status wrong(struct rt_worker *w, const char *reason, struct rt_error *err)
{
    struct rt_item *item = w->item;
    w->run->count.cuts++;
    if (++item->wrong >= RT_MOST_WRONG) {
        rt_fail(err, RT_ERR_FILE, "%s: %s, %d times", item->file->path, reason, item->wrong);
        return give_up(w, err);
    }
    wait_for_next(w, item->wrong, reason);
    return RT_OK;
}

static rt_status end_in_trouble(struct rt_worker *w, struct rt_error *err)
{
    struct rt_item *item = w->item;
    const struct rt_reply *r = &w->x.reply;
    char reason[200];
    if (w->trouble == RT_TROUBLE_DISK)
        return rt_local_fail(err, w->disk_code, "write", item->name != NULL ? item->name : item->file->path);
    if (w->trouble == RT_TROUBLE_SIZE && r->status == 200 && r->length >= 0 && r->length != item->file->size)
        snprintf(reason, sizeof reason, "it is %lld bytes where it comes from, and %lld in the hub's list",
                 (long long)r->length, (long long)item->file->size);
    else if (w->trouble == RT_TROUBLE_SIZE)
        snprintf(reason, sizeof reason, "more than the %lld bytes of the hub's list came",
                 (long long)item->file->size);
    else
        snprintf(reason, sizeof reason, "another part came than was asked for");
    if (w->trouble == RT_TROUBLE_RANGE)
        item->plain = true;
    return wrong(w, reason, err);
}

static rt_status refused(struct rt_worker *w, CURLcode code, struct rt_error *err)
{
    char reason[400];
    const long status = w->x.reply.status;
    if (*w->run->stop != 0)
        return RT_OK; /* the drive loop tells */
    if (code != CURLE_OK)
        return rt_fail(err, RT_ERR_COMM, "%s: %s", w->x.url, rt_http_reason(&w->x, code, reason));
    rt_hub_refusal(w->run->opt, &w->x.reply, w->item->file->path, err);
    return status == 401 || status == 403 ? RT_ERR_FILE : give_up(w, err); /* all others would be refused too */
}

static rt_status end_ask(struct rt_worker *w, enum rt_verdict verdict, CURLcode code, struct rt_error *err)
{
    struct rt_remote *file = w->item->file;
    const struct rt_reply *r = &w->x.reply;
    char reason[400];
    const bool told = r->linked_size >= 0 && r->linked_etag[0] != '\0';
    if (verdict == RT_HTTP_AGAIN && !told)
        return again(w, rt_http_reason(&w->x, code, reason), RT_ERR_COMM, err);
    if (verdict == RT_HTTP_REFUSED && !told && r->status != 405)
        return refused(w, code, err);
    if (told || verdict == RT_HTTP_GOOD) {
        if (file->size < 0)
            file->size = told ? r->linked_size : r->length;
        if (file->digest[0] == '\0')
            rt_listing_tag(file, told ? r->linked_etag : r->etag);
        if (!told && w->x.hops == 0 && r->etag[0] == '"')
            memcpy(w->item->etag, r->etag, sizeof w->item->etag);
    }
    w->item->failures = 0;
    w->item = NULL;
    w->run->busy--;
    return RT_OK;
}

static rt_status end_move(struct rt_worker *w, enum rt_verdict verdict, CURLcode code, struct rt_error *err)
{
    struct rt_item *item = w->item;
    const int64_t size = item->file->size;
    char reason[400];
    if (w->trouble == RT_TROUBLE_RANGE || w->trouble == RT_TROUBLE_SIZE ||
        (w->x.reply.status == 416 && code == CURLE_OK))
        RT_TRY(start_over(w, err));
    RT_TRY(close_partial(w, err)); /* a full quota is told here by some file systems */
    if (w->trouble != RT_TROUBLE_NONE)
        return end_in_trouble(w, err);
    if (verdict == RT_HTTP_REFUSED)
        return refused(w, code, err);
    if (verdict == RT_HTTP_GOOD && (size < 0 || item->held == size))
        return compare(w, err);
    if (verdict == RT_HTTP_GOOD) {
        snprintf(reason, sizeof reason, "the answer ended after %lld of %lld bytes", (long long)item->held,
                 (long long)size);
        return again(w, reason, RT_ERR_FILE, err);
    }
    rt_http_reason(&w->x, code, reason);
    const bool there_not = code == CURLE_OK && w->x.reply.status < 500 && w->x.reply.status != 429;
    return again(w, reason, there_not ? RT_ERR_FILE : RT_ERR_COMM, err);
}

rt_status rt_worker_end(struct rt_worker *w, CURLcode code, struct rt_error *err)
{
    bool hop = false;
    const struct rt_reply *r = &w->x.reply;
    curl_multi_remove_handle(w->run->multi, w->x.easy);
    w->moving = false;
    const bool asked_enough = w->run->asking && r->linked_size >= 0 && r->linked_etag[0] != '\0';
    if (code == CURLE_OK && !asked_enough)
        RT_TRY(rt_exchange_redirect(&w->x, &hop, err));
    if (hop)
        return add_to_multi(w, err);
    const enum rt_verdict verdict = rt_http_verdict(&w->x, code);
    return w->run->asking ? end_ask(w, verdict, code, err) : end_move(w, verdict, code, err);
}
