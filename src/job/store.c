/* store.c - memory of one job: many small pieces that end together. */
#include "config.h"

#include "job/node.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16384 };

struct block {
    struct block *next;
    size_t size_bytes, used_bytes;
    alignas(max_align_t) char data[];
};

struct rt_job_store {
    struct block *blocks; /* the newest first */
};

struct rt_job_store *rt_store_open(void)
{
    return calloc(1, sizeof(struct rt_job_store));
}

void rt_store_close(struct rt_job_store *store)
{
    if (store == NULL)
        return;
    for (struct block *b = store->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    free(store);
}

void *rt_store_take(struct rt_job_store *store, size_t bytes)
{
    const size_t unit = alignof(max_align_t);
    if (bytes > SIZE_MAX / 2)
        return NULL;
    bytes = (bytes + unit - 1) / unit * unit;
    struct block *b = store->blocks;
    if (b == NULL || b->size_bytes - b->used_bytes < bytes) {
        const size_t size_bytes = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        b = calloc(1, sizeof *b + size_bytes);
        if (b == NULL)
            return NULL;
        b->size_bytes = size_bytes;
        b->next = store->blocks;
        store->blocks = b;
    }
    void *p = b->data + b->used_bytes;
    b->used_bytes += bytes;
    return p;
}

char *rt_store_dup(struct rt_job_store *store, const char *text, size_t bytes)
{
    char *p = rt_store_take(store, bytes + 1);
    if (p != NULL && bytes > 0)
        memcpy(p, text, bytes);
    return p;
}

rt_status rt_no_memory(struct rt_error *err)
{
    return rt_fail(err, RT_ERR_MEMORY, "out of memory while reading the job");
}
