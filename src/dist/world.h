/* world.h - what the files of this folder share: the ranks' communicator, waiting, and MPI's errors as a
 * status. */
#ifndef RT_DIST_WORLD_H
#define RT_DIST_WORLD_H

#include "dist/board.h"
#include "dist/dist.h"

#include <mpi.h>

struct rt_nccl;  /* reduce_nccl.h */
struct rt_watch; /* watch.h */

struct rt_dist {
    struct rt_phase_clock {
        double since_s; /* when the phase began */
        int phase;
        double seconds[32]; /* in each phase, without the one under way */
    } clock;
    struct rt_gather { /* of rt_dist_gather_post */
        MPI_Request request;
        char *bytes; /* [size * each] what comes, and behind it this rank's own */
        size_t each; /* 0: none was posted */
    } gather;
    MPI_Comm comm;  /* our own copy of MPI_COMM_WORLD: nothing else's messages meet ours */
    MPI_Comm words; /* another: words that travel while anything else does */
    int rank, size, local_rank, local_size;
    _Atomic double timeout_s;            /* longest wait for the other ranks; 0: for ever */
    size_t chunk_bytes;                  /* most bytes one MPI call moves; below 2^31 */
    char *work;                          /* [chunk_bytes] for sums */
    int *counts, *starts, *same, *apart; /* [size] each, for sums */
    char host[256];
    bool (*asked)(void *context); /* was this rank told to stop? */
    void *asked_context;
    struct rt_dist_word {
        bool posted;
        uint32_t mine, all; /* MPI reads and writes them until the request is complete */
        MPI_Request request;
    } word;
    MPI_Request round;        /* of rt_dist_look */
    struct rt_board board;    /* where the ranks of this host stand */
    struct rt_watch *watch;   /* NULL: nobody watches, and waits look at the clock themselves */
    struct rt_dist_lane lane; /* once rt_dist_open_device was called */
    bool on_device;
    struct rt_nccl *nccl; /* NULL: MPI sums, through host memory */
    bool nccl_stands;     /* it has started; else that goes on */
    void *stage;          /* [chunk_bytes] on the host for device memory without NCCL */
    float *begun;         /* a range to be summed by rt_dist_sum_end: [begun_count] */
    int64_t begun_count;
    char how[768]; /* what rt_dist_open_device chose */
    char mpi[128]; /* MPI's own name, once it was asked for */
};

/* RT_OK, or RT_ERR_COMM with the call's name and MPI's own text. */
rt_status rt_dist_mpi(int code, const char *call, struct rt_error *err);

/*
 * Collective. Returns once every rank is here. On the board an operation of so many bytes has begun, which the
 * caller ends by rt_board_leave once the bytes have moved.
 *
 * Ranks may wait for each other long (one reads a file for all), and MPI's own waiting spins: so a collective
 * first comes together here, where a rank polls, soon with naps of a twentieth of the time it has waited so far
 * and at most 1 ms (5% more latency, 2% of a core), and only then moves data in a call that finds all present.
 * That one does not block either: a rank can still be lost in the midst of it.
 */
rt_status rt_dist_arrive(struct rt_dist *dist, const char *what, int64_t bytes, struct rt_error *err);

/* Waits for a non-blocking call that moves bytes between ranks that have all come: code is what it returned. */
rt_status rt_dist_move(struct rt_dist *dist, int code, MPI_Request *request, const char *call,
                       struct rt_error *err);

/* The time limit is over: RT_ERR_COMM, with who did not come as far as this rank can tell. */
rt_status rt_dist_late(struct rt_dist *dist, const char *what, struct rt_error *err);

/* Waits for an operation that needs all ranks. */
rt_status rt_dist_wait_mpi(struct rt_dist *dist, MPI_Request *request, const char *what, struct rt_error *err);

/* device.c: NCCL's asynchronous failure if there is one; end NCCL's work at once, whatever hangs. */
rt_status rt_dist_device_error(struct rt_dist *dist, const char *what, struct rt_error *err);
void rt_dist_drop_device(struct rt_dist *dist);

/* phase_clock.c: the next phase begins. */
void rt_phase_clock_next(struct rt_phase_clock *clock, int phase);

/* gather.c: an end to what is under way; collective. */
void rt_gather_end(struct rt_dist *dist);

#endif
