/* world.c - starting and ending MPI, who the ranks are, waiting, and agreeing on a status. */
#include "config.h"
#include "dist/world.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK_BYTES = 8 << 20 }; /* large enough for full bandwidth, small enough to keep as a buffer for ever */

rt_status rt_dist_mpi(int code, const char *call, struct rt_error *err)
{
    if (code == MPI_SUCCESS)
        return RT_OK;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    if (MPI_Error_string(code, text, &length) != MPI_SUCCESS)
        snprintf(text, sizeof text, "error %d", code);
    return rt_fail(err, RT_ERR_COMM, "%s: %s; a rank, a node or the network was lost", call, text);
}

static rt_status find_local(struct rt_dist *dist, struct rt_error *err)
{
    MPI_Comm node;
    RT_TRY(rt_dist_mpi(MPI_Comm_split_type(dist->comm, MPI_COMM_TYPE_SHARED, dist->rank, MPI_INFO_NULL, &node),
                       "MPI_Comm_split_type", err));
    MPI_Comm_rank(node, &dist->local_rank);
    MPI_Comm_size(node, &dist->local_size);
    return rt_dist_mpi(MPI_Comm_free(&node), "MPI_Comm_free", err);
}

static void release(struct rt_dist *dist)
{
    free(dist->work);
    free(dist->counts);
    free(dist);
}

