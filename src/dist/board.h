/*
 * board.h - where every rank of a host stands, in memory that they share, so that the one that hangs can be
 * named by those that wait for it. Private to dist.
 */
#ifndef RT_DIST_BOARD_H
#define RT_DIST_BOARD_H

#include "dist/dist.h"

#include <mpi.h>
#include <stdatomic.h>

/* One rank's line: written by that rank alone, read by all of its host. */
struct rt_board_line {
    _Atomic int rank, pid;
    _Atomic int phase;        /* enum rt_phase */
    _Atomic int64_t step;     /* -1: none yet */
    _Atomic int64_t entered;  /* calls that need all ranks which this rank has begun: the same number on all,
                                 once all came */
    _Atomic int64_t since_ns; /* monotonic time of the last change, the same clock for the whole host */
    _Atomic int spoken;       /* of the first line alone: a rank of this host has said who is late */
};

struct rt_board {
    MPI_Win window;
    struct rt_board_line *line; /* [lines] of this host, by local rank */
    struct rt_board_line *mine;
    int lines;
    struct rt_board_line alone; /* where memory cannot be shared: only this rank's own */
};

/* Collective over `node`, the ranks of a host; rank is that in the job. */
void rt_board_open(struct rt_board *board, MPI_Comm node, int rank);
void rt_board_close(struct rt_board *board);
/* This rank begins a call that needs all ranks. */
void rt_board_enter(struct rt_board *board);
void rt_board_phase(struct rt_board *board, enum rt_phase phase, int64_t step);

/* After a wait beyond the limit: which ranks of this host have not come, or cannot answer, with process, phase
 * and for how long, in text; returns how many. */
int rt_board_missing(struct rt_board *board, char *text, size_t bytes);
/* True for the first rank of this host that asks: it says who is late, the others need not. */
bool rt_board_tell(struct rt_board *board);

#endif
