/* gather.c - some bytes of every rank for every rank, without waiting for anyone. */
#include "config.h"
#include "dist/world.h"

#include <stdlib.h>
#include <string.h>

static rt_status finish(struct rt_dist *dist, struct rt_error *err)
{
    return dist->gather.request == MPI_REQUEST_NULL
               ? RT_OK
               : rt_dist_wait_mpi(dist, &dist->gather.request, "gather of ranks' times", err);
}

rt_status rt_dist_gather_post(struct rt_dist *dist, const void *mine, size_t bytes, struct rt_error *err)
{
    struct rt_gather *g = &dist->gather;
    const size_t all = (size_t)dist->size * bytes;
    RT_TRY(finish(dist, err));
    char *grown = realloc(g->bytes, all + bytes);
    if (grown == NULL || bytes == 0 || all > dist->chunk_bytes)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to gather %zu bytes of each rank", bytes);
    g->bytes = grown;
    g->each = bytes;
    memcpy(g->bytes + all, mine, bytes);
    return rt_dist_mpi(MPI_Iallgather(g->bytes + all, (int)bytes, MPI_BYTE, g->bytes, (int)bytes, MPI_BYTE,
                                      dist->comm, &g->request),
                       "MPI_Iallgather", err);
}

rt_status rt_dist_gather_take(struct rt_dist *dist, void *all, bool *ready, struct rt_error *err)
{
    struct rt_gather *g = &dist->gather;
    int here = 0;
    *ready = false;
    if (g->each == 0)
        return RT_OK;
    RT_TRY(rt_dist_mpi(MPI_Test(&g->request, &here, MPI_STATUS_IGNORE), "MPI_Iallgather", err));
    if (!here)
        return RT_OK;
    memcpy(all, g->bytes, (size_t)dist->size * g->each);
    g->each = 0;
    *ready = true;
    return RT_OK;
}

void rt_gather_end(struct rt_dist *dist)
{
    finish(dist, NULL);
    free(dist->gather.bytes);
    dist->gather.bytes = NULL;
}
