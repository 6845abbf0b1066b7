/*
 * loader.c - batches prepared ahead of the step by worker threads.
 *
 * A ring of passes. Under the lock a thread takes the oldest picture that is still wanted, or fills a pass
 * whose pictures are all there, or plans the next pass when there is room for it; decoding and filling happen
 * outside the lock. Passes leave in the order they were planned, so what a batch holds does not depend on the
 * threads.
 */
#include "config.h"
#include "data/loader.h"

#include "base/cache.h"
#include "base/clock.h"
#include "data/feed.h"
#include "data/state.h"
#include "data/threads.h"
#include "dist/dist.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Passes in the ring by default: enough for a rank to go on while a slow picture loads. */
enum { AHEAD = 8 };

struct slot {
    struct rt_pass pass;
    int64_t taken, there; /* pictures given to threads, and come back */
    bool filling, ready;
};

struct rt_loader {
    struct rt_data *data;
    struct rt_loader_options opt;
    struct rt_threads threads;
    pthread_mutex_t lock;
    pthread_cond_t work;  /* for the threads: something to do */
    pthread_cond_t ready; /* for rt_batch_next */
    bool stop;
    bool out; /* the first slot is with the caller */
    struct rt_feed feed;
    struct rt_pass next;      /* planned, not in the ring yet; micros 0: none */
    struct slot *slot;        /* [opt.ahead] */
    int64_t first, count;     /* the ring */
    size_t bytes, peak_bytes; /* pictures of the passes in the ring */
    rt_status status;         /* of the thread that failed first */
    struct rt_error error;
};

static struct slot *slot_at(struct rt_loader *l, int64_t i)
{
    return &l->slot[(l->first + i) % l->opt.ahead];
}

/* What the pictures of a pass may take: as pixels or as features, which is not known yet. */
static size_t bytes_of(const struct rt_loader *l, const struct rt_pass *pass)
{
    size_t features = 0;
    if (l->opt.features == NULL)
        return pass->picture_bytes;
    for (int64_t i = 0; i < pass->pictures; i++)
        features += (size_t)l->data->store.picture[pass->picture[i].number].tokens * l->opt.feature_bytes;
    return features > pass->picture_bytes ? features : pass->picture_bytes;
}

/* Is there room in the ring for the next pass? One always may be under way besides the caller's. */
static bool room(const struct rt_loader *l)
{
    if (l->count == l->opt.ahead)
        return false;
    return l->count == (l->out ? 1 : 0) || l->bytes + bytes_of(l, &l->next) <= (size_t)l->opt.ahead_bytes;
}

/* Plan and put into the ring what fits. true: something new is there to do. */
static bool advance(struct rt_loader *l)
{
    if (l->next.micros == 0) {
        if (l->feed.end || l->count == l->opt.ahead)
            return false;
        l->status = rt_feed_next(&l->feed, &l->next, &l->error);
        if (l->status != RT_OK)
            return true;
    }
    if (!room(l))
        return false;
    struct slot *slot = slot_at(l, l->count++);
    *slot = (struct slot){ .pass = l->next };
    l->bytes += bytes_of(l, &l->next);
    l->peak_bytes = l->bytes > l->peak_bytes ? l->bytes : l->peak_bytes;
    l->next = (struct rt_pass){ 0 };
    return true;
}

/* The features of a picture, if they are kept; malloc'ed. */
static void *kept_features(struct rt_loader *l, int32_t number)
{
    struct rt_cache *cache = l->opt.features;
    const struct rt_store *store = &l->data->store;
    const size_t bytes = (size_t)store->picture[number].tokens * l->opt.feature_bytes;
    if (cache == NULL || !rt_cache_has(cache, number))
        return NULL;
    const struct rt_file_id file = rt_file_id_of(store->paths + store->picture[number].path);
    void *features = malloc(bytes);
    if (features != NULL && rt_cache_get(cache, number, &file, features, bytes))
        return features;
    free(features);
    return NULL;
}

