/* arena.c - one block of memory handed out from its start. */
#include "config.h"
#include "base/arena.h"

#include <stdint.h>

void *rt_arena_take(struct rt_arena *arena, size_t bytes)
{
    const size_t at = arena->used_bytes;
    const size_t room = (arena->base != NULL ? arena->size_bytes : SIZE_MAX) - at;
    size_t rounded = SIZE_MAX; /* more than there is: a counting arena says so, another one refuses */
    if (bytes <= SIZE_MAX - (RT_ARENA_ALIGN - 1))
        rounded = (bytes + RT_ARENA_ALIGN - 1) / RT_ARENA_ALIGN * RT_ARENA_ALIGN;
    if (arena->base != NULL && rounded > room)
        return NULL;
    arena->used_bytes = rounded <= room ? at + rounded : SIZE_MAX;
    if (arena->used_bytes > arena->peak_bytes)
        arena->peak_bytes = arena->used_bytes;
    return arena->base == NULL ? NULL : arena->base + at;
}
