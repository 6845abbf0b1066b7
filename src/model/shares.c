/* shares.c - which rank reads which part of a model's files. */
#include "config.h"
#include "model/load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pieces of a model: enough that they can be shared out and read at the same time, each large enough for a fast
 * read. */
enum { SMALLEST_PIECE = 64 << 10, LARGEST_PIECE = 16 << 20, PIECES = 256 };

static struct rt_piece piece_of(const struct rt_model *m, const struct rt_load_item *item, int64_t row,
                                int64_t rows)
{
    const struct rt_weight *w = &m->weight[item->weight];
    struct rt_piece p = { .file = item->file,
                          .offset = item->offset,
                          .elements = rows * w->cols,
                          .from = (enum rt_file_dtype)item->dtype,
                          .to = w->f32 ? RT_F32 : m->ex->act };
    p.offset += (uint64_t)row * (uint64_t)w->cols * (p.from == RT_FILE_F32 ? 4 : 2);
    return p;
}

static size_t larger(const struct rt_piece *p)
{
    const size_t raw = rt_piece_raw_bytes(p), bytes = rt_piece_bytes(p);
    return raw > bytes ? raw : bytes;
}

static size_t bytes_a_piece(const struct rt_model *m, const struct rt_load_item *items, int64_t count)
{
    size_t all = 0;
    for (int64_t i = 0; i < count; i++) {
        const struct rt_piece whole = piece_of(m, &items[i], 0, m->weight[items[i].weight].rows);
        all += larger(&whole);
    }
    all /= PIECES;
    return all < SMALLEST_PIECE ? SMALLEST_PIECE : all < LARGEST_PIECE ? all : LARGEST_PIECE;
}

/* As many rows a piece as fit, at least one. */
static int64_t rows_of(const struct rt_model *m, const struct rt_load_item *item, size_t bytes)
{
    const struct rt_piece row = piece_of(m, item, 0, 1);
    const int64_t fit = (int64_t)(bytes / larger(&row)), rows = m->weight[item->weight].rows;
    return fit < 1 ? 1 : fit < rows ? fit : rows;
}

static rt_status cut(struct rt_shares *s, const struct rt_model *m, const struct rt_load_item *items,
                     int64_t count, struct rt_error *err)
{
    const size_t bytes = bytes_a_piece(m, items, count);
    int64_t pieces = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t step = rows_of(m, &items[i], bytes);
        pieces += (m->weight[items[i].weight].rows + step - 1) / step;
    }
    s->piece = calloc((size_t)pieces + 1, sizeof *s->piece);
    s->place = calloc((size_t)pieces + 1, sizeof *s->place);
    if (s->piece == NULL || s->place == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of memory for the table of weights");
    for (int64_t i = 0; i < count; i++) {
        const int64_t rows = m->weight[items[i].weight].rows, step = rows_of(m, &items[i], bytes);
        for (int64_t row = 0; row < rows; row += step) {
            const int64_t n = rows - row < step ? rows - row : step;
            s->piece[s->pieces] = piece_of(m, &items[i], row, n);
            s->place[s->pieces] = (struct rt_piece_place){ items[i].weight, row, n };
            if (larger(&s->piece[s->pieces]) > s->most_bytes)
                s->most_bytes = larger(&s->piece[s->pieces]);
            s->pieces++;
        }
    }
    return RT_OK;
}

/* Places from a file's first byte to its last. */
enum { PLACES = 4, PLACE_BYTES = 4096 };

bool rt_files_look(const struct rt_files *files, char hex[RT_DIGEST_CHARS + 1])
{
    const size_t bytes = (size_t)files->count * PLACES * PLACE_BYTES;
    char *all = calloc(bytes + 1, 1);
    bool there = all != NULL;
    for (int i = 0; i < files->count && there; i++) {
        uint64_t size = 0;
        int fd = -1;
        there = rt_file_open(&fd, &size, files->path[i], NULL) == RT_OK;
        for (int k = 0; k < PLACES && there; k++) {
            const uint64_t last = size > PLACE_BYTES ? size - PLACE_BYTES : 0;
            (void)rt_file_read_some(fd, all + ((size_t)i * PLACES + (size_t)k) * PLACE_BYTES, PLACE_BYTES,
                                    last / (PLACES - 1) * (uint64_t)k);
        }
        if (there)
            close(fd);
        there = there && size == files->size[i];
    }
    if (there)
        rt_digest_text(all, bytes, hex);
    free(all);
    return there;
}

/* Hosts may have copies of their own: pieces of two models would make a third that nobody has. */
static rt_status fail_other(const struct rt_files *files, struct rt_error *err)
{
    return rt_fail(
        err, RT_ERR_FILE,
        "%s: this host's files are of the same sizes as those of rank 0's, but not the same: they are of another "
        "model, or damaged; copy the folder here again, or give all hosts the same one",
        files->path[0]);
}

/* Few look, so that a thousand ranks do not ask a file system for a hundred files each. */
static rt_status choose_readers(struct rt_shares *s, const struct rt_files *files, struct rt_dist *dist,
                                struct rt_error *err)
{
    const int rank = rt_dist_rank(dist), size = rt_dist_size(dist);
    const int most = size < RT_MOST_READERS ? size : RT_MOST_READERS;
    char hex[RT_DIGEST_CHARS + 1] = "", first[RT_DIGEST_CHARS + 1];
    unsigned char mine = rank == 0, *can = NULL;
    size_t bytes = 0;
    for (int i = 0; i < most && size > 1; i++)
        if (rank == (int)((int64_t)i * size / most))
            mine = rt_files_look(files, hex) || rank == 0;
    memcpy(first, hex, sizeof first);
    RT_TRY(rt_dist_bcast(dist, first, sizeof first, 0, err));
    const bool other = hex[0] != '\0' && first[0] != '\0' && strcmp(hex, first) != 0;
    RT_TRY(rt_dist_agree(dist, other ? fail_other(files, err) : RT_OK, err));
    RT_TRY(rt_dist_allgather(dist, &mine, 1, (void **)&can, &bytes, NULL, err));
    s->mine = -1;
    for (int r = 0; r < size; r++) {
        if (!can[r])
            continue;
        if (r == rank)
            s->mine = s->readers;
        s->rank[s->readers++] = r;
    }
    free(can);
    return RT_OK;
}

/* Stretches of about the same number of bytes. */
static void divide(struct rt_shares *s)
{
    uint64_t all = 0, before = 0;
    int reader = 0;
    for (int64_t i = 0; i < s->pieces; i++)
        all += rt_piece_raw_bytes(&s->piece[i]);
    for (int64_t i = 0; i < s->pieces; i++) {
        while (reader < s->readers && before * (uint64_t)s->readers >= all * (uint64_t)reader)
            s->first[reader++] = i;
        before += rt_piece_raw_bytes(&s->piece[i]);
    }
    while (reader <= s->readers)
        s->first[reader++] = s->pieces;
}

rt_status rt_shares_make(struct rt_shares *s, const struct rt_model *m, const struct rt_files *files,
                         const struct rt_load_item *items, int64_t count, struct rt_dist *dist,
                         struct rt_error *err)
{
    *s = (struct rt_shares){ .mine = -1 };
    RT_TRY(rt_dist_agree(dist, cut(s, m, items, count, err), err));
    RT_TRY(choose_readers(s, files, dist, err));
    divide(s);
    return RT_OK;
}

void rt_shares_free(struct rt_shares *s)
{
    free(s->piece);
    free(s->place);
}
