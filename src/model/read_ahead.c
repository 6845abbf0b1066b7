/* read_ahead.c - threads that read pieces of files ahead: each takes the next piece, waits for its slot, and
 * fills it. */
#include "config.h"
#include "base/bf16.h"
#include "base/file.h"
#include "base/thread.h"
#include "model/read_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct slot {
    char *bytes; /* [slot_bytes] */
    void *piece; /* where in it the piece is; NULL: not read yet */
    rt_status status;
    struct rt_error err;
};

struct rt_read_ahead {
    struct rt_read_ahead_options opt;
    pthread_mutex_t lock;
    pthread_cond_t filled, freed;
    pthread_t *thread;
    int threads;
    struct slot *slot;
    char *memory;
    int *fd;                          /* [files] -1: not open yet */
    int64_t begun, taken, given_back; /* pieces */
    bool stop;
};

size_t rt_piece_raw_bytes(const struct rt_piece *piece)
{
    return (size_t)piece->elements * (piece->from == RT_FILE_F32 ? 4 : 2);
}

size_t rt_piece_bytes(const struct rt_piece *piece)
{
    return (size_t)piece->elements * (piece->to == RT_F32 ? 4 : 2);
}

static bool same_type(const struct rt_piece *p)
{
    return (p->from == RT_FILE_F32 && p->to == RT_F32) || (p->from == RT_FILE_BF16 && p->to == RT_BF16);
}

void *rt_piece_convert(const struct rt_piece *p, void *to, void *raw)
{
    enum { CHUNK = 4096 }; /* stays in the first cache */
    float wide[CHUNK];
    rt_bf16 *narrow = to;
    if (same_type(p))
        return raw;
    if (p->to == RT_F32) {
        rt_file_to_f32(to, raw, p->from, p->elements);
        return to;
    }
    const char *from = raw;
    const size_t size = p->from == RT_FILE_F32 ? 4 : 2;
    for (int64_t at = 0; at < p->elements; at += CHUNK) {
        const int64_t n = p->elements - at < CHUNK ? p->elements - at : CHUNK;
        rt_file_to_f32(wide, from + (size_t)at * size, p->from, n);
        for (int64_t i = 0; i < n; i++)
            narrow[at + i] = rt_bf16_of_f32(wide[i]);
    }
    return to;
}

/* Every file is opened once, by the first thread that comes to it. */
static rt_status open_file(struct rt_read_ahead *a, int file, int *fd, struct rt_error *err)
{
    const struct rt_files *files = a->opt.files;
    rt_status st = RT_OK;
    pthread_mutex_lock(&a->lock);
    if (a->fd[file] < 0) {
        uint64_t size = 0;
        st = rt_file_open(fd, &size, files->path[file], err);
        if (st == RT_OK && size != files->size[file]) {
            st = rt_fail(err, RT_ERR_FILE, "%s: its size is %llu here and was %llu when its header was read",
                         files->path[file], (unsigned long long)size, (unsigned long long)files->size[file]);
            close(*fd);
        }
        if (st == RT_OK)
            a->fd[file] = *fd;
    }
    *fd = a->fd[file];
    pthread_mutex_unlock(&a->lock);
    return st;
}

/* raw: [slot_bytes] of this thread's own, for what has to be converted; NULL until then. */
static rt_status fill(struct rt_read_ahead *a, const struct rt_piece *p, char **raw, struct slot *slot,
                      void **piece)
{
    const bool convert = a->opt.convert && !same_type(p);
    int fd = -1;
    if (convert && *raw == NULL && (*raw = malloc(a->opt.slot_bytes)) == NULL)
        return rt_fail(&slot->err, RT_ERR_MEMORY, "out of memory for %zu bytes of weights", a->opt.slot_bytes);
    char *to = convert ? *raw : slot->bytes;
    RT_TRY(open_file(a, p->file, &fd, &slot->err));
    RT_TRY(rt_file_read(fd, a->opt.files->path[p->file], p->offset, to, rt_piece_raw_bytes(p), &slot->err));
    *piece = convert ? rt_piece_convert(p, slot->bytes, to) : to;
    return RT_OK;
}

