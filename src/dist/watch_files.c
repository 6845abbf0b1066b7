/* watch_files.c - the watchdog's thread that reads and writes files, which may hang where they lie. */
#include "config.h"
#include "dist/watch.h"

#include <string.h>
#include <time.h>

static const double waits_s = 1; /* between two looks at the files by a rank 0 that waits */

void rt_watch_wait(pthread_cond_t *cond, pthread_mutex_t *lock, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const int64_t ns = until.tv_nsec + (int64_t)(seconds * 1e9);
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_cond_timedwait(cond, lock, &until);
}

/* The host's file is renewed by the first of its ranks whose watchdog runs. */
static bool renews(const struct rt_watch *w, double beat_s)
{
    const struct rt_board *b = &w->dist->board;
    const int64_t now = rt_board_now_ns();
    for (int i = 0; i < b->lines && &b->line[i] != b->mine; i++)
        if ((double)(now - b->line[i].looked_ns) * 1e-9 < 2 * beat_s + 2)
            return false;
    return true;
}

static void do_task(struct rt_watch *w, enum rt_watch_task task)
{
    bool claimed = false;
    if (task == RT_WATCH_CLAIM) {
        rt_heartbeat_read(&w->beat);
        claimed = rt_heartbeat_claim(&w->beat);
    } else if (task == RT_WATCH_LEAVE) {
        rt_heartbeat_leave(&w->beat, w->text);
    } else if (task == RT_WATCH_FORCED && w->opt.forced != NULL) {
        w->opt.forced(w->opt.context, rt_exit_code(w->why), w->text);
    }
    pthread_mutex_lock(&w->lock);
    w->claimed = claimed;
    w->task = RT_WATCH_NOTHING;
    pthread_cond_broadcast(&w->answered);
    pthread_mutex_unlock(&w->lock);
}

void *rt_watch_files(void *watch)
{
    struct rt_watch *w = watch;
    int64_t done_ns = 0;
    pthread_mutex_lock(&w->lock);
    while (!w->quit) {
        const double left_s = (w->waits && w->beat_s > waits_s ? waits_s : w->beat_s) -
                              (double)(rt_board_now_ns() - done_ns) * 1e-9;
        if (w->task == RT_WATCH_NOTHING && left_s > 0 && done_ns > 0) {
            rt_watch_wait(&w->wake, &w->lock, left_s);
            continue;
        }
        const enum rt_watch_task task = w->task;
        const bool worried = w->worried || w->waits || task == RT_WATCH_CLAIM;
        const double beat_s = w->beat_s;
        pthread_mutex_unlock(&w->lock);
        if (renews(w, beat_s))
            rt_heartbeat_write(&w->beat);
        done_ns = rt_board_now_ns();
        if (worried)
            rt_heartbeat_read(&w->beat);
        if (task != RT_WATCH_NOTHING)
            do_task(w, task);
        pthread_mutex_lock(&w->lock);
        if (worried)
            memcpy(w->seen, w->beat.seen, (size_t)w->beat.ranks * sizeof *w->seen);
    }
    w->alive--;
    pthread_cond_broadcast(&w->answered);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

bool rt_watch_ask_files(struct rt_watch *w, enum rt_watch_task task, double seconds)
{
    const int64_t from = rt_board_now_ns();
    pthread_mutex_lock(&w->lock);
    w->task = task;
    pthread_cond_broadcast(&w->wake);
    while (w->task != RT_WATCH_NOTHING && (double)(rt_board_now_ns() - from) * 1e-9 < seconds)
        rt_watch_wait(&w->answered, &w->lock, 0.1);
    const bool done = w->task == RT_WATCH_NOTHING;
    pthread_mutex_unlock(&w->lock);
    return done;
}
