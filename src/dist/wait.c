/* wait.c - waiting for other ranks: never without a clock, and with a word on who did not come. */
#include "config.h"
#include "base/clock.h"
#include "dist/watch.h"

#include <stdio.h>
#include <time.h>

/* How long ranks that have nothing to add wait for the one that says who is late to end the job. */
static const double others_speak_s = 2.0;

/* For others to come; and while bytes move, which many MPIs do only as they are asked. */
static const double awake_s = 1e-3, awake_moving_s = 0.1;

static void nap(double seconds)
{
    const struct timespec t = { .tv_sec = (time_t)seconds,
                                .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9) };
    nanosleep(&t, NULL);
}

/*
 * The wait is over without success: one rank of a host names those of its host that are missing. Where all of
 * this host are in the call, those of another host may speak first.
 */
rt_status rt_dist_late(struct rt_dist *dist, const char *what, struct rt_error *err)
{
    char missing[1024];
    const int n = rt_board_missing(&dist->board, missing, sizeof missing);
    if (n > 0 && rt_board_tell(&dist->board))
        return rt_fail(err, RT_ERR_COMM, "%s: not done within %.0f s (ddp_timeout): on this host %s", what,
                       dist->timeout_s, missing);
    nap(others_speak_s);
    if (n > 0 || !rt_board_tell(&dist->board))
        return rt_fail(err, RT_ERR_COMM, "%s: not done within %.0f s (ddp_timeout)", what, dist->timeout_s);
    return rt_fail(err, RT_ERR_COMM,
                   "%s: not done within %.0f s (ddp_timeout), though all %d ranks of this host are in it: a "
                   "rank of another "
                   "host, the network or a GPU hangs",
                   what, dist->timeout_s, dist->local_size);
}

/* Asks at once again for the first awake_s seconds, then with naps. */
static rt_status poll(struct rt_dist *dist, rt_dist_done_fn *is_done, void *context, double awake_s,
                      const char *what, struct rt_error *err)
{
    const double start = rt_now_s();
    for (bool done = false;;) {
        RT_TRY(is_done(context, &done, err));
        if (done)
            return RT_OK;
        RT_TRY(rt_dist_device_error(dist, what, err));
        const double waited = rt_now_s() - start;
        if (dist->watch != NULL)
            RT_TRY(rt_watch_ask(dist->watch, what, err));
        else if (dist->timeout_s > 0 && waited > dist->timeout_s)
            return rt_dist_late(dist, what, err);
        if (waited > awake_s)
            nap(waited / 20 < 1e-3 ? waited / 20 : 1e-3);
    }
}

static rt_status wait(struct rt_dist *dist, rt_dist_done_fn *is_done, void *context, double awake_s,
                      const char *what, struct rt_error *err)
{
    rt_board_inside(&dist->board, true);
    const rt_status st = poll(dist, is_done, context, awake_s, what, err);
    rt_board_inside(&dist->board, false);
    return st;
}

rt_status rt_dist_wait(struct rt_dist *dist, rt_dist_done_fn *is_done, void *context, const char *what,
                       struct rt_error *err)
{
    return wait(dist, is_done, context, awake_s, what, err);
}

struct request {
    MPI_Request *mpi;
    const char *what;
};

static rt_status mpi_done(void *context, bool *done, struct rt_error *err)
{
    const struct request *r = context;
    int flag = 0;
    RT_TRY(rt_dist_mpi(MPI_Test(r->mpi, &flag, MPI_STATUS_IGNORE), r->what, err));
    *done = flag != 0;
    return RT_OK;
}

rt_status rt_dist_wait_mpi(struct rt_dist *dist, MPI_Request *request, const char *what, struct rt_error *err)
{
    struct request r = { request, what };
    return rt_dist_wait(dist, mpi_done, &r, what, err);
}

rt_status rt_dist_move(struct rt_dist *dist, int code, MPI_Request *request, const char *call,
                       struct rt_error *err)
{
    struct request r = { request, call };
    RT_TRY(rt_dist_mpi(code, call, err));
    return wait(dist, mpi_done, &r, awake_moving_s, call, err);
}

rt_status rt_dist_arrive(struct rt_dist *dist, const char *what, int64_t bytes, struct rt_error *err)
{
    MPI_Request request;
    if (dist->size == 1)
        return RT_OK;
    rt_board_enter(&dist->board, what, bytes);
    RT_TRY(rt_dist_mpi(MPI_Ibarrier(dist->comm, &request), what, err));
    return rt_dist_wait_mpi(dist, &request, what, err);
}

rt_status rt_dist_barrier(struct rt_dist *dist, struct rt_error *err)
{
    RT_TRY(rt_dist_arrive(dist, "barrier", 0, err));
    rt_board_leave(&dist->board);
    return RT_OK;
}

rt_status rt_dist_or(struct rt_dist *dist, uint32_t *bits, struct rt_error *err)
{
    MPI_Request request;
    uint32_t all = 0;
    if (dist->size == 1)
        return RT_OK;
    rt_board_enter(&dist->board, "or over ranks", sizeof *bits);
    RT_TRY(rt_dist_mpi(MPI_Iallreduce(bits, &all, 1, MPI_UINT32_T, MPI_BOR, dist->comm, &request),
                       "or over ranks", err));
    RT_TRY(rt_dist_wait_mpi(dist, &request, "or over ranks", err));
    rt_board_leave(&dist->board);
    *bits = all;
    return RT_OK;
}
