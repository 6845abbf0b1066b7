/* picture_cache.c - decoded pictures: counted uses, and the unused ones in order of their last use. */
#include "config.h"
#include "base/room.h"
#include "data/picture_cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state { ABSENT, DECODING, HELD, BROKEN };

struct entry {
    void *held; /* HELD: the bytes; BROKEN: the reason, NULL if there was no memory for it */
    int32_t uses;
    int32_t older, newer; /* neighbours among the unused, -1 at the ends */
    uint8_t state;
    bool settled;           /* `file` is proof of the bytes */
    struct rt_file_id file; /* HELD: when they were read; not known if it changed meanwhile */
};

struct rt_pictures {
    const struct rt_store *store;
    const struct rt_image_rules *rules;
    size_t keep_bytes, held_bytes, peak_bytes;
    int64_t decoded;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a DECODING ended */
    int32_t oldest, newest; /* of the unused */
    struct entry *entry;    /* [store->pictures] */
};

rt_status rt_pictures_open(struct rt_pictures **pictures, const struct rt_store *store,
                           const struct rt_image_rules *rules, size_t keep_bytes, struct rt_error *err)
{
    struct rt_pictures *p = calloc(1, sizeof *p);
    struct entry *entry = calloc((size_t)store->pictures + 1, sizeof *entry);
    if (p == NULL || entry == NULL) {
        free(p);
        free(entry);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a list of %d pictures", store->pictures);
    }
    *p = (struct rt_pictures){
        .store = store, .rules = rules, .keep_bytes = keep_bytes, .oldest = -1, .newest = -1, .entry = entry
    };
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    *pictures = p;
    return RT_OK;
}

void rt_pictures_close(struct rt_pictures *pictures)
{
    if (pictures == NULL)
        return;
    for (int32_t i = 0; i < pictures->store->pictures; i++)
        free(pictures->entry[i].held);
    pthread_cond_destroy(&pictures->changed);
    pthread_mutex_destroy(&pictures->lock);
    free(pictures->entry);
    free(pictures);
}

static const char *path_of(const struct rt_pictures *p, int32_t number)
{
    return p->store->paths + p->store->picture[number].path;
}

static void unlink_entry(struct rt_pictures *p, int32_t number)
{
    const struct entry *e = &p->entry[number];
    *(e->older < 0 ? &p->oldest : &p->entry[e->older].newer) = e->newer;
    *(e->newer < 0 ? &p->newest : &p->entry[e->newer].older) = e->older;
}

static void link_newest(struct rt_pictures *p, int32_t number)
{
    p->entry[number].older = p->newest;
    p->entry[number].newer = -1;
    *(p->newest < 0 ? &p->oldest : &p->entry[p->newest].newer) = number;
    p->newest = number;
}

/* Forget the bytes of a picture that nobody uses. */
static void drop(struct rt_pictures *p, int32_t number)
{
    free(p->entry[number].held);
    p->entry[number].held = NULL;
    p->entry[number].state = ABSENT;
    p->held_bytes -= rt_store_picture_bytes(&p->store->picture[number]);
}

/* Drop unused pictures, the longest unused first, until `more` bytes fit. */
static void make_room(struct rt_pictures *p, size_t more)
{
    while (p->oldest >= 0 && p->held_bytes + more > p->keep_bytes) {
        const int32_t number = p->oldest;
        unlink_entry(p, number);
        drop(p, number);
    }
}

