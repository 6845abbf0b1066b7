/*
 * rows.h - a data set's rows: from dataset_info.json through the converters and the template to token ids.
 *
 * Rows are converted one at a time, on demand and from any thread, so that ranks and threads can share a scan.
 */
#ifndef RT_DATA_ROWS_H
#define RT_DATA_ROWS_H

#include "base/status.h"
#include "data/data.h"
#include "data/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rows of one or several data sets, in the reference's order: sets as listed, num_samples (numpy's legacy
 * permutation) and max_samples applied. */
struct rt_rows;

/* Collective: files are read by rank 0 and broadcast; each is cut into rows by one scan for row boundaries,
 * without parsing them. names [count] in dataset_dir/dataset_info.json. Fails: RT_ERR_JOB (name, columns, tags:
 * says the entry and key), RT_ERR_FILE (file missing, not JSON; with line). */
rt_status rt_rows_open(struct rt_rows **rows, const struct rt_data_options *opt, const char *const *names,
                       int64_t count, struct rt_dist *dist, struct rt_error *err);
/* Collective. The same, with num_samples drawn from where `before` left numpy's stream (before NULL: from the
 * seed's start, as above). The reference opens dataset first and eval_dataset after it, from one stream. */
rt_status rt_rows_open_after(struct rt_rows **rows, const struct rt_rows *before,
                             const struct rt_data_options *opt, const char *const *names, int64_t count,
                             struct rt_dist *dist, struct rt_error *err);
void rt_rows_close(struct rt_rows *rows);
int64_t rt_rows_count(const struct rt_rows *rows);
/* "data/x.json row 17 (line 203)": where row i stands, for messages. */
void rt_rows_where(const struct rt_rows *rows, int64_t i, char *text, size_t bytes);

/* What encoding needs, shared read-only by all threads. */
struct rt_encoder {
    const struct rt_data_options *opt;
    const struct rt_tokenizer *tok;
    const struct rt_image_rules *rules;
    int32_t image_id, vision_start_id, vision_end_id, pad_id; /* <|image_pad|>, ... of this tokenizer */
};

/* An encoded row, cut to cutoff_len. A picture stands as one image_id in ids and is expanded when a batch is
 * made. */
struct rt_sample {
    int32_t count;   /* entries of ids and learn */
    int32_t *ids;    /* [count] */
    uint8_t *learn;  /* [count] 1 where the id is a label */
    int32_t length;  /* tokens once pictures are expanded */
    int32_t learned; /* labels != -100 that are also targets (after the shift) */
    int64_t cut;     /* tokens that cutoff_len took off */
    int32_t pictures;
    struct rt_sample_picture {
        char *path;
        int32_t width, height; /* in the model: multiples of patch * merge */
        int32_t tokens;        /* width * height / (patch * merge)^2 */
    } * picture;
};
void rt_sample_free(struct rt_sample *sample);

/* Convert, render and encode row i. A row that cannot be used gives RT_ERR_DATA and its reason in err, in words
 * for bad_rows.jsonl: wrong roles, odd number of messages, wrong number of <image>, content that is no text, a
 * picture that is missing or broken, a cutoff_len that cuts a picture in two (says the length that would do),
 * nothing learned left. Other codes end the run. Thread-safe. */
rt_status rt_row_encode(const struct rt_rows *rows, int64_t i, const struct rt_encoder *encoder,
                        struct rt_sample *sample, struct rt_error *err);
/* The row's turns as text for people (ranktune preview without --json): malloc'ed. */
rt_status rt_row_text(const struct rt_rows *rows, int64_t i, const struct rt_encoder *encoder, char **text,
                      struct rt_error *err);

#endif
