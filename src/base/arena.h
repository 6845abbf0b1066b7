/*
 * arena.h - one block of memory handed out from its start.
 *
 * An arena without memory (base NULL) only counts: running the code that lays out buffers over a counting
 * arena is how the memory plan is made, so plan and use cannot differ.
 */
#ifndef RT_BASE_ARENA_H
#define RT_BASE_ARENA_H

#include <stddef.h>

enum { RT_ARENA_ALIGN = 256 };

struct rt_arena {
    char *base;        /* where the memory's owner runs (host or device); NULL: count only */
    size_t size_bytes; /* of base */
    size_t used_bytes; /* handed out now */
    size_t peak_bytes; /* most ever handed out */
};

/* The next `bytes`, aligned to RT_ARENA_ALIGN. Counting arena: NULL. A full arena aborts in debug and returns
 * NULL otherwise: it cannot happen to a planned layout. */
void *rt_arena_take(struct rt_arena *arena, size_t bytes);

/* Hand back everything taken since used_bytes was `mark`. */
static inline void rt_arena_rewind(struct rt_arena *arena, size_t mark)
{
    arena->used_bytes = mark;
}

#endif
