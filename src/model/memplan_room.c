/* memplan_room.c - the memory that a rank may plan with. */
#include "config.h"
#include "dist/dist.h"
#include "model/state.h"

#include <stdlib.h>

/*
 * What is left alone. On a GPU: blocks are handed out in units of 2 MiB, and NCCL and the driver take some
 * hundred MiB after the plan; of all that a GPU has, contexts and cuBLAS hold some hundred more. On a CPU:
 * pictures that are prepared ahead, the adapter's copies while a checkpoint is written, and whatever else the
 * host runs.
 */
static size_t without_margin(enum rt_device device, size_t bytes, size_t held)
{
    const size_t mib = (size_t)1 << 20,
                 margin = device == RT_DEVICE_CPU ? bytes / 16 : bytes / 64 + 256 * mib + held;
    return bytes > margin ? bytes - margin : 0;
}

static const size_t held_bytes = (size_t)768 << 20; /* by contexts and cuBLAS */

struct rt_room rt_memplan_card(size_t bytes)
{
    const size_t room = without_margin(RT_DEVICE_CUDA, bytes, held_bytes);
    return (struct rt_room){ room, room };
}

rt_status rt_memplan_room(const struct rt_model *m, struct rt_dist *dist, struct rt_room *room,
                          struct rt_error *err)
{
    struct rt_room mine = { 0 }, *all = NULL;
    size_t bytes = 0;
    RT_TRY(rt_dist_agree(dist, rt_exec_room(m->ex, &mine), err));
    if (m->ex->device == RT_DEVICE_CPU) {
        mine.free_bytes /= (size_t)rt_dist_local_size(dist);
        mine.all_bytes /= (size_t)rt_dist_local_size(dist);
    }
    mine.free_bytes = without_margin(m->ex->device, mine.free_bytes, 0);
    mine.all_bytes = without_margin(m->ex->device, mine.all_bytes, held_bytes);
    RT_TRY(rt_dist_allgather(dist, &mine, sizeof mine, (void **)&all, &bytes, NULL, err));
    *room = mine;
    for (size_t i = 0; i < bytes / sizeof *all; i++) {
        room->free_bytes = all[i].free_bytes < room->free_bytes ? all[i].free_bytes : room->free_bytes;
        room->all_bytes = all[i].all_bytes < room->all_bytes ? all[i].all_bytes : room->all_bytes;
    }
    free(all);
    return RT_OK;
}
