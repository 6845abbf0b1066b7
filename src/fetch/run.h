/* run.h - private to fetch: the state of one download. */
#ifndef RT_FETCH_RUN_H
#define RT_FETCH_RUN_H

#include "fetch/digest.h"
#include "fetch/fetch.h"
#include "fetch/http.h"
#include "fetch/hub.h"
#include "fetch/local.h"

enum { RT_MOST_WRONG = 3 }; /* times that a file may come and not be what is listed */

enum rt_item_state { RT_ITEM_OPEN, RT_ITEM_RIGHT, RT_ITEM_FAILED };

/* A file that is asked for. */
struct rt_item {
    struct rt_remote *file;
    enum rt_item_state state;
    int64_t held, best; /* bytes in the partial file; the most there ever were */
    int failures;       /* tries one after the other that brought nothing new */
    int wrong;          /* times that what came was not what is listed */
    bool plain;         /* ranges were answered wrongly: ask for all of it */
    char etag[160];     /* of the place it comes from */
    struct rt_compare compare;
    char *name; /* what compare reads */
    struct rt_item *next;
};

enum rt_trouble { RT_TROUBLE_NONE, RT_TROUBLE_DISK, RT_TROUBLE_RANGE, RT_TROUBLE_SIZE };

/* One of the requests that run at the same time; it keeps its file over all tries. */
struct rt_worker {
    struct rt_run *run;
    struct rt_exchange x;
    struct rt_item *item; /* NULL: idle */
    bool moving;          /* a request is under way; else it waits until due_s */
    double due_s;
    int fd; /* of the partial file, -1 */
    bool begun, discard;
    enum rt_trouble trouble;
    int disk_code;
};

struct rt_run {
    const struct rt_fetch_options *opt;
    const struct rt_fetch_watch *watch;
    const volatile sig_atomic_t *stop;
    struct rt_http http;
    struct rt_local local;
    struct rt_listing list;
    struct rt_item *item, **order; /* order: largest first */
    int64_t items;
    struct rt_comparer *comparer;
    CURLM *multi;
    struct rt_worker *worker;
    int workers;
    bool asking;             /* HEAD for what the lists did not say, else GET */
    int64_t at;              /* next of order */
    struct rt_item *again;   /* found to be wrong: before the next of order */
    int64_t busy, comparing; /* workers with a file; files at the comparer */
    double not_before_s;     /* a hub that said when to come again */
    struct rt_fetch_count count;
    int64_t failed;
    struct rt_error first; /* why the first of the failed ones did */
};

/* item.c: a line for whoever watches. */
void rt_run_say(const struct rt_run *run, bool warning, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* So many bytes of the file are here; all are, and right. */
void rt_item_hold(struct rt_run *run, struct rt_item *item, int64_t held);
void rt_item_right(struct rt_run *run, struct rt_item *item);
/* It cannot be had. RT_OK where the others go on without it, else what ends the run. */
rt_status rt_item_fail(struct rt_run *run, struct rt_item *item, struct rt_error *err);

/* plan.c: what is asked for, what of it is here, and whether the rest fits. */
rt_status rt_plan_choose(struct rt_run *run, struct rt_error *err);
rt_status rt_plan_look(struct rt_run *run, struct rt_error *err);
rt_status rt_plan_room(struct rt_run *run, struct rt_error *err);

/* worker.c: a try begins; a try has ended with `code`. */
rt_status rt_worker_start(struct rt_worker *w, struct rt_error *err);
rt_status rt_worker_end(struct rt_worker *w, CURLcode code, struct rt_error *err);
/* body.c: curl's write function; user is the worker. */
size_t rt_worker_body(char *data, size_t one, size_t count, void *user);

/* drive.c: all open files asked about (run->asking) or fetched. */
rt_status rt_drive(struct rt_run *run, struct rt_error *err);

#endif
