/* watch_begin.c - beginning and ending a watchdog. */
#include "config.h"
#include "base/clock.h"
#include "base/thread.h"
#include "dist/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void release(struct rt_watch *w)
{
    rt_heartbeat_close(&w->beat);
    if (w->locks) {
        pthread_cond_destroy(&w->wake);
        pthread_cond_destroy(&w->answered);
        pthread_mutex_destroy(&w->lock);
    }
    free(w->seen);
    free(w->now);
    free(w->folder);
    free(w);
}

/* Both threads, or the one that could be started: without the files a host knows itself at least. */
static rt_status start(struct rt_watch *w, struct rt_error *err)
{
    void *(*const run[])(void *) = { rt_watch_looks, rt_watch_files };
    pthread_attr_t detached;
    pthread_mutex_init(&w->lock, NULL);
    rt_cond_init(&w->wake);
    rt_cond_init(&w->answered);
    w->locks = true;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_mutex_lock(&w->lock);
    int failed = 0;
    for (int i = 0; i < 2 && failed == 0; i++) {
        pthread_t thread;
        failed = rt_thread_start(&thread, &detached, run[i], w);
        w->alive += failed == 0;
    }
    pthread_mutex_unlock(&w->lock);
    pthread_attr_destroy(&detached);
    return failed == 0 ? RT_OK : rt_fail(err, RT_ERR_MEMORY, "cannot start a watchdog: %s", strerror(failed));
}

static rt_status begin(struct rt_dist *dist, const struct rt_dist_watch_options *opt, struct rt_error *err)
{
    struct rt_watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a watchdog");
    w->dist = dist;
    w->opt = *opt;
    w->folder = strdup(opt->folder);
    w->seen = calloc((size_t)dist->size, sizeof *w->seen);
    w->now = calloc((size_t)dist->size, sizeof *w->now);
    w->beat_s = RT_WATCH_BEAT_S;
    w->first = 1;
    w->why = RT_ERR_COMM;
    w->step = -2;
    w->looked_ns = rt_board_now_ns();
    rt_limits_init(&w->limits);
    snprintf(dist->board.mine->gpu, sizeof dist->board.mine->gpu, "%s", opt->gpu != NULL ? opt->gpu : "");
    rt_status st = RT_OK;
    if (w->folder == NULL || w->seen == NULL || w->now == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "no memory for a watchdog");
    for (int r = 0; st == RT_OK && r < dist->size; r++)
        w->seen[r].rank = -1;
    if (st == RT_OK)
        st = rt_heartbeat_open(&w->beat, w->folder, &dist->board, dist->size, err);
    if (st == RT_OK)
        st = start(w, err);
    dist->watch = st == RT_OK ? w : NULL;
    if (st != RT_OK && w->alive == 0)
        release(w);
    return st;
}

rt_status rt_dist_watch_begin(struct rt_dist *dist, const struct rt_dist_watch_options *opt,
                              struct rt_error *err)
{
    rt_status st = dist->rank == 0 ? rt_heartbeat_prepare(opt->folder, err) : RT_OK;
    RT_TRY(rt_dist_agree(dist, st, err));
    return rt_dist_agree(dist, begin(dist, opt, err), err);
}

void rt_dist_watch_end(struct rt_dist *dist)
{
    struct rt_watch *w = dist->watch;
    if (w == NULL)
        return;
    dist->watch = NULL;
    const double from = rt_now_s();
    pthread_mutex_lock(&w->lock);
    w->quit = true;
    pthread_cond_broadcast(&w->wake);
    while (w->alive > 0 && rt_now_s() - from < RT_WATCH_CLAIM_S)
        rt_watch_wait(&w->answered, &w->lock, 0.1);
    const bool ended = w->alive == 0;
    pthread_mutex_unlock(&w->lock);
    if (ended) /* else a file hangs: its thread keeps what it works on */
        release(w);
}
