/*
 * store.h - the encoded rows of all sets, whole on every rank, in flat arrays.
 *
 * Rows keep the order of the files (training sets, then evaluation sets); bad ones stand in a list of their
 * own.
 */
#ifndef RT_DATA_STORE_H
#define RT_DATA_STORE_H

#include "base/status.h"
#include "data/bytes.h"

#include <stddef.h>
#include <stdint.h>

struct rt_dist;
struct rt_sample;

struct rt_store_picture {
    size_t path;                   /* where it starts in paths */
    int32_t width, height, tokens; /* in the model */
};

struct rt_store_bad {
    int64_t raw;
    size_t reason; /* where it starts in reasons */
};

struct rt_store {
    int64_t rows;                     /* good ones */
    int64_t *raw;                     /* [rows] number among all raw rows */
    int64_t *entry_at;                /* [rows + 1] */
    int32_t *ids;                     /* [entry_at[rows]] a picture is one image_id */
    uint8_t *learn;                   /* [entry_at[rows]] */
    int32_t *length;                  /* [rows] tokens, pictures expanded */
    int32_t *learned;                 /* [rows] targets */
    int64_t *picture_at;              /* [rows + 1] */
    int32_t *picture_of;              /* [picture_at[rows]] number in picture */
    int32_t pictures;                 /* different ones (path and size) */
    struct rt_store_picture *picture; /* [pictures] */
    char *paths;
    int64_t cut_rows, cut_tokens; /* good rows that cutoff_len shortens, and what it takes off them */
    int64_t bads;
    struct rt_store_bad *bad; /* [bads] */
    char *reasons;
};

/* What one thread or rank has scanned: rows one after the other. Starts as all zeros. */
struct rt_store_part {
    struct rt_bytes rows, ids, learn, pictures, paths, reasons;
};
/* Fails: RT_ERR_INTERNAL (counts that contradict each other). Want of memory shows in rt_store_part_append. */
rt_status rt_store_add(struct rt_store_part *part, const struct rt_sample *sample, int32_t image_id,
                       struct rt_error *err);
void rt_store_add_bad(struct rt_store_part *part, const char *reason);
/* Append `more` to part and free it. Fails: RT_ERR_MEMORY. */
rt_status rt_store_part_append(struct rt_store_part *part, struct rt_store_part *more, struct rt_error *err);
void rt_store_part_free(struct rt_store_part *part);

/* Collective. The parts of all ranks in rank order, whole on every rank; frees part. Fails: RT_ERR_MEMORY,
 * RT_ERR_COMM. */
rt_status rt_store_join(struct rt_store *store, struct rt_store_part *part, struct rt_dist *dist,
                        struct rt_error *err);
void rt_store_free(struct rt_store *store);

/* Bytes of a picture in the model's size. */
static inline size_t rt_store_picture_bytes(const struct rt_store_picture *picture)
{
    return (size_t)picture->width * (size_t)picture->height * 3;
}

#endif