rt_status rt_dist_open(struct rt_dist **dist, int *argc, char ***argv, struct rt_error *err)
{
    int provided = MPI_THREAD_SINGLE;
    RT_TRY(rt_dist_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread", err));
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    if (provided < MPI_THREAD_FUNNELED)
        return rt_fail(err, RT_ERR_COMM,
                       "this MPI allows no threads: it gives level %d and MPI_THREAD_FUNNELED is needed",
                       provided);

    struct rt_dist *d = calloc(1, sizeof *d);
    if (d == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to start MPI");
    d->chunk_bytes = CHUNK_BYTES;
    if (gethostname(d->host, sizeof d->host - 1) != 0)
        snprintf(d->host, sizeof d->host, "unknown host");
    rt_status st = RT_OK;
    RT_TRY_TO(st, rt_dist_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &d->comm), "MPI_Comm_dup", err), err_release);
    MPI_Comm_set_errhandler(d->comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(d->comm, &d->rank);
    MPI_Comm_size(d->comm, &d->size);
    RT_TRY_TO(st, find_local(d, err), err_free_comm);
    d->work = malloc(d->chunk_bytes);
    d->counts = calloc((size_t)d->size, 4 * sizeof *d->counts);
    if (d->work == NULL || d->counts == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "no memory for %zu bytes to sum over ranks in", d->chunk_bytes);
    RT_TRY_TO(st, rt_dist_agree(d, st, err), err_free_comm);
    d->starts = d->counts + d->size;
    d->same = d->starts + d->size;
    d->apart = d->same + d->size;
    *dist = d;
    return RT_OK;

err_free_comm:
    MPI_Comm_free(&d->comm);
err_release:
    release(d);
    return st;
}

void rt_dist_close(struct rt_dist *dist)
{
    if (dist == NULL)
        return;
    rt_dist_barrier(dist, NULL); /* nobody leaves while another still works: a launcher would kill it */
    MPI_Comm_free(&dist->comm);
    release(dist);
    MPI_Finalize();
}

int rt_dist_rank(const struct rt_dist *dist)
{
    return dist->rank;
}

int rt_dist_size(const struct rt_dist *dist)
{
    return dist->size;
}

int rt_dist_local_rank(const struct rt_dist *dist)
{
    return dist->local_rank;
}

int rt_dist_local_size(const struct rt_dist *dist)
{
    return dist->local_size;
}

const char *rt_dist_host(const struct rt_dist *dist)
{
    return dist->host;
}

void rt_dist_set_timeout(struct rt_dist *dist, double seconds)
{
    dist->timeout_s = seconds;
}

static void nap(double seconds)
{
    const struct timespec t = { .tv_nsec = (long)(seconds * 1e9) };
    nanosleep(&t, NULL);
}

/* Wait for an operation that needs all ranks. */
static rt_status wait_for(struct rt_dist *dist, MPI_Request *request, const char *what, struct rt_error *err)
{
    const double start = rt_now_s();
    for (int done = 0;;) {
        RT_TRY(rt_dist_mpi(MPI_Test(request, &done, MPI_STATUS_IGNORE), what, err));
        if (done)
            return RT_OK;
        const double waited = rt_now_s() - start;
        if (dist->timeout_s > 0 && waited > dist->timeout_s)
            return rt_fail(
                err, RT_ERR_COMM,
                "%s: another rank did not come within %.0f s (ddp_timeout); it hangs or is far slower", what,
                dist->timeout_s);
        if (waited > 1e-3)
            nap(waited / 20 < 1e-3 ? waited / 20 : 1e-3);
    }
}

rt_status rt_dist_arrive(struct rt_dist *dist, const char *what, struct rt_error *err)
{
    MPI_Request request;
    if (dist->size == 1)
        return RT_OK;
    RT_TRY(rt_dist_mpi(MPI_Ibarrier(dist->comm, &request), what, err));
    return wait_for(dist, &request, what, err);
}

rt_status rt_dist_barrier(struct rt_dist *dist, struct rt_error *err)
{
    return rt_dist_arrive(dist, "barrier", err);
}

rt_status rt_dist_or(struct rt_dist *dist, uint32_t *bits, struct rt_error *err)
{
    MPI_Request request;
    uint32_t all = 0;
    if (dist->size == 1)
        return RT_OK;
    RT_TRY(rt_dist_mpi(MPI_Iallreduce(bits, &all, 1, MPI_UINT32_T, MPI_BOR, dist->comm, &request),
                       "or over ranks", err));
    RT_TRY(wait_for(dist, &request, "or over ranks", err));
    *bits = all;
    return RT_OK;
}

rt_status rt_dist_agree(struct rt_dist *dist, rt_status mine, struct rt_error *err)
{
    struct {
        int status;
        char host[sizeof dist->host], text[sizeof err->text];
    } failure;
    MPI_Request request;
    int first = dist->size; /* lowest rank that failed */
    const int failed = mine == RT_OK ? dist->size : dist->rank;
    if (dist->size == 1)
        return mine;
    RT_TRY(
        rt_dist_mpi(MPI_Iallreduce(&failed, &first, 1, MPI_INT, MPI_MIN, dist->comm, &request), "agree", err));
    RT_TRY(wait_for(dist, &request, "agree", err));
    if (first == dist->size)
        return RT_OK;

    memset(&failure, 0, sizeof failure);
    if (dist->rank == first) {
        failure.status = (int)mine;
        memcpy(failure.host, dist->host, sizeof failure.host);
        snprintf(failure.text, sizeof failure.text, "%s", err != NULL ? err->text : "it gave no reason");
    }
    RT_TRY(rt_dist_mpi(MPI_Bcast(&failure, (int)sizeof failure, MPI_BYTE, first, dist->comm), "agree", err));
    rt_fail(err, (rt_status)failure.status, "%s", failure.text);
    if (first != 0)
        rt_fail_in(err, "rank %d on %s: ", first, failure.host);
    return (rt_status)failure.status;
}

void rt_dist_abort(struct rt_dist *dist, rt_status code, const char *text)
{
    const int exit_code = rt_exit_code(code == RT_OK ? RT_ERR_INTERNAL : code);
    if (dist != NULL)
        fprintf(stderr, "rank %d on %s: %s\n", dist->rank, dist->host, text);
    else
        fprintf(stderr, "%s\n", text);
    fflush(NULL);
    if (dist != NULL)
        MPI_Abort(dist->comm, exit_code);
    _Exit(exit_code); /* some launchers let MPI_Abort return */
}
