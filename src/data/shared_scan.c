/* shared_scan.c - every row encoded once: blocks of rows over ranks, chunks of a block over threads. */
#include "config.h"
#include "data/shared_scan.h"

#include "data/threads.h"
#include "dist/dist.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHUNK = 16 }; /* rows a thread takes at a time: small against a block, large against a lock */

struct scan {
    const struct rt_shared_scan_options *opt;
    int64_t split;              /* raw rows of the first set */
    int64_t from, to;           /* this rank's block */
    struct rt_store_part *part; /* one a chunk */
    _Atomic int64_t *at;        /* [chunks] the raw row that it has come to; -1: not begun, or done */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int64_t next, finished, done; /* chunks taken and finished, rows done */
    int64_t chunks;
    struct rt_threads threads;
    bool started;
    rt_status status; /* of the first failing row met */
    struct rt_error error;
};

static int64_t rows_of(const struct rt_rows *rows)
{
    return rows == NULL ? 0 : rt_rows_count(rows);
}

void rt_shared_scan_where(const struct rt_rows *const rows[2], int64_t raw, char *text, size_t bytes)
{
    const int64_t split = rows_of(rows[0]);
    rt_rows_where(rows[raw >= split], raw >= split ? raw - split : raw, text, bytes);
}

static rt_status scan_row(const struct scan *scan, int64_t raw, struct rt_store_part *part,
                          struct rt_error *err)
{
    const int set = raw >= scan->split;
    struct rt_sample sample = { 0 };
    rt_status st =
        rt_row_encode(scan->opt->rows[set], set ? raw - scan->split : raw, scan->opt->encoder, &sample, err);
    if (st == RT_ERR_DATA) {
        rt_store_add_bad(part, err->text);
        return RT_OK;
    }
    if (st != RT_OK)
        return st;
    st = rt_store_add(part, &sample, scan->opt->encoder->image_id, err);
    rt_sample_free(&sample);
    return st;
}

static void *work(void *context)
{
    struct scan *scan = context;
    pthread_mutex_lock(&scan->lock);
    while (scan->status == RT_OK && scan->next < scan->chunks) {
        const int64_t chunk = scan->next++, from = scan->from + chunk * CHUNK;
        const int64_t to = from + CHUNK < scan->to ? from + CHUNK : scan->to;
        pthread_mutex_unlock(&scan->lock);
        struct rt_error err = { 0 };
        rt_status st = RT_OK;
        for (int64_t raw = from; raw < to && st == RT_OK; raw++) {
            scan->at[chunk] = raw;
            st = scan_row(scan, raw, &scan->part[chunk], &err);
        }
        scan->at[chunk] = -1;
        pthread_mutex_lock(&scan->lock);
        if (st != RT_OK && scan->status == RT_OK) {
            scan->status = st;
            scan->error = err;
        }
        scan->finished++;
        scan->done += to - from;
        pthread_cond_signal(&scan->moved);
    }
    pthread_mutex_unlock(&scan->lock);
    return NULL;
}

/* Waits a quarter of a second, or until this rank's rows are done or one of them failed; says which. */
static bool wait_for_end(struct scan *scan, int64_t *done)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 250000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&scan->lock);
    bool end = false;
    int waited = 0;
    while (!(end = scan->finished == scan->next && (scan->next == scan->chunks || scan->status != RT_OK)) &&
           waited == 0)
        waited = pthread_cond_timedwait(&scan->moved, &scan->lock, &until);
    *done = scan->done;
    pthread_mutex_unlock(&scan->lock);
    return end;
}

/* The threads take no more chunks. */
static void end_work(struct scan *scan, rt_status st, const struct rt_error *err)
{
    pthread_mutex_lock(&scan->lock);
    scan->status = st;
    if (err != NULL)
        scan->error = *err;
    pthread_mutex_unlock(&scan->lock);
}

/* The first row that is under way, for the watchdog: it changes as long as the scan moves. */
static void tell_at(struct scan *scan, struct rt_dist *dist, int64_t *told)
{
    int64_t oldest = -1;
    for (int64_t i = 0; i < scan->chunks && oldest < 0; i++)
        oldest = scan->at[i];
    if (oldest != *told)
        rt_dist_at(dist, 0, *told = oldest);
}

/* The main thread waits for its threads and for the other ranks, tells four times a second how far this one is,
 * and ends the threads' work when any rank is told to stop. */
