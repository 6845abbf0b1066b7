/* pool.c - blocks that grow and are freed together; growing text; contract in pool.h. */
#include "config.h"
#include "data/pool.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16384, ALIGN = 16 };

struct rt_pool_block {
    struct rt_pool_block *before;
    _Alignas(ALIGN) char bytes[];
};

bool rt_str_is(struct rt_str a, struct rt_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

const char *rt_str_find(struct rt_str text, struct rt_str what, size_t from)
{
    if (what.n == 0 || text.n < what.n || from > text.n - what.n)
        return NULL;
    return memmem(text.p + from, text.n - from, what.p, what.n);
}

size_t rt_str_count(struct rt_str text, struct rt_str what)
{
    size_t count = 0;
    for (const char *at = rt_str_find(text, what, 0); at != NULL; count++)
        at = rt_str_find(text, what, (size_t)(at - text.p) + what.n);
    return count;
}

void *rt_pool_take(struct rt_pool *pool, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    const size_t want = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (want > pool->left_bytes || pool->next == NULL) {
        const size_t size = want > BLOCK_BYTES ? want : BLOCK_BYTES;
        struct rt_pool_block *block = malloc(sizeof *block + size);
        if (block == NULL)
            return NULL;
        block->before = pool->blocks;
        pool->blocks = block;
        pool->next = block->bytes;
        pool->left_bytes = size;
    }
    void *p = pool->next;
    pool->next += want;
    pool->left_bytes -= want;
    return p;
}

void rt_pool_free(struct rt_pool *pool)
{
    for (struct rt_pool_block *block = pool->blocks, *before; block != NULL; block = before) {
        before = block->before;
        free(block);
    }
    *pool = (struct rt_pool){ 0 };
}

void rt_buf_add(struct rt_buf *text, const char *p, size_t n)
{
    if (text->failed)
        return;
    if (n >= text->room - text->bytes) { /* one byte stays for the NUL */
        if (n > SIZE_MAX / 4 - text->bytes) {
            text->failed = true;
            return;
        }
        const size_t room = 2 * (text->bytes + n) + 64;
        char *data = rt_pool_take(text->pool, room);
        if (data == NULL) {
            text->failed = true;
            return;
        }
        if (text->bytes > 0)
            memcpy(data, text->data, text->bytes);
        text->data = data;
        text->room = room;
    }
    if (n > 0)
        memcpy(text->data + text->bytes, p, n);
    text->bytes += n;
}

void rt_buf_str(struct rt_buf *text, struct rt_str str)
{
    rt_buf_add(text, str.p, str.n);
}

void rt_buf_format(struct rt_buf *text, const char *fmt, ...)
{
    char line[1024]; /* callers print numbers and short names; longer is cut */
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n > 0)
        rt_buf_add(text, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

rt_status rt_buf_end(struct rt_buf *text, struct rt_str *str, struct rt_error *err)
{
    rt_buf_add(text, "", 0); /* makes room for the NUL of an empty text */
    if (text->failed)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %zu bytes of text", text->bytes);
    text->data[text->bytes] = '\0';
    *str = (struct rt_str){ text->data, text->bytes };
    return RT_OK;
}
