/*
 * crash_replay.c - a folder as a power failure may leave it.
 *
 * What a sync made safe stands. Of the other operations on names a journal keeps all up to some moment (ext4,
 * XFS), and that is every second variant; in the others each is kept or lost for itself, save that none is kept
 * that needs a lost one: no name is taken or given before the operations on it that came first. Bytes keep no
 * order with names or with each other: each write stands, is lost, or is torn.
 */
#include "config.h"
#include "checkpoint/common.h"
#include "checkpoint/crash.h"

enum { SECTOR = 512, PAGE = 4096, QUARTERS = 4 };

struct variant {
    const struct log *log;
    int events;
    uint64_t *seed;
    int keep; /* quarters of what is not safe */
    bool safe[EVENTS_MAX];
    bool stands[EVENTS_MAX];
};

static int pick(struct variant *v, int n)
{
    return (int)(draw(v->seed) % (uint64_t)n);
}

static bool is_naming(const struct event *event)
{
    return event->kind == EVENT_MAKE || event->kind == EVENT_RENAME || event->kind == EVENT_DROP;
}

static void find_safe(struct variant *v)
{
    bool synced[NODES_MAX] = { false };
    for (int i = v->events - 1; i >= 0; i--) {
        const struct event *event = &v->log->event[i];
        if (event->kind == EVENT_SYNC)
            synced[event->node] = true;
        v->safe[i] = v->seed == NULL || (is_naming(event) && synced[event->folder]) ||
                     (event->kind == EVENT_WRITE && synced[event->node]);
        v->stands[i] = v->safe[i];
    }
}

/* All names up to some moment, which is not before the last sync of a folder. */
static void keep_in_order(struct variant *v)
{
    int from = 0;
    for (int i = 0; i < v->events; i++)
        if (is_naming(&v->log->event[i]) && v->safe[i])
            from = i;
    const int until = from + pick(v, v->events - from + 1);
    for (int i = 0; i < until; i++)
        v->stands[i] = v->stands[i] || is_naming(&v->log->event[i]);
}

static bool share_name(const struct event *a, const struct event *b)
{
    if (a->folder != b->folder)
        return false;
    const bool a_to = a->kind == EVENT_RENAME, b_to = b->kind == EVENT_RENAME;
    return strcmp(a->name, b->name) == 0 || (a_to && strcmp(a->to, b->name) == 0) ||
           (b_to && strcmp(a->name, b->to) == 0) || (a_to && b_to && strcmp(a->to, b->to) == 0);
}

static void keep_some(struct variant *v)
{
    int lost[EVENTS_MAX], count = 0;
    for (int i = 0; i < v->events; i++) {
        const struct event *event = &v->log->event[i];
        if (!is_naming(event) || v->safe[i])
            continue;
        v->stands[i] = pick(v, QUARTERS) < v->keep;
        for (int k = 0; k < count && v->stands[i]; k++)
            v->stands[i] = !share_name(event, &v->log->event[lost[k]]);
        if (!v->stands[i])
            lost[count++] = i;
    }
}

struct bytes {
    char *data;
    size_t end;
};

static void put(struct bytes *to, const char *from, size_t at, size_t bytes)
{
    if (bytes == 0)
        return;
    if (from != NULL)
        memcpy(to->data + at, from, bytes);
    else
        memset(to->data + at, 0, bytes);
    if (at + bytes > to->end)
        to->end = at + bytes;
}

/* One side of a cut at a whole sector or page; the other has the old bytes or zeros. */
static void put_torn(struct variant *v, struct bytes *to, const struct event *event)
{
    const char *from = v->log->data + event->data;
    const size_t unit = pick(v, 2) ? SECTOR : PAGE;
    const size_t inside = event->at + (size_t)(draw(v->seed) % (event->bytes + 1));
    const size_t cut = inside / unit * unit > event->at ? inside / unit * unit - event->at : 0;
    const bool head = pick(v, 2);
    if (pick(v, 2))
        put(to, NULL, event->at, event->bytes);
    if (head)
        put(to, from, event->at, cut);
    else
        put(to, from + cut, event->at + cut, event->bytes - cut);
}

static void put_write(struct variant *v, struct bytes *to, const struct event *event)
{
    if (v->seed == NULL || pick(v, QUARTERS) < v->keep)
        put(to, v->log->data + event->data, event->at, event->bytes);
    else if (pick(v, 2))
        put_torn(v, to, event);
}

static void build_file(struct variant *v, int node, const char *path)
{
    int loose[EVENTS_MAX], count = 0;
    struct bytes to = { calloc(v->log->node[node].end + 1, 1), 0 };
    if (to.data == NULL)
        give_up("memory");
    for (int i = 0; i < v->events; i++) {
        const struct event *event = &v->log->event[i];
        if (event->kind != EVENT_WRITE || event->node != node)
            continue;
        if (v->safe[i])
            put(&to, v->log->data + event->data, event->at, event->bytes);
        else
            loose[count++] = i;
    }
    for (; count > 0; count--) { /* in any order */
        const int k = pick(v, count);
        put_write(v, &to, &v->log->event[loose[k]]);
        loose[k] = loose[count - 1];
    }
    put_file(path, to.data, to.end);
    free(to.data);
}

struct names {
    int count;
    struct {
        int folder, node;
        const char *name;
    } entry[NODES_MAX];
};

static void take_out(struct names *names, int folder, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (names->entry[i].folder == folder && strcmp(names->entry[i].name, name) == 0) {
            names->entry[i] = names->entry[--names->count];
            return;
        }
}

static void list_names(const struct variant *v, struct names *names)
{
    names->count = 0;
    for (int i = 0; i < v->events; i++) {
        const struct event *event = &v->log->event[i];
        if (!v->stands[i] || !is_naming(event))
            continue;
        take_out(names, event->folder, event->name);
        if (event->kind == EVENT_DROP)
            continue;
        const char *name = event->kind == EVENT_RENAME ? event->to : event->name;
        take_out(names, event->folder, name); /* what stood there */
        names->entry[names->count].folder = event->folder;
        names->entry[names->count].node = event->node;
        names->entry[names->count++].name = name;
    }
}

static void build_folder(struct variant *v, const struct names *names, int folder, const char *path)
{
    if (mkdir(path, 0777) != 0)
        give_up(path);
    for (int i = 0; i < names->count; i++) {
        if (names->entry[i].folder != folder)
            continue;
        const int node = names->entry[i].node;
        char *inner = text("%s/%s", path, names->entry[i].name);
        if (v->log->node[node].is_folder)
            build_folder(v, names, node, inner);
        else
            build_file(v, node, inner);
        free(inner);
    }
}

void replay(const struct log *log, int events, uint64_t *seed, const char *folder)
{
    struct variant v = { .log = log, .events = events, .seed = seed };
    struct names names;
    find_safe(&v);
    if (seed != NULL) {
        v.keep = pick(&v, QUARTERS + 1);
        if (pick(&v, 2))
            keep_in_order(&v);
        else
            keep_some(&v);
    }
    list_names(&v, &names);
    build_folder(&v, &names, ROOT, folder);
}
