/* reduce_nccl.c - one NCCL communicator for the job, asked and never waited for blindly. */
#include "config.h"
#include "base/clock.h"
#include "dist/nccl_library.h"
#include "dist/reduce_nccl.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const double end_limit_s = 10.0; /* for ending a communicator, in order or not */

struct rt_nccl {
    struct rt_nccl_library lib;
    ncclComm_t comm;      /* NULL: not started, or ended */
    ncclResult_t started; /* what the call that began it gave */
    bool stands;          /* rt_nccl_ready has seen it start */
    struct rt_dist *dist;
    char version[16];
};

rt_status rt_nccl_load(struct rt_nccl **nccl, struct rt_error *err)
{
    struct rt_nccl *n = calloc(1, sizeof *n);
    if (n == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to open NCCL");
    const rt_status st = rt_nccl_library_load(&n->lib, err);
    if (st != RT_OK) {
        free(n);
        return st;
    }
    const int v = n->lib.version;
    snprintf(n->version, sizeof n->version, "%d.%d.%d", v / 10000, v / 100 % 100, v % 100);
    *nccl = n;
    return RT_OK;
}

const char *rt_nccl_version(const struct rt_nccl *nccl)
{
    return nccl->version;
}

static rt_status failed(struct rt_nccl *n, rt_status code, ncclResult_t result, const char *what,
                        struct rt_error *err)
{
    const char *more = n->comm != NULL ? n->lib.GetLastError(n->comm) : NULL;
    return rt_fail(err, code, "%s: NCCL %s: %s%s%s%s; NCCL_DEBUG=WARN shows more", what, n->version,
                   n->lib.GetErrorString(result), more != NULL && *more != '\0' ? " (" : "",
                   more != NULL ? more : "", more != NULL && *more != '\0' ? ")" : "");
}

static ncclResult_t state(const struct rt_nccl *n)
{
    ncclResult_t now = ncclSuccess;
    const ncclResult_t asked = n->lib.CommGetAsyncError(n->comm, &now);
    return asked != ncclSuccess ? asked : now;
}

/* The last call has been taken in: it is on the stream. */
static rt_status taken_in(void *context, bool *done, struct rt_error *err)
{
    (void)err; /* a failure ends the wait; what it means is for the caller to say */
    *done = state(context) != ncclInProgress;
    return RT_OK;
}

static rt_status settle(struct rt_nccl *n, ncclResult_t result, rt_status code, const char *what,
                        struct rt_error *err)
{
    if (result == ncclInProgress || result == ncclSuccess) {
        RT_TRY(rt_dist_wait(n->dist, taken_in, n, what, err));
        result = state(n);
    }
    return result == ncclSuccess ? RT_OK : failed(n, code, result, what, err);
}

static const char starting[] = "starting NCCL";

rt_status rt_nccl_start(struct rt_nccl *n, struct rt_dist *dist, struct rt_error *err)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclUniqueId id;
    rt_status st = RT_OK;
    n->dist = dist;
    config.blocking = 0;
    if (dist->rank == 0) {
        const ncclResult_t result = n->lib.GetUniqueId(&id);
        if (result != ncclSuccess)
            st = failed(n, RT_ERR_DEVICE, result, starting, err);
    }
    RT_TRY(rt_dist_agree(dist, st, err));
    RT_TRY(rt_dist_bcast(dist, &id, sizeof id, 0, err));
    n->started = n->lib.CommInitRankConfig(&n->comm, dist->size, id, dist->rank, &config);
    return RT_OK;
}

rt_status rt_nccl_ready(struct rt_nccl *n, struct rt_error *err)
{
    rt_board_enter(&n->dist->board, starting, 0);
    RT_TRY(settle(n, n->started, RT_ERR_DEVICE, starting, err));
    rt_board_leave(&n->dist->board);
    n->stands = true;
    return RT_OK;
}

rt_status rt_nccl_sum_f32(struct rt_nccl *n, float *x, int64_t count, struct rt_error *err)
{
    static const char what[] = "sum of gradients over ranks";
    const struct rt_dist_lane *lane = &n->dist->lane;
    rt_board_enter(&n->dist->board, what, count * (int64_t)sizeof *x);
    RT_TRY(lane->after(lane->context));
    return settle(n, n->lib.AllReduce(x, x, (size_t)count, ncclFloat32, ncclSum, n->comm, lane->stream),
                  RT_ERR_COMM, what, err);
}

