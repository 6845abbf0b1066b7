/*
 * board.h - where every rank of a host stands, in memory that they share, so that the one that hangs can be
 * named by those that wait for it, and what it last asked of the others. Private to dist.
 */
#ifndef RT_DIST_BOARD_H
#define RT_DIST_BOARD_H

#include "dist/dist.h"

#include <mpi.h>
#include <stdatomic.h>

enum { RT_BOARD_OPS = 256 }; /* last operations that are kept of each rank */

enum { RT_BOARD_CARD = 160 };

/* An operation that needs all ranks. */
struct rt_board_op {
    char name[32];
    int64_t number, bytes;
    int64_t begun_ns, done_ns; /* monotonic; done 0: not yet */
};

/* One rank's line: written by that rank's main thread alone, read by all of its host. */
struct rt_board_line {
    _Atomic int rank, pid;
    char host[64], gpu[48];             /* gpu: UUID, or "" */
    char card[2][RT_BOARD_CARD];        /* what the GPU says of itself, in turn; by a thread of that rank */
    _Atomic int card_at, card_state;    /* which of them counts; enum rt_card_state */
    _Atomic int64_t card_ns;            /* when it was said; 0: never */
    _Atomic int phase;                  /* enum rt_phase */
    _Atomic int inside;                 /* it waits for other ranks */
    _Atomic int ending;                 /* it ends the job and has said why */
    _Atomic int64_t step;               /* steps done; -1: none yet */
    _Atomic int64_t micro;              /* micro-batch of the step */
    _Atomic int64_t sample;             /* row of the data, counted from 0 over all data sets; -1: none */
    _Atomic int64_t entered, completed; /* operations that need all ranks which this rank has begun, and ended:
                                           the same number on all, once all came */
    _Atomic int64_t since_ns;  /* monotonic time of the last change, the same clock for the whole host */
    _Atomic int64_t looked_ns; /* when its watchdog looked last; 0: it has none */
    _Atomic int64_t warned;    /* of the first line alone: the operation that was warned of last */
    _Atomic int spoken;        /* of the first line alone: a rank of this host has found the job stalled */
    struct rt_board_op op[RT_BOARD_OPS]; /* number n at n % RT_BOARD_OPS */
};

struct rt_board {
    MPI_Win window;
    struct rt_board_line *line; /* [lines] of this host, by local rank */
    struct rt_board_line *mine;
    int lines;
    struct rt_board_line alone; /* where memory cannot be shared: only this rank's own */
};

/* Collective over `node`, the ranks of a host; rank is that in the job. */
void rt_board_open(struct rt_board *board, MPI_Comm node, int rank, const char *host);
void rt_board_close(struct rt_board *board);

/* This rank begins an operation that needs all ranks; bytes: -1 where they say nothing. All that it has begun
 * is done. */
void rt_board_enter(struct rt_board *board, const char *name, int64_t bytes);
void rt_board_leave(struct rt_board *board);
void rt_board_inside(struct rt_board *board, bool inside);
void rt_board_phase(struct rt_board *board, enum rt_phase phase, int64_t step);
void rt_board_card(struct rt_board *board, const char *text, enum rt_card_state state);
void rt_board_at(struct rt_board *board, int64_t micro, int64_t sample);

/* "decode", for files; "waiting for data", for people. */
const char *rt_phase_name(int phase);
const char *rt_phase_text(int phase);
/* Of a process of this host: 'T' stopped by a signal, 'Z' ended, 'R' anything else, which may go on. */
char rt_process_state(int pid);
int64_t rt_board_now_ns(void);

/* Without a watchdog, after a wait beyond the limit: which ranks of this host have not come, or cannot answer,
 * with process, phase and for how long, in text; returns how many. */
int rt_board_missing(struct rt_board *board, char *text, size_t bytes);
/* True for the first rank of this host that asks: it says who is late, the others need not. */
bool rt_board_tell(struct rt_board *board);

#endif
