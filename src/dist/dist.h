/*
 * dist.h - ranks: who they are, agreeing on a status, sums, broadcasts, and ending together.
 *
 * The only module that knows MPI and NCCL. MPI is initialised FUNNELED: only the main thread calls these. Each
 * function says whether it is collective; a collective one must be called by all ranks alike.
 */
#ifndef RT_DIST_DIST_H
#define RT_DIST_DIST_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_dist;
struct rt_settings; /* base/settings.h */

/* Collective. Starts MPI; works without a launcher too (one rank). Fails: RT_ERR_COMM, RT_ERR_MEMORY; then MPI
 * stays unfinished, so that a launcher ends the ranks that are still in here when this one exits. */
rt_status rt_dist_open(struct rt_dist **dist, int *argc, char ***argv, struct rt_error *err);
/* Collective. Barrier, then MPI_Finalize. NULL is fine. */
void rt_dist_close(struct rt_dist *dist);
/* Collective. The same where this process got a signal and will exit with exit_code, 0 on all ranks but 0.
 * MPICH's mpiexec before 4.1 loses the codes of processes that it has handed a signal on to: there rank 0 does
 * not return, but ends in a way in which its code is heard. */
void rt_dist_close_signalled(struct rt_dist *dist, int exit_code);

/* Not collective. */
int rt_dist_rank(const struct rt_dist *dist);
int rt_dist_size(const struct rt_dist *dist);
int rt_dist_local_rank(const struct rt_dist *dist); /* among the ranks of this host */
int rt_dist_local_size(const struct rt_dist *dist);
const char *rt_dist_host(const struct rt_dist *dist);
/* Not collective. From now on a wait for other ranks that takes longer than this fails with RT_ERR_COMM, after
 * which only rt_dist_abort() may be called. 1800 at the start; 0: wait for ever. */
void rt_dist_set_timeout(struct rt_dist *dist, double seconds);
/* Not collective. From now on long phases ask asked(context) now and then whether this rank was told to stop,
 * and then fail with RT_STOPPED; NULL, as at the start: nobody asks. */
void rt_dist_set_stop(struct rt_dist *dist, bool (*asked)(void *context), void *context);
bool rt_dist_asked(const struct rt_dist *dist);
/* Not collective. What this rank does from now on, for the others to say should it hang there; step: those
 * done, or -1. */
enum rt_phase {
    RT_PHASE_SETUP,
    RT_PHASE_SCAN,
    RT_PHASE_LOAD,
    RT_PHASE_DATA,
    RT_PHASE_H2D,
    RT_PHASE_FORWARD, /* the vision tower included */
    RT_PHASE_BACKWARD,
    RT_PHASE_SUM,
    RT_PHASE_UPDATE,
    RT_PHASE_EVAL,
    RT_PHASE_SAVE,
    RT_PHASE_END /* keep last */
};
void rt_dist_phase(struct rt_dist *dist, enum rt_phase phase, int64_t step);
/* Not collective. Seconds that this rank has spent in a phase so far; what the phases are called in a summary
 * (several may share a name); NULL: there is no such phase, nor one after it. */
double rt_dist_phase_seconds(const struct rt_dist *dist, int phase);
const char *rt_dist_phase_name(int phase);
/* Not collective. It moves on within that phase: to this micro-batch of the step and this row of the data
 * (counted from 0 over all data sets; -1: none). */
void rt_dist_at(struct rt_dist *dist, int64_t micro, int64_t sample);

/*
 * Collective. From now on every rank is watched: one that stays where it is for longer than its phase may take,
 * or a wait for other ranks beyond the limit (rt_dist_set_timeout), ends the job with RT_ERR_COMM's exit code
 * and a verdict on one rank's stderr, which names the ranks to blame; also where the main thread hangs in a
 * foreign call. The hosts know of each other by files in folder/hb, renewed each 10 s; folder/diag gets each
 * rank's last operations. Fails: RT_ERR_OUTPUT, RT_ERR_MEMORY.
 */
struct rt_dist_watch_options {
    const char *folder; /* that all hosts see, as output_dir; copied */
    const char *gpu;    /* this rank's, a UUID; NULL: none */
    /* Names a row of the data. By another thread than the main one, as long as it is watched. May be NULL. */
    void (*where)(void *context, int64_t sample, char *text, size_t bytes);
    /* The watchdog ends this process with the verdict `text`, as its main thread hangs: what is to be left of
     * that. By a thread that is waited for 1.5 s. May be NULL. */
    void (*forced)(void *context, int exit_code, const char *text);
    /* Was this process told to end by what started it (SIGTERM)? A launcher that finds a rank or a host lost
     * ends the ranks that are left so, and gives them a second. Where a rank of this host has died without a
     * word, and where rank 0 waits for a host that is not heard of any more or for a network that brings
     * nothing, one rank says so and calls forced as well, with the code for a lost rank. Asked by the watching
     * thread. May be NULL. */
    bool (*told)(void *context);
    void *context;
};
rt_status rt_dist_watch_begin(struct rt_dist *dist, const struct rt_dist_watch_options *opt,
                              struct rt_error *err);
