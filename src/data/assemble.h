/*
 * assemble.h - a pass: rows of one or several micro-batches, and the struct rt_batch made of them.
 *
 * A pass lists rows and pictures when it is planned; once its pictures are there it is filled. A row with a
 * picture that turned out to be broken is marked and left out.
 */
#ifndef RT_DATA_ASSEMBLE_H
#define RT_DATA_ASSEMBLE_H

#include "base/batch.h"
#include "base/status.h"
#include "data/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_pass_picture {
    int32_t number;         /* in the store */
    int64_t row;            /* of the pass */
    const uint8_t *rgb;     /* NULL until it is there */
    struct rt_file_id file; /* that rgb comes from */
    void *features;         /* malloc'ed, in place of rgb; or NULL */
};

struct rt_pass {
    int64_t epoch, micro; /* of the first micro-batch */
    int64_t micros;
    int64_t step_micros; /* micro-batches of the optimizer step */
    int64_t rows;
    int64_t *row;      /* [rows] rows of the store */
    int32_t *micro_of; /* [rows] 0-based in the pass */
    bool *dropped;     /* [rows] */
    int64_t pictures;
    struct rt_pass_picture *picture; /* [pictures] in the order of rows */
    size_t picture_bytes;
    struct rt_batch batch; /* once filled */
    void *memory;          /* the batch's arrays */
};

/* One more micro-batch: rows of the store. Fails: RT_ERR_MEMORY (the pass is as before). */
rt_status rt_pass_add(struct rt_pass *pass, const struct rt_store *store, const int64_t *rows, int64_t count,
                      struct rt_error *err);
/* Make the batch of the rows that are not dropped; pictures come in patches of patch x patch pixels, merge x
 * merge of them a token. ranks: what the weights are divided by besides the micro-batch's targets and
 * step_micros. A pass without rows left gives a batch of 0 tokens. Fails: RT_ERR_MEMORY, RT_ERR_INTERNAL (more
 * than 2^31 tokens, a row that is not as long as the store says). */
rt_status rt_pass_fill(struct rt_pass *pass, const struct rt_store *store, int32_t image_id, int32_t patch,
                       int32_t merge, int64_t ranks, struct rt_error *err);
void rt_pass_free(struct rt_pass *pass); /* contents; pixels are the caller's to give back */

#endif
