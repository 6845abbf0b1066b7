/* body.c - the bytes of an answer into the partial file, if they are the ones that were asked for. */
#include "config.h"
#include "fetch/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool trouble(struct rt_worker *w, enum rt_trouble kind)
{
    w->trouble = kind;
    return false;
}

static bool disk(struct rt_worker *w, int code)
{
    w->disk_code = code;
    return trouble(w, RT_TROUBLE_DISK);
}

static bool empty(struct rt_worker *w)
{
    while (ftruncate(w->fd, 0) != 0)
        if (errno != EINTR)
            return disk(w, errno);
    rt_item_hold(w->run, w->item, 0);
    return true;
}

/* Before the first byte: is it the whole file, the part that was asked for, or neither? */
static bool begin(struct rt_worker *w)
{
    struct rt_item *item = w->item;
    const struct rt_reply *r = &w->x.reply;
    const int64_t size = item->file->size;
    w->begun = true;
    w->discard = r->status != 200 && r->status != 206; /* words of a refusal or a redirect */
    if (w->discard)
        return true;
    if (r->status == 206) {
        const bool same = item->etag[0] == '\0' || r->etag[0] == '\0' || strcmp(item->etag, r->etag) == 0;
        if (w->x.range[0] == '\0' || r->range_first != item->held || (size >= 0 && r->range_total != size) ||
            !same)
            return trouble(w, RT_TROUBLE_RANGE);
    } else {
        if (size >= 0 && r->length >= 0 && r->length != size)
            return trouble(w, RT_TROUBLE_SIZE);
        if (item->held > 0 && !empty(w)) /* all of it comes, though a part was asked for */
            return false;
    }
    snprintf(item->etag, sizeof item->etag, "%s",
             r->etag[0] == '"' ? r->etag : ""); /* a weak tag is of no use here */
    return true;
}

size_t rt_worker_body(char *data, size_t one, size_t count, void *user)
{
    struct rt_worker *w = user;
    const size_t bytes = one * count;
    if (!w->begun && !begin(w))
        return 0;
    if (w->discard)
        return bytes;
    struct rt_item *item = w->item;
    if (item->file->size >= 0 && (int64_t)bytes > item->file->size - item->held) {
        trouble(w, RT_TROUBLE_SIZE);
        return 0;
    }
    for (size_t done = 0; done < bytes;) {
        const ssize_t put = pwrite(w->fd, data + done, bytes - done, (off_t)item->held);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            disk(w, put < 0 ? errno : EIO);
            return 0;
        }
        done += (size_t)put;
        rt_item_hold(w->run, item, item->held + put);
        w->run->count.fetched += put;
    }
    return bytes;
}
