/* measure.c - what is asked of ranks and links before a job runs: versions, and bytes between two ranks. */
#include "config.h"
#include "dist/reduce_nccl.h"

#include <stdio.h>
#include <string.h>

const char *rt_dist_mpi_version(struct rt_dist *dist)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    if (dist->mpi[0] != '\0' || MPI_Get_library_version(text, &length) != MPI_SUCCESS)
        return dist->mpi;
    text[strcspn(text, ",\n")] = '\0'; /* who built it when follows */
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '\t' ? ' ' : *c;
    snprintf(dist->mpi, sizeof dist->mpi, "%.127s", text);
    return dist->mpi;
}

const char *rt_dist_nccl_version(const struct rt_dist *dist)
{
    return dist->nccl != NULL ? rt_nccl_version(dist->nccl) : "";
}

rt_status rt_dist_swap(struct rt_dist *dist, int peer, const void *out, void *in, size_t bytes,
                       struct rt_error *err)
{
    static const char what[] = "exchange between two ranks";
    if (peer >= dist->size || peer == dist->rank)
        return rt_fail(err, RT_ERR_INTERNAL, "exchange of rank %d with rank %d", dist->rank, peer);
    RT_TRY(rt_dist_arrive(dist, what, (int64_t)bytes, err));
    for (size_t at = 0; peer >= 0 && at < bytes; at += dist->chunk_bytes) {
        const size_t left = bytes - at, n = left < dist->chunk_bytes ? left : dist->chunk_bytes;
        MPI_Request receive, send;
        RT_TRY(rt_dist_mpi(MPI_Irecv((char *)in + at, (int)n, MPI_BYTE, peer, 0, dist->comm, &receive), what,
                           err));
        RT_TRY(rt_dist_move(dist,
                            MPI_Isend((const char *)out + at, (int)n, MPI_BYTE, peer, 0, dist->comm, &send),
                            &send, what, err));
        RT_TRY(rt_dist_move(dist, MPI_SUCCESS, &receive, what, err));
    }
    rt_board_leave(&dist->board);
    return RT_OK;
}

rt_status rt_dist_swap_device(struct rt_dist *dist, int peer, const void *out, void *in, size_t bytes,
                              struct rt_error *err)
{
    if (dist->nccl == NULL || peer >= dist->size || peer == dist->rank)
        return rt_fail(err, RT_ERR_INTERNAL, "exchange of device memory of rank %d with rank %d", dist->rank,
                       peer);
    RT_TRY(rt_dist_await_device(dist, err));
    rt_board_enter(&dist->board, "exchange", (int64_t)bytes);
    return peer < 0 || bytes == 0 ? RT_OK : rt_nccl_swap(dist->nccl, peer, out, in, bytes, err);
}