/* Not collective. */
void rt_dist_watch_end(struct rt_dist *dist);
/* Not collective, one thread at a time, which may be another than the main one. What this rank's GPU says of
 * itself, in one line, said again every few seconds: it stands in a verdict that blames no rank, and in any
 * other where it is odd. */
enum rt_card_state { RT_CARD_SOUND, RT_CARD_ODD, RT_CARD_BROKEN };
void rt_dist_card(struct rt_dist *dist, const char *text, enum rt_card_state state);
/* Not collective, by that thread, once, between rt_dist_watch_begin and _end. Hardware of this rank has failed,
 * as text says: unless the main thread has ended the job within so many seconds, the watchdog does, with
 * RT_ERR_HARDWARE's exit code; and so does every verdict from now on. */
void rt_dist_broken(struct rt_dist *dist, const char *text, double seconds);
/* Not collective. What the job ends for that fails with st: RT_ERR_HARDWARE where a rank was lost (RT_ERR_COMM)
 * because hardware failed. rt_dist_abort asks this itself. */
rt_status rt_dist_why(const struct rt_dist *dist, rt_status st);
/* Not collective. Was this rank's wait ended by a verdict that another rank says? */
bool rt_dist_silent(const struct rt_dist *dist);
/* Not collective. Returns when is_done says so. Meanwhile it looks at the clock (rt_dist_set_timeout) and at
 * NCCL: RT_ERR_COMM beyond the limit, naming the ranks that do not answer, or where NCCL failed; what: the
 * call's name for that text. */
typedef rt_status rt_dist_done_fn(void *context, bool *done, struct rt_error *err);
rt_status rt_dist_wait(struct rt_dist *dist, rt_dist_done_fn *is_done, void *context, const char *what,
                       struct rt_error *err);

/* Collective. After a phase: all ranks get the status of the lowest rank that failed, with its text in err.
 * In front of it stands "rank R on HOST: " where R is not 0, or "rank R on HOST and 2 more ranks: " where
 * others failed with the same text; nothing where all did. */
rt_status rt_dist_agree(struct rt_dist *dist, rt_status mine, struct rt_error *err);

/* Collective. Bytes of rank `root` to all; any size. */
rt_status rt_dist_bcast(struct rt_dist *dist, void *bytes, size_t count, int root, struct rt_error *err);
/* Collective. A small file read by rank 0 alone: *text (malloc'ed, NUL-terminated, *bytes long) on every rank.
 * Fails alike everywhere: RT_ERR_FILE with path and reason. */
rt_status rt_dist_read_file(struct rt_dist *dist, const char *path, char **text, size_t *bytes,
                            struct rt_error *err);
/* Collective. Every rank's bytes joined in rank order on every rank: *all is malloc'ed, counts[size] may be
 * NULL. */
rt_status rt_dist_allgather(struct rt_dist *dist, const void *mine, size_t mine_bytes, void **all,
                            size_t *all_bytes, size_t *counts, struct rt_error *err);
/* Collective. Every rank's environment variables that base/settings.h is about; their names are listed on rank
 * 0 alone. For rt_settings_free, but after a failure: RT_ERR_MEMORY, RT_ERR_COMM. */
rt_status rt_dist_settings(struct rt_dist *dist, struct rt_settings *all, struct rt_error *err);
/*
 * Collective: post equally many bytes on every rank, and later take what all posted, in rank order. In between
 * ranks compute and call anything else. Taking waits for nobody: *ready is false, and all untouched, as long as
 * not everything is here. One at a time: posting waits for one that is still under way and drops what was not
 * taken; after a collective call in between there is nothing to wait for. mine is copied.
 */
rt_status rt_dist_gather_post(struct rt_dist *dist, const void *mine, size_t bytes, struct rt_error *err);
rt_status rt_dist_gather_take(struct rt_dist *dist, void *all, bool *ready, struct rt_error *err);
/* Collective. Sums over ranks, in place. The same bits on all ranks, and from run to run for a given size. */
rt_status rt_dist_sum_f32(struct rt_dist *dist, float *x, int64_t n, struct rt_error *err);
rt_status rt_dist_sum_f64(struct rt_dist *dist, double *x, int64_t n, struct rt_error *err);
/* Collective. Bitwise or over ranks: what any rank was asked to do, all do. */
rt_status rt_dist_or(struct rt_dist *dist, uint32_t *bits, struct rt_error *err);
rt_status rt_dist_barrier(struct rt_dist *dist, struct rt_error *err);

/* Collective: post a word, and later take the bitwise or of all ranks' words. In between ranks compute and call
 * anything else: the word travels meanwhile, on a communicator of its own, so that taking it waits for nobody
 * who has posted. One at a time; rt_dist_close gives up one that was not taken. */
rt_status rt_dist_word_post(struct rt_dist *dist, uint32_t mine, struct rt_error *err);
rt_status rt_dist_word_take(struct rt_dist *dist, uint32_t *all, struct rt_error *err);
bool rt_dist_word_posted(const struct rt_dist *dist);