static void *read_pieces(void *context)
{
    struct rt_read_ahead *a = context;
    char *raw = NULL;
    pthread_mutex_lock(&a->lock);
    while (!a->stop && a->begun < a->opt.pieces) {
        const int64_t k = a->begun++;
        struct slot *slot = &a->slot[k % a->opt.slots];
        while (!a->stop && k >= a->given_back + a->opt.slots)
            pthread_cond_wait(&a->freed, &a->lock);
        if (a->stop)
            break;
        pthread_mutex_unlock(&a->lock);
        void *piece = NULL;
        const rt_status st = fill(a, &a->opt.piece[k], &raw, slot, &piece);
        pthread_mutex_lock(&a->lock);
        slot->status = st;
        slot->piece = st == RT_OK ? piece : slot->bytes;
        pthread_cond_broadcast(&a->filled);
    }
    pthread_mutex_unlock(&a->lock);
    free(raw);
    return NULL;
}

static rt_status start(struct rt_read_ahead *a, struct rt_error *err)
{
    while (a->threads < a->opt.threads && rt_thread_start(&a->thread[a->threads], NULL, read_pieces, a) == 0)
        a->threads++;
    return a->threads > 0 ? RT_OK : rt_fail(err, RT_ERR_MEMORY, "no thread for reading weights");
}

static rt_status allocate(struct rt_read_ahead *a, struct rt_error *err)
{
    const struct rt_read_ahead_options *o = &a->opt;
    void *memory = NULL;
    a->thread = calloc((size_t)o->threads, sizeof *a->thread);
    a->slot = calloc((size_t)o->slots, sizeof *a->slot);
    a->fd = malloc((size_t)(o->files->count + 1) * sizeof *a->fd);
    if (a->thread == NULL || a->slot == NULL || a->fd == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of memory for reading weights");
    for (int i = 0; i <= o->files->count; i++)
        a->fd[i] = -1;
    RT_TRY(rt_exec_pin(o->ex, &memory, o->slot_bytes * (size_t)o->slots));
    a->memory = memory;
    for (int i = 0; i < o->slots; i++)
        a->slot[i].bytes = a->memory + (size_t)i * o->slot_bytes;
    return RT_OK;
}

rt_status rt_read_ahead_open(struct rt_read_ahead **ahead, const struct rt_read_ahead_options *opt,
                             struct rt_error *err)
{
    struct rt_read_ahead *a = calloc(1, sizeof *a);
    if (a == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of memory for reading weights");
    a->opt = *opt;
    pthread_mutex_init(&a->lock, NULL);
    rt_cond_init(&a->filled);
    pthread_cond_init(&a->freed, NULL);
    rt_status st = allocate(a, err);
    if (st == RT_OK)
        st = start(a, err);
    if (st == RT_OK)
        *ahead = a;
    else
        rt_read_ahead_close(a);
    return st;
}

void rt_read_ahead_close(struct rt_read_ahead *a)
{
    if (a == NULL)
        return;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_broadcast(&a->freed);
    pthread_mutex_unlock(&a->lock);
    for (int i = 0; i < a->threads; i++)
        pthread_join(a->thread[i], NULL);
    for (int i = 0; a->fd != NULL && i < a->opt.files->count; i++)
        if (a->fd[i] >= 0)
            close(a->fd[i]);
    rt_exec_unpin(a->opt.ex, a->memory);
    pthread_cond_destroy(&a->filled);
    pthread_cond_destroy(&a->freed);
    pthread_mutex_destroy(&a->lock);
    free(a->fd);
    free(a->slot);
    free(a->thread);
    free(a);
}

rt_status rt_read_ahead_next(struct rt_read_ahead *a, double wait_s, void **bytes, struct rt_error *err)
{
    struct slot *slot = &a->slot[a->taken % a->opt.slots];
    struct timespec until;
    rt_status st = RT_OK;
    int waited = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const int64_t ns = until.tv_nsec + (int64_t)(wait_s * 1e9);
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&a->lock);
    while (slot->piece == NULL && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&a->filled, &a->lock, &until);
    *bytes = slot->piece;
    if (slot->piece != NULL) {
        st = slot->status;
        if (st != RT_OK)
            rt_fail(err, st, "%s", slot->err.text);
        slot->piece = NULL;
        a->taken++;
    }
    pthread_mutex_unlock(&a->lock);
    return st;
}

void rt_read_ahead_give_back(struct rt_read_ahead *a)
{
    pthread_mutex_lock(&a->lock);
    a->given_back++;
    pthread_cond_broadcast(&a->freed);
    pthread_mutex_unlock(&a->lock);
}
