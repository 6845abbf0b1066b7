/* state.h - struct rt_data: what opening leaves behind, read-only for the threads. */
#ifndef RT_DATA_STATE_H
#define RT_DATA_STATE_H

#include "data/data.h"
#include "data/picture_cache.h"
#include "data/plan.h"
#include "data/rows.h"
#include "data/store.h"

struct rt_data {
    struct rt_data_options opt;
    struct rt_notes notes;
    int rank, size, local_size;
    struct rt_tokenizer *tok;
    struct rt_image_rules rules;
    struct rt_encoder encoder;
    struct rt_rows *rows[2]; /* by enum rt_split; training's hold evaluation's too when val_size splits them */
    int64_t raw_rows;        /* of both */
    struct rt_store store;
    struct rt_data_split {
        int64_t rows;
        int64_t *row;     /* [rows] rows of the store */
        int32_t *lengths; /* [rows] tokens */
    } split[2];
    struct rt_data_limits limits[2];
    struct rt_pictures *pictures;
    uint8_t *late;        /* [store.rows] 1: a picture of it turned out to be broken; 2: all ranks know */
    struct rt_bytes news; /* of late rows that only this rank knows: int64 row, reason, NUL */
    int64_t bad_rows;     /* the scan's and late ones */
    struct rt_plan_epoch *counted; /* the order that padded tokens were asked of last */
    int64_t counted_epoch;
    struct rt_data_course course; /* zeros: not said */
};

/* model_files.c: collective. Sets data->tok, rules and encoder. Fails: RT_ERR_FILE, RT_ERR_JOB (no name for a
 * folder). */
rt_status rt_data_model_files(struct rt_data *data, struct rt_dist *dist, struct rt_error *err);

/* The order of a split's rows on `ranks` ranks. */
void rt_data_plan(const struct rt_data *data, enum rt_split split, int64_t ranks, struct rt_plan_options *plan);
/* Find data->limits of a split. Fails: RT_ERR_MEMORY. */
rt_status rt_data_measure(struct rt_data *data, enum rt_split split, struct rt_error *err);
/* Tokens that the reference appends to the first row of a micro-batch without pictures: a white 64 x 64
 * picture. *width and *height (may be NULL): its size in the model. */
int32_t rt_data_fake_tokens(const struct rt_data *data, int32_t *width, int32_t *height);
/* Tokens of each row of a micro-batch (rows of the store) once the reference has padded them. */
int64_t rt_data_padded_width(const struct rt_data *data, const int64_t *rows, int64_t count);

/* ---- bad_rows.c: rows that cannot be used ---- */

/* More than max_bad_rows bears? RT_ERR_DATA says how many, the first three, where the list is and the key. */
rt_status rt_data_check_bad(const struct rt_data *data, struct rt_error *err);
/* Not collective. output_dir/bad_rows.jsonl, written aside and renamed; an old one goes when no row is bad.
 * Fails: RT_ERR_OUTPUT. */
rt_status rt_data_list_bad(const struct rt_data *data, struct rt_error *err);
/* "data/x.json row 17 (line 203)", and a line of bad_rows.jsonl. */
void rt_data_where(const struct rt_data *data, int64_t raw, char *text, size_t bytes);
void rt_data_bad_line(const struct rt_data *data, int64_t raw, const char *reason, struct rt_bytes *line);

/* late_rows.c: a good row of the store that has to be left out after all is told here and kept for
 * rt_data_late_share. Fails: RT_ERR_MEMORY. */
rt_status rt_data_late_bad(struct rt_data *data, int64_t row, struct rt_error *err);

#endif