/* What one call of a group gave, after what those before it gave. */
static ncclResult_t after(ncclResult_t before, ncclResult_t result)
{
    return before == ncclSuccess || before == ncclInProgress ? result : before;
}

rt_status rt_nccl_bcast(struct rt_nccl *n, const struct rt_dist_spread *part, int count, struct rt_error *err)
{
    static const char what[] = "broadcast between GPUs";
    const struct rt_dist_lane *lane = &n->dist->lane;
    int64_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += (int64_t)part[i].count;
    rt_board_enter(&n->dist->board, what, bytes);
    RT_TRY(lane->after(lane->context));
    ncclResult_t result = n->lib.GroupStart();
    for (int i = 0; i < count; i++)
        result = after(result, n->lib.Broadcast(part[i].bytes, part[i].bytes, part[i].count, ncclInt8,
                                                part[i].root, n->comm, lane->stream));
    result = after(result, n->lib.GroupEnd());
    RT_TRY(settle(n, result, RT_ERR_COMM, what, err));
    return lane->before(lane->context);
}

rt_status rt_nccl_swap(struct rt_nccl *n, int peer, const void *out, void *in, size_t bytes,
                       struct rt_error *err)
{
    static const char what[] = "exchange between two GPUs";
    const struct rt_dist_lane *lane = &n->dist->lane;
    RT_TRY(lane->after(lane->context));
    ncclResult_t result = n->lib.GroupStart();
    result = after(result, n->lib.Send(out, bytes, ncclInt8, peer, n->comm, lane->stream));
    result = after(result, n->lib.Recv(in, bytes, ncclInt8, peer, n->comm, lane->stream));
    result = after(result, n->lib.GroupEnd());
    return settle(n, result, RT_ERR_COMM, what, err);
}

/* What goes wrong at the start is rt_nccl_ready's to say. */
rt_status rt_nccl_error(struct rt_nccl *n, const char *what, struct rt_error *err)
{
    const ncclResult_t now = n->comm != NULL && n->stands ? state(n) : ncclSuccess;
    return now == ncclSuccess || now == ncclInProgress ? RT_OK : failed(n, RT_ERR_COMM, now, what, err);
}

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* What the thread that may hang needs, on its own: it may outlive everything else. */
struct aborting {
    struct rt_nccl_library lib;
    ncclComm_t comm;
    _Atomic int done;
};

static void *abort_thread(void *context)
{
    struct aborting *a = context;
    a->lib.CommAbort(a->comm);
    a->done = 1;
    return NULL;
}

void rt_nccl_abort(struct rt_nccl *n)
{
    pthread_t thread;
    if (n == NULL || n->comm == NULL)
        return;
    struct aborting *a = malloc(sizeof *a);
    if (a == NULL)
        return;
    *a = (struct aborting){ n->lib, n->comm, 0 };
    n->comm = NULL;
    if (pthread_create(&thread, NULL, abort_thread, a) != 0) {
        free(a);
        return;
    }
    const double start = rt_now_s();
    while (!a->done && rt_now_s() - start < end_limit_s)
        nap();
    if (a->done) {
        pthread_join(thread, NULL);
        free(a);
    } else {
        pthread_detach(thread); /* it keeps what it works on */
    }
}

void rt_nccl_close(struct rt_nccl *n)
{
    if (n == NULL)
        return;
    if (n->comm != NULL) {
        const double start = rt_now_s();
        while (!n->stands && state(n) == ncclInProgress && rt_now_s() - start < end_limit_s)
            nap();
        ncclResult_t result = n->lib.CommFinalize(n->comm);
        while (result == ncclInProgress && rt_now_s() - start < end_limit_s) {
            nap();
            result = state(n);
        }
        if (result == ncclSuccess && n->lib.CommDestroy(n->comm) == ncclSuccess)
            n->comm = NULL;
        else
            rt_nccl_abort(n);
    }
    free(n);
}
