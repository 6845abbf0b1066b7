/* arena.c - one block of memory handed out from its start. */
#include "config.h"
#include "base/arena.h"

void *rt_arena_take(struct rt_arena *arena, size_t bytes)
{
    const size_t rounded = (bytes + RT_ARENA_ALIGN - 1) / RT_ARENA_ALIGN * RT_ARENA_ALIGN;
    const size_t at = arena->used_bytes;
    if (arena->base != NULL && at + rounded > arena->size_bytes)
        return NULL;
    arena->used_bytes = at + rounded;
    if (arena->used_bytes > arena->peak_bytes)
        arena->peak_bytes = arena->used_bytes;
    return arena->base == NULL ? NULL : arena->base + at;
}