/* With the lock held. The first failure ends the loader. */
static void keep_failure(struct rt_loader *l, rt_status st, const struct rt_error *err)
{
    if (st == RT_OK || l->status != RT_OK)
        return;
    l->status = st;
    l->error = *err;
}

/* Take one picture of a pass. Called and left with the lock held. */
static void fetch(struct rt_loader *l, struct slot *slot)
{
    const int64_t i = slot->taken++;
    struct rt_pass_picture picture = slot->pass.picture[i];
    struct rt_error err = { 0 };
    rt_status st = RT_OK;
    pthread_mutex_unlock(&l->lock);
    picture.features = kept_features(l, picture.number);
    if (picture.features == NULL)
        st = rt_pictures_take(l->data->pictures, picture.number, &picture.rgb,
                              l->opt.features != NULL ? &picture.file : NULL, &err);
    pthread_mutex_lock(&l->lock);
    slot->there++;
    slot->pass.picture[i] = picture;
    if (st == RT_ERR_DATA)
        slot->pass.dropped[picture.row] = true;
    else
        keep_failure(l, st, &err);
}

static void fill(struct rt_loader *l, struct slot *slot)
{
    struct rt_data *data = l->data;
    struct rt_error err = { 0 };
    slot->filling = true;
    pthread_mutex_unlock(&l->lock);
    const rt_status st = rt_pass_fill(&slot->pass, &data->store, data->encoder.image_id, data->rules.patch,
                                      data->rules.merge, l->opt.split == RT_TRAIN ? l->opt.size : 1, &err);
    pthread_mutex_lock(&l->lock);
    slot->ready = true;
    keep_failure(l, st, &err);
}

/* Do one piece of work; false if there is none now. */
static bool work_once(struct rt_loader *l)
{
    for (int64_t i = l->out ? 1 : 0; i < l->count; i++) {
        struct slot *slot = slot_at(l, i);
        if (slot->taken < slot->pass.pictures) {
            fetch(l, slot);
            return true;
        }
        if (slot->there == slot->pass.pictures && !slot->filling) {
            fill(l, slot);
            return true;
        }
    }
    return advance(l);
}

static void *work(void *context)
{
    struct rt_loader *l = context;
    pthread_mutex_lock(&l->lock);
    while (!l->stop && l->status == RT_OK) {
        if (work_once(l)) {
            pthread_cond_broadcast(&l->work);
            pthread_cond_signal(&l->ready);
        } else {
            pthread_cond_wait(&l->work, &l->lock);
        }
    }
    pthread_cond_broadcast(&l->work);
    pthread_cond_signal(&l->ready);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void give_back(struct rt_loader *l, struct rt_pass *pass)
{
    for (int64_t i = 0; i < pass->pictures; i++)
        if (pass->picture[i].rgb != NULL)
            rt_pictures_put(l->data->pictures, pass->picture[i].number);
    rt_pass_free(pass);
}

rt_status rt_loader_open(struct rt_loader **loader, struct rt_data *data, const struct rt_loader_options *opt,
                         struct rt_error *err)
{
    struct rt_loader *l = calloc(1, sizeof *l);
    if (l == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a loader");
    l->data = data;
    l->opt = *opt;
    l->opt.ahead = opt->ahead < 1 ? AHEAD : opt->ahead < 2 ? 2 : opt->ahead;
    l->opt.ahead_bytes =
        opt->ahead_bytes > 0 ? opt->ahead_bytes : (int64_t)(rt_pictures_room(data->local_size) / 2);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, NULL);
    rt_status st = rt_feed_open(&l->feed, data, opt, err);
    l->slot = calloc((size_t)l->opt.ahead, sizeof *l->slot);
    if (st == RT_OK && l->slot == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "no memory for a loader");
    const int64_t threads = data->opt.dataloader_num_workers;
    if (st == RT_OK)
        st = rt_threads_start(&l->threads, threads < 1 ? 1 : threads, work, l, err);
    if (st == RT_OK)
        *loader = l;
    else
        rt_loader_close(l);
    return st;
}

void rt_loader_close(struct rt_loader *loader)
{
    if (loader == NULL)
        return;
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    rt_threads_join(&loader->threads);
    for (int64_t i = 0; i < loader->count; i++)
        give_back(loader, &slot_at(loader, i)->pass);
    rt_pass_free(&loader->next);
    rt_feed_close(&loader->feed);
    pthread_cond_destroy(&loader->ready);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->lock);
    free(loader->slot);
    free(loader);
}

