/* writer.c - one checkpoint written by a thread: room first, then aside, and tried again where the disk fails.
 */
#include "config.h"
#include "train/writer.h"
#include "base/clock.h"
#include "base/thread.h"
#include "checkpoint/checkpoint.h"
#include "report/report.h"
#include "train/lock.h"
#include "train/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pauses before it is tried again. */
static const double pause_s[] = { 1, 5, 30 };
enum { PAUSES = sizeof pause_s / sizeof *pause_s };

struct rt_writer {
    struct rt_writing what;
    pthread_t thread;
    bool joined;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t wake;
    bool done;
    char news[RT_WRITER_CHARS]; /* "": told */
    rt_status st;
    struct rt_error err;
    double seconds;
};

static rt_status write_once(const struct rt_writing *w, struct rt_error *err)
{
    const struct rt_snapshot *s = w->snapshot;
    char *folder = NULL;
    RT_TRY(rt_report_sync(w->report, err));
    RT_TRY(rt_checkpoint_begin(w->output_dir, s->step, &folder, err));
    rt_status st = rt_snapshot_write(s, folder, err);
    if (st == RT_OK)
        st = rt_checkpoint_commit(w->output_dir, s->step, folder, w->world_size, w->save_total_limit, s->note,
                                  err);
    if (st != RT_OK)
        rt_checkpoint_abandon(folder);
    free(folder);
    return st;
}

static void tell(struct rt_writer *writer, const char *why, double pause)
{
    pthread_mutex_lock(&writer->mutex);
    snprintf(writer->news, sizeof writer->news, "checkpoint-%lld: %s; tried again in %.0f s",
             (long long)writer->what.snapshot->step, why, pause);
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
}

/* A limit on file size stays: that is not tried again. */
static rt_status write_somehow(struct rt_writer *writer, struct rt_error *err)
{
    const struct rt_writing *w = &writer->what;
    RT_TRY(rt_lock_check(w->lock, err));
    RT_TRY(rt_checkpoint_room(w->output_dir, rt_snapshot_bytes(w->snapshot), w->save_total_limit, err));
    rt_status st = write_once(w, err);
    for (int i = 0; i < PAUSES && st == RT_ERR_IO && !err->lasting; i++) {
        const struct timespec nap = { .tv_sec = (time_t)pause_s[i] };
        tell(writer, err->text, pause_s[i]);
        nanosleep(&nap, NULL);
        st = write_once(w, err);
    }
    return st;
}

static void *run(void *context)
{
    struct rt_writer *writer = context;
    const double from = rt_now_s();
    struct rt_error err = { .text = "" };
    const rt_status st = write_somehow(writer, &err);
    pthread_mutex_lock(&writer->mutex);
    writer->st = st;
    writer->err = err;
    writer->seconds = rt_now_s() - from;
    writer->done = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

rt_status rt_writer_start(struct rt_writer **writer, const struct rt_writing *writing, struct rt_error *err)
{
    struct rt_writer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of host memory writing a checkpoint");
    made->what = *writing;
    pthread_mutex_init(&made->mutex, NULL);
    rt_cond_init(&made->wake);
    const int failed = rt_thread_start(&made->thread, NULL, run, made);
    if (failed != 0) {
        rt_writer_free(made);
        return rt_fail(err, RT_ERR_MEMORY, "no thread for a checkpoint: %s", strerror(failed));
    }
    *writer = made;
    return RT_OK;
}

bool rt_writer_done(struct rt_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    const bool done = writer->done;
    pthread_mutex_unlock(&writer->mutex);
    return done;
}

/* With the mutex held. */
static bool take_news(struct rt_writer *writer, char text[RT_WRITER_CHARS])
{
    const bool any = writer->news[0] != '\0';
    memcpy(text, writer->news, sizeof writer->news);
    writer->news[0] = '\0';
    return any;
}

bool rt_writer_news(struct rt_writer *writer, char text[RT_WRITER_CHARS])
{
    pthread_mutex_lock(&writer->mutex);
    const bool any = take_news(writer, text);
    pthread_mutex_unlock(&writer->mutex);
    return any;
}

rt_status rt_writer_wait(struct rt_writer *writer, void (*say)(const char *text, void *context), void *context,
                         double *seconds, struct rt_error *err)
{
    char text[RT_WRITER_CHARS];
    pthread_mutex_lock(&writer->mutex);
    while (!writer->done || writer->news[0] != '\0') {
        if (take_news(writer, text)) {
            pthread_mutex_unlock(&writer->mutex);
            say(text, context);
            pthread_mutex_lock(&writer->mutex);
        } else {
            pthread_cond_wait(&writer->wake, &writer->mutex);
        }
    }
    pthread_mutex_unlock(&writer->mutex);
    if (!writer->joined)
        pthread_join(writer->thread, NULL);
    writer->joined = true;
    *seconds = writer->seconds;
    if (writer->st != RT_OK)
        *err = writer->err;
    return writer->st;
}

void rt_writer_free(struct rt_writer *writer)
{
    if (writer == NULL)
        return;
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}
