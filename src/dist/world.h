/* world.h - what the files of this folder share: the ranks' communicator, waiting, and MPI's errors as a
 * status. */
#ifndef RT_DIST_WORLD_H
#define RT_DIST_WORLD_H

#include "dist/dist.h"

#include <mpi.h>

struct rt_dist {
    MPI_Comm comm; /* our own copy of MPI_COMM_WORLD: nothing else's messages meet ours */
    int rank, size, local_rank, local_size;
    double timeout_s;                    /* longest wait for the other ranks; 0: for ever */
    size_t chunk_bytes;                  /* most bytes one MPI call moves; below 2^31 */
    char *work;                          /* [chunk_bytes] for sums */
    int *counts, *starts, *same, *apart; /* [size] each, for sums */
    char host[256];
};

/* RT_OK, or RT_ERR_COMM with the call's name and MPI's own text. */
rt_status rt_dist_mpi(int code, const char *call, struct rt_error *err);

/*
 * Collective. Returns once every rank is here.
 *
 * Blocking MPI calls spin, and ranks may wait for each other long (one reads a file for all): so a collective
 * first comes together here, where a rank polls, soon with naps of a twentieth of the time it has waited so far
 * and at most 1 ms (5% more latency, 2% of a core), and only then moves data in a blocking call that finds all
 * present.
 */
rt_status rt_dist_arrive(struct rt_dist *dist, const char *what, struct rt_error *err);

#endif
