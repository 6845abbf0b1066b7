/* world.c - starting and ending MPI, who the ranks are, and agreeing on a status. */
#include "config.h"
#include "dist/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 8 << 20 }; /* large enough for full bandwidth, small enough to keep as a buffer for ever */
enum { SETUP_TIMEOUT_S = 1800 }; /* until a job says otherwise */

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
    rt_board_open(&dist->board, node, dist->rank, dist->host);
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
    d->gather.request = MPI_REQUEST_NULL;
    rt_phase_clock_next(&d->clock, RT_PHASE_SETUP);
    d->timeout_s = SETUP_TIMEOUT_S;
    if (gethostname(d->host, sizeof d->host - 1) != 0)
        snprintf(d->host, sizeof d->host, "unknown host");
    rt_status st = RT_OK;
    RT_TRY_TO(st, rt_dist_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &d->comm), "MPI_Comm_dup", err), err_release);
    RT_TRY_TO(st, rt_dist_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &d->words), "MPI_Comm_dup", err), err_free_first);
    MPI_Comm_set_errhandler(d->comm, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(d->words, MPI_ERRORS_RETURN);
    d->round = MPI_REQUEST_NULL;
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
    MPI_Comm_free(&d->words);
err_free_first:
    MPI_Comm_free(&d->comm);
err_release:
    release(d);
    return st;
}

void rt_dist_close(struct rt_dist *dist)
{
    if (dist == NULL)
        return;
    rt_dist_watch_end(dist);
    rt_dist_barrier(dist, NULL); /* nobody leaves while another still works: a launcher would kill it */
    if (dist->word.posted)       /* by all, who are here */
        MPI_Wait(&dist->word.request, MPI_STATUS_IGNORE);
    rt_gather_end(dist);
    rt_board_close(&dist->board);
    MPI_Comm_free(&dist->words);
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

void rt_dist_set_stop(struct rt_dist *dist, bool (*asked)(void *context), void *context)
{
    dist->asked = asked;
    dist->asked_context = context;
}

bool rt_dist_asked(const struct rt_dist *dist)
{
    return dist->asked != NULL && dist->asked(dist->asked_context);
}

void rt_dist_phase(struct rt_dist *dist, enum rt_phase phase, int64_t step)
{
    rt_board_phase(&dist->board, phase, step);
    rt_phase_clock_next(&dist->clock, (int)phase);
    if (dist->watch != NULL)
        rt_watch_phase(dist->watch, phase, step);
}

void rt_dist_at(struct rt_dist *dist, int64_t micro, int64_t sample)
{
    rt_board_at(&dist->board, micro, sample);
}

rt_status rt_dist_agree(struct rt_dist *dist, rt_status mine, struct rt_error *err)
{
    struct {
        int status;
        char host[sizeof dist->host], text[sizeof err->text];
    } failure;
    MPI_Request request;
    int first = dist->size; /* lowest rank that failed */
    int alike = 0;          /* ranks that failed as it did */
    const int failed = mine == RT_OK ? dist->size : dist->rank;
    if (dist->size == 1)
        return mine;
    rt_board_enter(&dist->board, "agree", sizeof first);
    RT_TRY(
        rt_dist_mpi(MPI_Iallreduce(&failed, &first, 1, MPI_INT, MPI_MIN, dist->comm, &request), "agree", err));
    RT_TRY(rt_dist_wait_mpi(dist, &request, "agree", err));
    if (first == dist->size) {
        rt_board_leave(&dist->board);
        return RT_OK;
    }

    memset(&failure, 0, sizeof failure);
    if (dist->rank == first) {
        failure.status = (int)mine;
        memcpy(failure.host, dist->host, sizeof failure.host);
        snprintf(failure.text, sizeof failure.text, "%s", err != NULL ? err->text : "it gave no reason");
    }
    RT_TRY(rt_dist_move(dist, MPI_Ibcast(&failure, (int)sizeof failure, MPI_BYTE, first, dist->comm, &request),
                        &request, "agree", err));
    const int like = dist->rank == first || (mine != RT_OK && (int)mine == failure.status && err != NULL &&
                                             strcmp(err->text, failure.text) == 0);
    RT_TRY(rt_dist_move(dist, MPI_Iallreduce(&like, &alike, 1, MPI_INT, MPI_SUM, dist->comm, &request),
                        &request, "agree", err));
    rt_board_leave(&dist->board);
    rt_fail(err, (rt_status)failure.status, "%s", failure.text);
    if (alike > 1 && alike < dist->size)
        rt_fail_in(err, "rank %d on %s and %d more rank%s: ", first, failure.host, alike - 1,
                   alike > 2 ? "s" : "");
    else if (alike == 1 && first != 0)
        rt_fail_in(err, "rank %d on %s: ", first, failure.host);
    return (rt_status)failure.status;
}

void rt_dist_say(const struct rt_dist *dist, const char *text)
{
    char lines[8192];
    size_t used = 0;
    do {
        const size_t n = strcspn(text, "\n");
        const int wrote = snprintf(lines + used, sizeof lines - used, "[rank %d %s] %.*s\n", dist->rank,
                                   dist->host, (int)n, text);
        if ((size_t)wrote >= sizeof lines - used)
            break;
        used += (size_t)wrote;
        text += n + (text[n] != '\0');
    } while (*text != '\0');
    if (write(STDERR_FILENO, lines, used) < 0) /* in one piece, so that no other rank's line comes between */
        return;                                /* nobody to hear it */
}

void rt_dist_abort(struct rt_dist *dist, rt_status code, const char *text)
{
    const rt_status why = dist != NULL ? rt_dist_why(dist, code) : code;
    const int exit_code = rt_exit_code(why == RT_OK ? RT_ERR_INTERNAL : why);
    if (dist != NULL && dist->watch != NULL)
        rt_watch_ending(dist->watch, exit_code);
    fflush(NULL);
    if (dist != NULL) {
        dist->board.mine->ending = 1;
        rt_dist_say(dist, text);
    } else {
        fprintf(stderr, "%s\n", text);
    }
    if (dist != NULL)
        rt_dist_drop_device(dist);
    if (dist != NULL)
        MPI_Abort(dist->comm, exit_code);
    _Exit(exit_code); /* some launchers let MPI_Abort return */
}
