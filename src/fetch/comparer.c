/* comparer.c - the threads that compare: the network goes on while gigabytes are read back. */
#include "config.h"
#include "fetch/digest.h"

#include <pthread.h>
#include <stdlib.h>

enum { MOST_THREADS = 8 };

struct queue {
    struct rt_compare *first, *last;
};

struct rt_comparer {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct queue todo, done;
    pthread_t thread[MOST_THREADS];
    int threads;
    atomic_bool quit;
    atomic_llong bytes;
};

static void push(struct queue *q, struct rt_compare *c)
{
    c->next = NULL;
    if (q->last != NULL)
        q->last->next = c;
    else
        q->first = c;
    q->last = c;
}

static struct rt_compare *pop(struct queue *q)
{
    struct rt_compare *c = q->first;
    if (c != NULL) {
        q->first = c->next;
        if (q->first == NULL)
            q->last = NULL;
    }
    return c;
}

static void *work(void *user)
{
    struct rt_comparer *c = user;
    pthread_mutex_lock(&c->lock);
    while (!atomic_load(&c->quit)) {
        struct rt_compare *next = pop(&c->todo);
        if (next == NULL) {
            pthread_cond_wait(&c->more, &c->lock);
            continue;
        }
        pthread_mutex_unlock(&c->lock);
        rt_compare_file(next, &c->quit, &c->bytes);
        pthread_mutex_lock(&c->lock);
        push(&c->done, next);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

rt_status rt_comparer_open(struct rt_comparer **out, int threads, struct rt_error *err)
{
    struct rt_comparer *c = calloc(1, sizeof *c);
    if (c == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for threads");
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->more, NULL);
    while (c->threads < threads && c->threads < MOST_THREADS &&
           pthread_create(&c->thread[c->threads], NULL, work, c) == 0)
        c->threads++;
    if (c->threads == 0) {
        rt_comparer_close(c);
        return rt_fail(err, RT_ERR_MEMORY, "no thread can be started");
    }
    *out = c;
    return RT_OK;
}

void rt_comparer_close(struct rt_comparer *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    atomic_store(&c->quit, true);
    pthread_cond_broadcast(&c->more);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < c->threads; i++)
        pthread_join(c->thread[i], NULL);
    pthread_cond_destroy(&c->more);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void rt_comparer_put(struct rt_comparer *c, struct rt_compare *compare)
{
    pthread_mutex_lock(&c->lock);
    push(&c->todo, compare);
    pthread_cond_signal(&c->more);
    pthread_mutex_unlock(&c->lock);
}

struct rt_compare *rt_comparer_take(struct rt_comparer *c)
{
    pthread_mutex_lock(&c->lock);
    struct rt_compare *done = pop(&c->done);
    pthread_mutex_unlock(&c->lock);
    return done;
}

int64_t rt_comparer_bytes(struct rt_comparer *c)
{
    return atomic_load(&c->bytes);
}
