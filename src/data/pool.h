/*
 * pool.h - memory of one row's conversion: taken piece by piece, given back all at once; strings with a length.
 *
 * Strings may hold NUL bytes and do not end in one unless they say so.
 */
#ifndef RT_DATA_POOL_H
#define RT_DATA_POOL_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct rt_str {
    const char *p;
    size_t n; /* bytes */
};
#define RT_STR(literal) ((struct rt_str){ literal, sizeof literal - 1 })
bool rt_str_is(struct rt_str a, struct rt_str b);
/* How often `what` (not empty) stands in text, without overlap, from the left. */
size_t rt_str_count(struct rt_str text, struct rt_str what);
/* The first place of `what` in text at or after `from`, or NULL. */
const char *rt_str_find(struct rt_str text, struct rt_str what, size_t from);

/* Starts as all zeros. */
struct rt_pool {
    struct rt_pool_block *blocks;
    char *next;
    size_t left_bytes;
};
/* Aligned for any type; NULL without memory. */
void *rt_pool_take(struct rt_pool *pool, size_t bytes);
void rt_pool_free(struct rt_pool *pool);

/* Text that grows in a pool. A failed append is remembered and told by rt_buf_end. */
struct rt_buf {
    struct rt_pool *pool;
    char *data;
    size_t bytes, room;
    bool failed;
};
void rt_buf_add(struct rt_buf *text, const char *p, size_t n);
void rt_buf_str(struct rt_buf *text, struct rt_str str);
void rt_buf_format(struct rt_buf *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The finished text, with a NUL behind it; it lives as long as the pool. Fails: RT_ERR_MEMORY. */
rt_status rt_buf_end(struct rt_buf *text, struct rt_str *str, struct rt_error *err);

#endif
