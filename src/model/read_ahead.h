/*
 * read_ahead.h - threads that read pieces of files into host memory, ahead of the one that takes them in order.
 * Private to model.
 */
#ifndef RT_MODEL_READ_AHEAD_H
#define RT_MODEL_READ_AHEAD_H

#include "base/status.h"
#include "checkpoint/checkpoint.h"
#include "kernels/exec.h"

#include <stdbool.h>
#include <stdint.h>

/* Numbers that lie together in a file, and the type in which the model wants them. */
struct rt_piece {
    int file;
    uint64_t offset;
    int64_t elements;
    enum rt_file_dtype from;
    enum rt_dtype to;
};

size_t rt_piece_raw_bytes(const struct rt_piece *piece); /* in the file */
size_t rt_piece_bytes(const struct rt_piece *piece);     /* in the model */
/* to = raw in the model's type, rounded to nearest where it has fewer bits. Returns where the result is: raw
 * itself if the types are the same. */
void *rt_piece_convert(const struct rt_piece *piece, void *to, void *raw);

struct rt_files {
    int count;
    const char **path;
    const uint64_t *size; /* as the rank that read the headers saw it */
};

struct rt_read_ahead_options {
    struct rt_exec *ex; /* memory is pinned for it */
    const struct rt_files *files;
    const struct rt_piece *piece; /* [pieces] in the order in which they are taken */
    int64_t pieces;
    bool convert;       /* else a piece is given as in the file */
    size_t slot_bytes;  /* the largest piece in either type */
    int threads, slots; /* at least 1 each; a slot holds a piece that was read and is not done with */
};

struct rt_read_ahead;

/* Starts reading. The options' pointers must stay. Fails: RT_ERR_MEMORY. */
rt_status rt_read_ahead_open(struct rt_read_ahead **ahead, const struct rt_read_ahead_options *opt,
                             struct rt_error *err);
/* Ends reading, wherever it is, and frees all slots. NULL is fine. */
void rt_read_ahead_close(struct rt_read_ahead *ahead);
/* The next piece, if it is there within wait_s seconds: else *bytes is NULL. Fails: RT_ERR_FILE, RT_ERR_IO,
 * RT_ERR_MEMORY. */
rt_status rt_read_ahead_next(struct rt_read_ahead *ahead, double wait_s, void **bytes, struct rt_error *err);
/* The oldest piece that was taken and not given back may be written over. */
void rt_read_ahead_give_back(struct rt_read_ahead *ahead);

#endif
