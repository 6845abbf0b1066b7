/*
 * dist.h - ranks: who they are, agreeing on a status, sums, broadcasts, and ending together.
 *
 * The only module that knows MPI (and NCCL, once there are GPUs). MPI is initialised FUNNELED: only the main thread
 * calls these. Each function says whether it is collective; a collective one must be called by all ranks alike.
 */
#ifndef RT_DIST_DIST_H
#define RT_DIST_DIST_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_dist;

/* Collective. Starts MPI; works without a launcher too (one rank). Fails: RT_ERR_COMM, RT_ERR_MEMORY; then MPI stays
 * unfinished, so that a launcher ends the ranks that are still in here when this one exits. */
rt_status rt_dist_open(struct rt_dist **dist, int *argc, char ***argv, struct rt_error *err);
/* Collective. Barrier, then MPI_Finalize. NULL is fine. */
void rt_dist_close(struct rt_dist *dist);

/* Not collective. */
int rt_dist_rank(const struct rt_dist *dist);
int rt_dist_size(const struct rt_dist *dist);
int rt_dist_local_rank(const struct rt_dist *dist); /* among the ranks of this host */
int rt_dist_local_size(const struct rt_dist *dist);
const char *rt_dist_host(const struct rt_dist *dist);
/* Not collective. From now on a wait for other ranks that takes longer than this fails with RT_ERR_COMM, after which
 * only rt_dist_abort() may be called. 0, as at the start: wait for ever. */
void rt_dist_set_timeout(struct rt_dist *dist, double seconds);

/* Collective. After a phase: all ranks get the status of the lowest rank that failed, with its text in err, with
 * "rank R on HOST: " in front where R is not 0 and not all failed alike. */
rt_status rt_dist_agree(struct rt_dist *dist, rt_status mine, struct rt_error *err);

/* Collective. Bytes of rank `root` to all; any size. */
rt_status rt_dist_bcast(struct rt_dist *dist, void *bytes, size_t count, int root, struct rt_error *err);
/* Collective. A small file read by rank 0 alone: *text (malloc'ed, NUL-terminated, *bytes long) on every rank.
 * Fails alike everywhere: RT_ERR_FILE with path and reason. */
rt_status rt_dist_read_file(struct rt_dist *dist, const char *path, char **text, size_t *bytes,
                            struct rt_error *err);
/* Collective. Every rank's bytes joined in rank order on every rank: *all is malloc'ed, counts[size] may be NULL. */
rt_status rt_dist_allgather(struct rt_dist *dist, const void *mine, size_t mine_bytes, void **all,
                            size_t *all_bytes, size_t *counts, struct rt_error *err);
/* Collective. Sums over ranks, in place. The same bits on all ranks, and from run to run for a given size. */
rt_status rt_dist_sum_f32(struct rt_dist *dist, float *x, int64_t n, struct rt_error *err);
rt_status rt_dist_sum_f64(struct rt_dist *dist, double *x, int64_t n, struct rt_error *err);
/* Collective. Bitwise or over ranks: what any rank was asked to do, all do. */
rt_status rt_dist_or(struct rt_dist *dist, uint32_t *bits, struct rt_error *err);
rt_status rt_dist_barrier(struct rt_dist *dist, struct rt_error *err);

/* Not collective. Print "rank R on HOST: text" on stderr and end the whole job with the code's exit code. NULL (MPI
 * did not start): print the text and end this process. */
void rt_dist_abort(struct rt_dist *dist, rt_status code, const char *text) __attribute__((noreturn));

#endif