/* Rows that a broken picture has thrown out of this pass: told and counted the first time, in order. */
static rt_status count_late(struct rt_data *data, const struct rt_pass *pass, struct rt_error *err)
{
    for (int64_t i = 0; i < pass->rows; i++) {
        const int64_t row = pass->row[i];
        if (pass->dropped[i] && !data->late[row])
            RT_TRY(rt_data_late_bad(data, row, err));
    }
    return RT_OK;
}

/* With the lock held: the wait is for this picture's row, and a picture more has come. */
static void tell(const struct rt_loader *l)
{
    int64_t sample = -1, micro = 0;
    if (l->opt.dist == NULL)
        return;
    if (l->count > 0) {
        const struct slot *slot = &l->slot[l->first];
        const struct rt_pass *pass = &slot->pass;
        int64_t at = pass->rows > 0 ? 0 : -1;
        for (int64_t i = 0; i < pass->pictures; i++) {
            const struct rt_pass_picture *p = &pass->picture[i];
            if (p->rgb == NULL && p->features == NULL && !pass->dropped[p->row]) {
                at = p->row;
                break;
            }
        }
        micro = pass->micro;
        sample = at < 0 ? -1 : l->data->store.raw[pass->row[at]];
    }
    rt_dist_at(l->opt.dist, micro, sample);
}

rt_status rt_batch_next(struct rt_loader *loader, const struct rt_batch **batch, double *wait_s,
                        struct rt_error *err)
{
    struct rt_loader *l = loader;
    const double from = rt_now_s();
    pthread_mutex_lock(&l->lock);
    if (l->out) {
        struct rt_pass pass = slot_at(l, 0)->pass;
        l->bytes -= bytes_of(l, &pass);
        l->out = false;
        l->first = (l->first + 1) % l->opt.ahead;
        l->count--;
        pthread_cond_broadcast(&l->work);
        pthread_mutex_unlock(&l->lock);
        give_back(l, &pass);
        pthread_mutex_lock(&l->lock);
    }
    while (l->status == RT_OK && !(l->count > 0 && slot_at(l, 0)->ready) &&
           !(l->count == 0 && l->feed.end && l->next.micros == 0)) {
        tell(l);
        pthread_cond_wait(&l->ready, &l->lock);
    }
    const rt_status st = l->status;
    const struct rt_pass *pass = NULL;
    if (st != RT_OK && err != NULL)
        *err = l->error;
    else if (st == RT_OK && l->count > 0) {
        l->out = true;
        pass = &slot_at(l, 0)->pass;
        tell(l);
        pthread_cond_broadcast(&l->work);
    }
    pthread_mutex_unlock(&l->lock);
    if (wait_s != NULL)
        *wait_s = rt_now_s() - from;
    if (st != RT_OK)
        return st;
    if (pass != NULL)
        RT_TRY(count_late(l->data, pass, err));
    *batch = pass == NULL ? NULL : &pass->batch;
    return RT_OK;
}

const struct rt_pass *rt_loader_pass(const struct rt_loader *loader)
{
    return loader->out ? &loader->slot[loader->first].pass : NULL;
}

int64_t rt_loader_samples(const struct rt_loader *loader, int64_t *sample, int64_t most)
{
    const struct rt_pass *pass = rt_loader_pass(loader);
    const int64_t rows = pass != NULL ? pass->rows : 0;
    for (int64_t i = 0; i < rows && i < most; i++)
        sample[i] = loader->data->store.raw[pass->row[i]];
    return rows;
}

size_t rt_loader_peak_bytes(struct rt_loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    const size_t peak = loader->peak_bytes;
    pthread_mutex_unlock(&loader->lock);
    return peak;
}
