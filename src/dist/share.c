/* share.c - bytes from one rank to all, from all to all, and files that one rank reads for the job. */
#include "config.h"
#include "dist/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_BYTES = 1 << 20 };
static const size_t most_bytes = (size_t)8 << 30; /* a device that never ends must not eat all memory */

rt_status rt_dist_bcast(struct rt_dist *dist, void *bytes, size_t count, int root, struct rt_error *err)
{
    char *at = bytes;
    MPI_Request request;
    if (root < 0 || root >= dist->size)
        return rt_fail(err, RT_ERR_INTERNAL, "broadcast from rank %d of %d", root, dist->size);
    if (dist->size == 1)
        return RT_OK;
    RT_TRY(rt_dist_arrive(dist, "broadcast", (int64_t)count, err));
    while (count > 0) {
        const size_t n = count < dist->chunk_bytes ? count : dist->chunk_bytes;
        RT_TRY(rt_dist_move(dist, MPI_Ibcast(at, (int)n, MPI_BYTE, root, dist->comm, &request), &request,
                            "MPI_Ibcast", err));
        at += n;
        count -= n;
    }
    rt_board_leave(&dist->board);
    return RT_OK;
}

/* Every rank's count to every rank; RT_ERR_MEMORY where the sum is beyond memory. */
static rt_status gather_counts(struct rt_dist *dist, size_t mine_bytes, uint64_t *sizes, uint64_t *total,
                               struct rt_error *err)
{
    const uint64_t mine = mine_bytes;
    MPI_Request request;
    RT_TRY(rt_dist_arrive(dist, "gather", (int64_t)mine_bytes, err));
    RT_TRY(rt_dist_move(dist,
                        MPI_Iallgather(&mine, 1, MPI_UINT64_T, sizes, 1, MPI_UINT64_T, dist->comm, &request),
                        &request, "MPI_Iallgather", err));
    *total = 0;
    for (int r = 0; r < dist->size; r++) {
        if (sizes[r] > SIZE_MAX - 1 - *total)
            return rt_fail(err, RT_ERR_MEMORY, "the ranks' bytes together are more than memory can be");
        *total += sizes[r];
    }
    return RT_OK;
}

/* One collective where it fits an int, else one broadcast a rank. */
static rt_status gather_bytes(struct rt_dist *dist, const void *mine, char *all, const uint64_t *sizes,
                              uint64_t total, struct rt_error *err)
{
    if (total <= dist->chunk_bytes) {
        MPI_Request request;
        int start = 0;
        for (int r = 0; r < dist->size; r++) {
            dist->counts[r] = (int)sizes[r];
            dist->starts[r] = start;
            start += dist->counts[r];
        }
        return rt_dist_move(dist,
                            MPI_Iallgatherv(mine, dist->counts[dist->rank], MPI_BYTE, all, dist->counts,
                                            dist->starts, MPI_BYTE, dist->comm, &request),
                            &request, "MPI_Iallgatherv", err);
    }
    for (int r = 0; r < dist->size; r++) {
        if (r == dist->rank && sizes[r] > 0)
            memcpy(all, mine, sizes[r]);
        RT_TRY(rt_dist_bcast(dist, all, sizes[r], r, err));
        all += sizes[r];
    }
    return RT_OK;
}

rt_status rt_dist_allgather(struct rt_dist *dist, const void *mine, size_t mine_bytes, void **all,
                            size_t *all_bytes, size_t *counts, struct rt_error *err)
{
    uint64_t total = 0;
    char *joined = NULL;
    rt_status st = RT_OK;
    uint64_t *sizes = malloc((size_t)dist->size * sizeof *sizes);
    if (sizes == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "no memory to gather from %d ranks", dist->size);
    RT_TRY_TO(st, rt_dist_agree(dist, st, err), err_free);
    RT_TRY_TO(st, gather_counts(dist, mine_bytes, sizes, &total, err), err_free);
    joined = malloc((size_t)total + 1);
    if (joined == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "no memory for %zu bytes gathered from %d ranks", (size_t)total,
                     dist->size);
    RT_TRY_TO(st, rt_dist_agree(dist, st, err), err_free);
    RT_TRY_TO(st, gather_bytes(dist, mine, joined, sizes, total, err), err_free);
    rt_board_leave(&dist->board);
    for (int r = 0; counts != NULL && r < dist->size; r++)
        counts[r] = (size_t)sizes[r];
    *all = joined;
    *all_bytes = (size_t)total;
    free(sizes);
    return RT_OK;

err_free:
    free(joined);
    free(sizes);
    return st;
}

/* Everything up to the end of the file, NUL-terminated; its size may be unknown (a pipe) or change. */
static rt_status read_all(const struct rt_dist *dist, FILE *f, const char *path, size_t expected, char **text,
                          size_t *bytes, struct rt_error *err)
{
    char *kept = NULL;
    size_t used = 0, room = 0;
    for (;;) {
        if (room - used < READ_BYTES + 1) {
            room = room == 0 ? expected + READ_BYTES + 1 : room * 2;
            char *more = realloc(kept, room);
            if (more == NULL) {
                free(kept);
                return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for %zu bytes of it", path, room);
            }
            kept = more;
        }
        const size_t n = fread(kept + used, 1, READ_BYTES, f);
        used += n;
        if (n == 0)
            break;
        if (rt_dist_asked(dist)) {
            free(kept);
            return rt_fail(err, RT_STOPPED, "stopped while %s was read", path);
        }
        if (used > most_bytes) {
            free(kept);
            return rt_fail(err, RT_ERR_FILE, "%s: is larger than %zu bytes", path, most_bytes);
        }
    }
    if (ferror(f)) {
        const int why = errno;
        free(kept);
        return rt_fail(err, RT_ERR_FILE, "%s: cannot be read: %s", path, strerror(why));
    }
    kept[used] = '\0';
    *text = kept;
    *bytes = used;
    return RT_OK;
}

static rt_status read_here(const struct rt_dist *dist, const char *path, char **text, size_t *bytes,
                           struct rt_error *err)
{
    struct stat about = { 0 };
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return rt_fail(err, RT_ERR_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    size_t expected = 0;
    rt_status st = RT_OK;
    if (fstat(fileno(f), &about) == 0 && S_ISDIR(about.st_mode))
        st = rt_fail(err, RT_ERR_FILE, "%s: is a folder, not a file", path);
    else if (S_ISREG(about.st_mode) && about.st_size > 0)
        expected = (size_t)about.st_size < most_bytes ? (size_t)about.st_size : most_bytes;
    if (st == RT_OK)
        st = read_all(dist, f, path, expected, text, bytes, err);
    fclose(f);
    return st;
}

rt_status rt_dist_read_file(struct rt_dist *dist, const char *path, char **text, size_t *bytes,
                            struct rt_error *err)
{
    char *kept = NULL;
    size_t used = 0;
    rt_status st = RT_OK;
    if (dist->rank == 0)
        st = read_here(dist, path, &kept, &used, err);
    RT_TRY(rt_dist_agree(dist, st, err));
    uint64_t count = used;
    RT_TRY_TO(st, rt_dist_bcast(dist, &count, sizeof count, 0, err), err_free);
    if (dist->rank != 0 && (kept = malloc((size_t)count + 1)) == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its %zu bytes", path, (size_t)count);
    RT_TRY_TO(st, rt_dist_agree(dist, st, err), err_free);
    RT_TRY_TO(st, rt_dist_bcast(dist, kept, (size_t)count + 1, 0, err), err_free);
    *text = kept;
    *bytes = (size_t)count;
    return RT_OK;

err_free:
    free(kept);
    return st;
}