/* Called and left with the lock held. */
static rt_status decode(struct rt_pictures *p, int32_t number, struct rt_error *err)
{
    const struct rt_store_picture *picture = &p->store->picture[number];
    struct entry *e = &p->entry[number];
    const size_t bytes = rt_store_picture_bytes(picture);
    uint8_t *rgb = NULL;
    e->state = DECODING;
    make_room(p, bytes);
    p->held_bytes += bytes;
    p->peak_bytes = p->held_bytes > p->peak_bytes ? p->held_bytes : p->peak_bytes;
    pthread_mutex_unlock(&p->lock);
    const struct rt_file_id before = rt_file_id_of(path_of(p, number));
    const bool settled = rt_file_id_settled(&before);
    rt_status st = rt_image_load(p->rules, path_of(p, number), picture->width, picture->height, &rgb, err);
    const struct rt_file_id after = rt_file_id_of(path_of(p, number));
    pthread_mutex_lock(&p->lock);
    p->decoded++;
    e->file = rt_file_id_same(&before, &after) ? before : (struct rt_file_id){ 0 };
    e->settled = settled && e->file.size > 0;
    if (st == RT_OK) {
        e->held = rgb;
        e->state = HELD;
    } else {
        p->held_bytes -= bytes;
        e->state = ABSENT;
        if (st == RT_ERR_FILE || st == RT_ERR_DATA) {
            e->state = BROKEN;
            e->held = err == NULL ? NULL : strdup(err->text);
        }
    }
    pthread_cond_broadcast(&p->changed);
    return st;
}

static const char *reason(const struct rt_pictures *p, int32_t number)
{
    return p->entry[number].held != NULL ? p->entry[number].held : path_of(p, number);
}

/* A picture held but unused: as its file is now, it stays HELD, else it becomes ABSENT. proof: it has to be
 * sure. Called and left with the lock held. */
static void look_again(struct rt_pictures *p, int32_t number, bool proof)
{
    struct entry *e = &p->entry[number];
    unlink_entry(p, number);
    e->state = DECODING;
    pthread_mutex_unlock(&p->lock);
    const struct rt_file_id now = rt_file_id_of(path_of(p, number));
    const bool settled = rt_file_id_settled(&now);
    pthread_mutex_lock(&p->lock);
    e->state = HELD;
    if (!rt_file_id_same(&now, &e->file) || (proof && settled && !e->settled))
        drop(p, number);
    pthread_cond_broadcast(&p->changed);
}

rt_status rt_pictures_take(struct rt_pictures *pictures, int32_t number, const uint8_t **rgb,
                           struct rt_file_id *file, struct rt_error *err)
{
    struct entry *e = &pictures->entry[number];
    rt_status st = RT_OK;
    pthread_mutex_lock(&pictures->lock);
    while (e->state == DECODING)
        pthread_cond_wait(&pictures->changed, &pictures->lock);
    if (e->state == HELD && e->uses == 0)
        look_again(pictures, number, file != NULL);
    if (e->state == ABSENT)
        st = decode(pictures, number, err);
    if (e->state == BROKEN) {
        st = rt_fail(err, RT_ERR_DATA, "%s", reason(pictures, number));
    } else if (st == RT_OK) {
        e->uses++;
        *rgb = e->held;
        if (file != NULL)
            *file = e->settled ? e->file : (struct rt_file_id){ 0 };
    }
    pthread_mutex_unlock(&pictures->lock);
    return st;
}

void rt_pictures_put(struct rt_pictures *pictures, int32_t number)
{
    pthread_mutex_lock(&pictures->lock);
    if (--pictures->entry[number].uses == 0) {
        link_newest(pictures, number);
        make_room(pictures, 0);
    }
    pthread_mutex_unlock(&pictures->lock);
}

bool rt_pictures_broken(struct rt_pictures *pictures, int32_t number, char *why, size_t bytes)
{
    pthread_mutex_lock(&pictures->lock);
    const bool broken = pictures->entry[number].state == BROKEN;
    if (broken)
        snprintf(why, bytes, "%s", reason(pictures, number));
    pthread_mutex_unlock(&pictures->lock);
    return broken;
}

void rt_pictures_tell(struct rt_pictures *pictures, size_t *peak_bytes, int64_t *decoded)
{
    pthread_mutex_lock(&pictures->lock);
    *peak_bytes = pictures->peak_bytes;
    *decoded = pictures->decoded;
    pthread_mutex_unlock(&pictures->lock);
}

size_t rt_pictures_room(int local_ranks)
{
    const size_t most = (size_t)1 << 30;
    const size_t share = rt_host_room().free_bytes / 8 / (size_t)(local_ranks > 0 ? local_ranks : 1);
    return share > 0 && share < most ? share : most;
}
