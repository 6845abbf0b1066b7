/* load.h - what the files that load weights share. Private to model. */
#ifndef RT_MODEL_LOAD_H
#define RT_MODEL_LOAD_H

#include "base/file.h"
#include "dist/dist.h"
#include "model/read_ahead.h"
#include "model/state.h"

/* One tensor to read, in file order. */
struct rt_load_item {
    int64_t weight;  /* index in m->weight */
    uint64_t offset; /* of its first byte in the file */
    int32_t file, dtype;
};

/*
 * shares.c - which rank reads what: the weights in pieces of whole rows, in file order, cut into one stretch of
 * about the same size a reader. A reader reads its stretch from start to end, all at the same time.
 */
enum { RT_MOST_READERS = 16 };
struct rt_shares {
    struct rt_piece *piece; /* [pieces] */
    struct rt_piece_place {
        int64_t weight, row, rows;
    } * place; /* [pieces] where in the model a piece goes */
    int64_t pieces;
    size_t most_bytes; /* of a piece, in either type */
    int readers, mine; /* mine: this rank's place among them, or -1 */
    int rank[RT_MOST_READERS];
    int64_t first[RT_MOST_READERS + 1]; /* reader i has pieces [first[i], first[i + 1]) */
};
/* Not collective. Whether the files are here with their sizes; then hex is a digest of a few places in each, by
 * which a file is known from another of its size. */
bool rt_files_look(const struct rt_files *files, char hex[RT_DIGEST_CHARS + 1]);

/* Collective. Readers are up to RT_MOST_READERS ranks, evenly spaced, that find the files as rank 0 did; rank 0
 * always is one. Fails on all: RT_ERR_FILE where one of them finds others of the same sizes. */
rt_status rt_shares_make(struct rt_shares *shares, const struct rt_model *m, const struct rt_files *files,
                         const struct rt_load_item *items, int64_t count, struct rt_dist *dist,
                         struct rt_error *err);
void rt_shares_free(struct rt_shares *shares);

/* place.c. Collective: reads, spreads and places every piece. */
rt_status rt_load_items(struct rt_model *m, const struct rt_files *files, const struct rt_load_item *items,
                        int64_t count, struct rt_dist *dist, const struct rt_notes *notes,
                        struct rt_error *err);

#endif
