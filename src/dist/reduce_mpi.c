/*
 * reduce_mpi.c - sums over ranks in host memory, always added in rank order.
 *
 * MPI_Allreduce may add in any order, and picks one by message size, ranks a node and version: its bits differ
 * from one layout of the same ranks to another. So each rank gathers one slice of everybody's numbers, adds
 * them up as
 * ((x0 + x1) + x2) + ..., and gives the slice to all: the bytes moved are those of the best Allreduce, 2 (R -
 * 1) / R of the data, and the bits depend on nothing but the numbers and the number of ranks.
 */
#include "config.h"
#include "dist/world.h"

#include <string.h>

struct element {
    MPI_Datatype type;
    size_t bytes;
    void (*add)(void *sum, const void *x, int64_t n); /* sum += x */
};

static void add_f32(void *sum, const void *x, int64_t n)
{
    float *restrict s = sum;
    const float *restrict v = x;
    for (int64_t i = 0; i < n; i++)
        s[i] += v[i];
}

static void add_f64(void *sum, const void *x, int64_t n)
{
    double *restrict s = sum;
    const double *restrict v = x;
    for (int64_t i = 0; i < n; i++)
        s[i] += v[i];
}

/* work holds [parts, n]: its sum in part order goes to x. */
static void add_parts(char *x, const char *work, int parts, int64_t n, const struct element *e)
{
    const size_t part_bytes = (size_t)n * e->bytes;
    if (n == 0)
        return;
    memcpy(x, work, part_bytes);
    for (int p = 1; p < parts; p++)
        e->add(x, work + (size_t)p * part_bytes, n);
}

/* n numbers; n * e->bytes fits chunk_bytes. */
static rt_status sum_chunk(struct rt_dist *d, char *x, int64_t n, const struct element *e, struct rt_error *err)
{
    for (int r = 0; r < d->size; r++) {
        d->starts[r] = (int)(n * r / d->size);
        d->counts[r] = (int)(n * (r + 1) / d->size) - d->starts[r];
    }
    const int mine = d->counts[d->rank];
    for (int r = 0; r < d->size; r++) {
        d->same[r] = mine;
        d->apart[r] = mine * r;
    }
    MPI_Request request;
    RT_TRY(rt_dist_move(d,
                        MPI_Ialltoallv(x, d->counts, d->starts, e->type, d->work, d->same, d->apart, e->type,
                                       d->comm, &request),
                        &request, "MPI_Ialltoallv", err));
    add_parts(x + (size_t)d->starts[d->rank] * e->bytes, d->work, d->size, mine, e);
    return rt_dist_move(d,
                        MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, x, d->counts, d->starts, e->type,
                                        d->comm, &request),
                        &request, "MPI_Iallgatherv", err);
}

/* Few numbers: everybody gets all and adds them up, which is one message instead of two. */
static rt_status sum_few(struct rt_dist *d, char *x, int64_t n, const struct element *e, struct rt_error *err)
{
    MPI_Request request;
    RT_TRY(rt_dist_move(d, MPI_Iallgather(x, (int)n, e->type, d->work, (int)n, e->type, d->comm, &request),
                        &request, "MPI_Iallgather", err));
    add_parts(x, d->work, d->size, n, e);
    return RT_OK;
}

static rt_status sum(struct rt_dist *d, char *x, int64_t n, const struct element *e, struct rt_error *err)
{
    /* A slice is rounded up, so the gathered slices of a chunk can be up to `size` numbers more than the chunk.
     */
    const int64_t most = (int64_t)(d->chunk_bytes / e->bytes) - d->size;
    const int64_t few = (int64_t)(d->chunk_bytes / e->bytes) / d->size < 512
                            ? (int64_t)(d->chunk_bytes / e->bytes) / d->size
                            : 512;
    if (n < 0 || most < 1)
        return rt_fail(err, RT_ERR_INTERNAL, "sum of %lld numbers over %d ranks", (long long)n, d->size);
    if (d->size == 1 || n == 0)
        return RT_OK;
    RT_TRY(rt_dist_arrive(d, "sum over ranks", n * (int64_t)e->bytes, err));
    if (n <= few) {
        RT_TRY(sum_few(d, x, n, e, err));
        n = 0;
    }
    while (n > 0) {
        const int64_t now = n < most ? n : most;
        RT_TRY(sum_chunk(d, x, now, e, err));
        x += (size_t)now * e->bytes;
        n -= now;
    }
    rt_board_leave(&d->board);
    return RT_OK;
}

rt_status rt_dist_sum_f32(struct rt_dist *dist, float *x, int64_t n, struct rt_error *err)
{
    const struct element e = { MPI_FLOAT, sizeof *x, add_f32 };
    return sum(dist, (char *)x, n, &e, err);
}

rt_status rt_dist_sum_f64(struct rt_dist *dist, double *x, int64_t n, struct rt_error *err)
{
    const struct element e = { MPI_DOUBLE, sizeof *x, add_f64 };
    return sum(dist, (char *)x, n, &e, err);
}
