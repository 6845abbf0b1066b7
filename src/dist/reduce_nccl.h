/*
 * reduce_nccl.h - one NCCL communicator for the job: sums and broadcasts of device memory. Private to dist.
 *
 * The library is opened when a job on GPUs with several ranks starts, so that one program serves machines with
 * and without it. The communicator is non-blocking: every call returns at once, and what it is doing is asked
 * for (rt_dist_wait), so that a rank that is gone is noticed. A build without NCCL has a stand-in (no_nccl.c)
 * that does not load.
 */
#ifndef RT_DIST_REDUCE_NCCL_H
#define RT_DIST_REDUCE_NCCL_H

#include "dist/world.h"

struct rt_nccl;

/* Not collective. Opens the library. Fails: RT_ERR_DEVICE with the loader's reason, RT_ERR_MEMORY. */
rt_status rt_nccl_load(struct rt_nccl **nccl, struct rt_error *err);
/* Collective. Begins a communicator over all ranks of dist, whose device is that of the calling thread; `nccl`
 * as rt_nccl_load left it. NCCL goes on by itself while other things are set up. Fails alike: RT_ERR_DEVICE. */
rt_status rt_nccl_start(struct rt_nccl *nccl, struct rt_dist *dist, struct rt_error *err);
/* Collective. Waits until it stands; before anything below is asked of it. Fails: RT_ERR_DEVICE, perhaps on
 * this rank alone; RT_ERR_COMM beyond the time limit. */
rt_status rt_nccl_ready(struct rt_nccl *nccl, struct rt_error *err);
/* "2.28.9" */
const char *rt_nccl_version(const struct rt_nccl *nccl);

/* Collective. Asked of the lane, in its order; done when the lane is. In place. */
rt_status rt_nccl_sum_f32(struct rt_nccl *nccl, float *x, int64_t n, struct rt_error *err);
rt_status rt_nccl_bcast(struct rt_nccl *nccl, const struct rt_dist_spread *part, int n, struct rt_error *err);

/* Collective over the pairs: with rank `peer`, whose peer this one is. */
rt_status rt_nccl_swap(struct rt_nccl *nccl, int peer, const void *out, void *in, size_t bytes,
                       struct rt_error *err);

/* Not collective. RT_ERR_COMM if something failed behind a call that had returned. */
rt_status rt_nccl_error(struct rt_nccl *nccl, const char *what, struct rt_error *err);
/* Collective. Ends the communicator in order, all ranks together, within 10 s; else by rt_nccl_abort. NULL is
 * fine. */
void rt_nccl_close(struct rt_nccl *nccl);
/* Not collective. Ends the communicator's work whatever hangs; gives up after 10 s, and then leaves it as it
 * is. */
void rt_nccl_abort(struct rt_nccl *nccl);

#endif