/*
 * A long phase in which each rank works at its own pace and which all leave together. Every rank calls again
 * and again, a few times a second at least, working says whether it has work left, until look->over: all are
 * done, or (look->stopped) one of them was told to stop. Returns at once while this rank works, and naps for a
 * millisecond at most once it has none left. Starts as all zeros. RT_ERR_COMM: a rank was not heard of within
 * the time limit.
 */
struct rt_dist_look {
    bool over, stopped;
    bool under_way;     /* private */
    double since_s;     /* private */
    uint32_t mine, all; /* private */
};
rt_status rt_dist_look(struct rt_dist *dist, struct rt_dist_look *look, bool working, struct rt_error *err);

/* ---- memory of a device
 * ----------------------------------------------------------------------------------------- */

/*
 * A stream of the device beside the one that computes, as the row above knows it. What a function has to say of
 * a failure it keeps in the rt_error that the caller gives to the functions below.
 */
struct rt_dist_lane {
    void *context;
    void *stream;                                 /* what NCCL takes (a cudaStream_t); never looked into here */
    rt_status (*after)(void *context);            /* the lane waits for all that the device was asked so far */
    rt_status (*before)(void *context);           /* the device waits for all that the lane was asked so far */
    rt_status (*done)(void *context, bool *done); /* whether all that the lane was asked is done; never waits */
    rt_status (*get)(void *context, void *host, const void *device, size_t bytes); /* complete on return */
    rt_status (*put)(void *context, void *device, const void *host,
                     size_t bytes); /* host may change on return */
};

/*
 * Collective. From now on the sums below are of memory where `lane` runs: by NCCL where every rank can load it,
 * else through host memory and MPI. *how says which, and why, for the log (static or kept in dist). On one rank
 * nothing is opened. Fails: RT_ERR_DEVICE where NCCL is there and does not start, RT_ERR_COMM beyond the time
 * limit, RT_ERR_MEMORY. NCCL's start goes on while other things are set up; what it needs of the others is
 * waited for at the first sum or broadcast, or by rt_dist_await_device, which fails alike on all ranks:
 * RT_ERR_DEVICE, RT_ERR_COMM.
 */
rt_status rt_dist_open_device(struct rt_dist *dist, const struct rt_dist_lane *lane, const char **how,
                              struct rt_error *err);
rt_status rt_dist_await_device(struct rt_dist *dist, struct rt_error *err);
/* Collective. Before the lane ends. */
void rt_dist_close_device(struct rt_dist *dist);
/* Not collective. Do ranks reach each other's device memory by NCCL? Else rt_dist_bcast_device is not to be
 * called. */
bool rt_dist_has_nccl(const struct rt_dist *dist);

/*
 * Collective. Sums of gradients over ranks, in place, that run while more is computed: begin what is final, go
 * on, and end all that was begun before anything reads it. Ranges are begun in the same order on all ranks;
 * they are in device memory once rt_dist_open_device was called, else in the host's. NCCL sums at once beside
 * what the device computes; without it all ranges are summed by end. The same bits on all ranks, and from run
 * to run on the same ranks and hosts.
 */
rt_status rt_dist_sum_begin(struct rt_dist *dist, float *x, int64_t n, struct rt_error *err);
rt_status rt_dist_sum_end(struct rt_dist *dist, struct rt_error *err);

/* Collective, with NCCL only. Device memory of rank `root` to all: n of them together, count and root the same
 * on all ranks, in the order of what the device is asked; returns at once. */
struct rt_dist_spread {
    void *bytes;
    size_t count;
    int root;
};
rt_status rt_dist_bcast_device(struct rt_dist *dist, const struct rt_dist_spread *part, int n,
                               struct rt_error *err);

/* ---- measuring
 * --------------------------------------------------------------------------------------------------- */

/* Not collective. "Open MPI v4.1.4", and "2.28.9" or "" where NCCL is not in use; as long as dist. */
const char *rt_dist_mpi_version(struct rt_dist *dist);
const char *rt_dist_nccl_version(const struct rt_dist *dist);
/*
 * Collective. Ranks in pairs send each other bytes, both ways at once: peer is the other one's rank, whose peer
 * this one is; -1: none. Host memory by MPI, complete on return; device memory by NCCL (rt_dist_has_nccl),
 * asked for on return and complete after rt_dist_sum_end.
 */
rt_status rt_dist_swap(struct rt_dist *dist, int peer, const void *out, void *in, size_t bytes,
                       struct rt_error *err);
rt_status rt_dist_swap_device(struct rt_dist *dist, int peer, const void *out, void *in, size_t bytes,
                              struct rt_error *err);

/* Not collective. Each line of text on stderr behind "[rank R HOST] ", at once and past stdio's locks. */
void rt_dist_say(const struct rt_dist *dist, const char *text);
/* Not collective. Print "[rank R HOST] text" on stderr and end the whole job with the code's exit code. NULL
 * (MPI did not start): print the text and end this process. NCCL's work is ended first, which takes 10 s at
 * most. */
void rt_dist_abort(struct rt_dist *dist, rt_status code, const char *text) __attribute__((noreturn));

#endif
