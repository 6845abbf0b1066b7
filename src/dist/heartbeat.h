/*
 * heartbeat.h - the files by which hosts know of each other: one a host, written by one rank of it, read by all
 * once a wait grows long; and what is left for the person who asks why. Private to dist.
 *
 * folder/hb/<first rank of the host>: a line for the host (a number that grows with each renewal) and one for
 * each rank, all of fixed length, written in place. Times are ages, since hosts share no clock.
 */
#ifndef RT_DIST_HEARTBEAT_H
#define RT_DIST_HEARTBEAT_H

#include "base/status.h"
#include "dist/board.h"
#include "dist/verdict.h"

struct rt_heartbeat {
    const char *folder; /* the caller's, e.g. output_dir */
    struct rt_board *board;
    int ranks, fd; /* fd -1: not open */
    int64_t beat;
    char *text; /* the file to be */
    size_t bytes;
    struct rt_heard {        /* of each host, under the rank that is first on it */
        int64_t beat, at_ns; /* at_ns: when that beat was seen first; 0: never */
    } * heard;               /* [ranks] */
    struct rt_seen *seen;    /* [ranks] what files and board say; rank -1: nothing */
};

/* Rank 0, before any other opens: folder/hb without what an earlier run left, and folder/diag. Fails:
 * RT_ERR_OUTPUT. */
rt_status rt_heartbeat_prepare(const char *folder, struct rt_error *err);
/* Not collective. Fails: RT_ERR_MEMORY. */
rt_status rt_heartbeat_open(struct rt_heartbeat *h, const char *folder, struct rt_board *board, int ranks,
                            struct rt_error *err);
void rt_heartbeat_close(struct rt_heartbeat *h);

/* Renew this host's file. One that cannot be written is tried again next time: no reason to end a run. */
void rt_heartbeat_write(struct rt_heartbeat *h);
/* This host's ranks into seen[], from the board; never waits for a file. */
void rt_heartbeat_look(const struct rt_board *board, struct rt_seen *seen, int ranks);
/* All hosts' into h->seen. */
void rt_heartbeat_read(struct rt_heartbeat *h);
/* True for the first of all ranks on all hosts: it gives the verdict, the others need not. Where files do not
 * work, true. */
bool rt_heartbeat_claim(const struct rt_heartbeat *h);
/* The verdict into hb/verdict, and the last operations of this host's ranks into diag/rank-<r>.jsonl. */
void rt_heartbeat_leave(const struct rt_heartbeat *h, const char *verdict);

#endif