static rt_status watch(struct scan *scan, struct rt_dist *dist, struct rt_error *err)
{
    const struct rt_notes *notes = scan->opt->notes;
    const bool tell = rt_dist_rank(dist) == 0 && notes->progress != NULL;
    struct rt_dist_look look = { 0 };
    int64_t told = -1, told_at = -1, done = 0;
    rt_status st = RT_OK;
    while (!look.over && st == RT_OK) {
        const bool end = wait_for_end(scan, &done);
        tell_at(scan, dist, &told_at);
        if (tell && done != told)
            notes->progress("rows", told = done, scan->to - scan->from, notes->context);
        st = rt_dist_look(dist, &look, !end, err);
    }
    if (look.stopped)
        st = rt_fail(err, RT_STOPPED, "stopped while rows were read");
    if (st != RT_OK)
        end_work(scan, st, err);
    return st;
}

static rt_status prepare(struct scan *scan, struct rt_error *err)
{
    scan->chunks = (scan->to - scan->from + CHUNK - 1) / CHUNK;
    scan->part = calloc((size_t)scan->chunks + 1, sizeof *scan->part);
    scan->at = malloc((size_t)(scan->chunks + 1) * sizeof *scan->at);
    if (scan->part == NULL || scan->at == NULL) {
        free(scan->part);
        free((void *)scan->at);
        scan->part = NULL;
        scan->at = NULL;
        return rt_fail(err, RT_ERR_MEMORY, "no memory to scan %lld rows", (long long)(scan->to - scan->from));
    }
    for (int64_t i = 0; i < scan->chunks; i++)
        scan->at[i] = -1;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&scan->lock, NULL);
    pthread_cond_init(&scan->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    const int64_t wanted = scan->opt->threads < scan->chunks ? scan->opt->threads : scan->chunks;
    const rt_status st = rt_threads_start(&scan->threads, wanted < 1 ? 1 : wanted, work, scan, err);
    scan->started = st == RT_OK;
    return st;
}

/* The chunks, in their order, into one part. */
static rt_status join_parts(struct scan *scan, rt_status st, struct rt_store_part *block, struct rt_error *err)
{
    for (int64_t i = 0; scan->part != NULL && i < scan->chunks; i++) {
        if (st == RT_OK)
            st = rt_store_part_append(block, &scan->part[i], err);
        rt_store_part_free(&scan->part[i]);
    }
    if (scan->part != NULL) {
        pthread_cond_destroy(&scan->moved);
        pthread_mutex_destroy(&scan->lock);
    }
    free(scan->part);
    free((void *)scan->at);
    return st;
}

/* Collective. This rank's block into one part. */
static rt_status scan_block(struct scan *scan, struct rt_dist *dist, struct rt_store_part *block,
                            struct rt_error *err)
{
    rt_status st = rt_dist_agree(dist, prepare(scan, err), err);
    if (st == RT_OK)
        st = watch(scan, dist, err);
    else if (scan->started)
        end_work(scan, st, err);
    if (scan->started)
        rt_threads_join(&scan->threads);
    if (st == RT_OK && scan->status != RT_OK) {
        st = scan->status;
        if (err != NULL)
            *err = scan->error;
    }
    return join_parts(scan, st, block, err);
}

rt_status rt_shared_scan(struct rt_store *store, const struct rt_shared_scan_options *opt, struct rt_dist *dist,
                         struct rt_error *err)
{
    const int64_t split = rows_of(opt->rows[0]), all = split + rows_of(opt->rows[1]);
    const int64_t rank = rt_dist_rank(dist), size = rt_dist_size(dist);
    struct scan scan = { .opt = opt, .split = split };
    scan.from = all / size * rank + all % size * rank / size;
    scan.to = all / size * (rank + 1) + all % size * (rank + 1) / size;
    struct rt_store_part block = { 0 };
    rt_dist_phase(dist, RT_PHASE_SCAN, -1);
    rt_status st = scan_block(&scan, dist, &block, err);
    rt_dist_phase(dist, RT_PHASE_SETUP, -1);
    rt_dist_at(dist, 0, -1);
    st = rt_dist_agree(dist, st, err);
    if (st != RT_OK) {
        rt_store_part_free(&block);
        return st;
    }
    return rt_dist_agree(dist, rt_store_join(store, &block, dist, err), err);
}
