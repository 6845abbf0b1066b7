/*
 * data.h - files to batches: data sets, template, tokenizer, pictures, the reference's order, worker threads.
 *
 * Opening scans everything once, shared by the ranks (rows, token counts, picture headers) and keeps the
 * encoded rows; after that a loader's threads decode and resize ahead of the step.
 */
#ifndef RT_DATA_DATA_H
#define RT_DATA_DATA_H

#include "base/batch.h"
#include "base/notes.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_cache;
struct rt_dist;

/* Names are the job file's keys. Strings belong to the job. */
struct rt_data_options {
    const char *model_name_or_path; /* folder: tokenizer.json, preprocessor_config.json, config.json */
    const char **dataset;           /* [datasets] */
    int64_t datasets;
    const char **eval_dataset; /* [eval_datasets] */
    int64_t eval_datasets;
    const char *dataset_dir;    /* "data" */
    const char *media_dir;      /* dataset_dir */
    const char *template_name;  /* key "template"; qwen2_vl */
    const char *default_system; /* NULL: the template's; "": none */
    int64_t cutoff_len;         /* tokens, 2048 */
    int64_t max_samples;        /* first rows of each data set; -1: all */
    double val_size;            /* 0; a count if > 1, else a share */
    bool train_on_prompt, mask_history;
    bool split_special_tokens;
    bool use_fast_tokenizer;                    /* true; false also picks Pillow's resize in the processor */
    int64_t image_max_pixels, image_min_pixels; /* 589824, 1024 */
    bool disable_shuffling;                     /* also train_sampling_strategy: sequential */
    bool group_by_length;
    int64_t seed, data_seed; /* 42; data_seed already replaced by seed where unset */
    int64_t per_device_train_batch_size, per_device_eval_batch_size; /* 8, 8 */
    int64_t gradient_accumulation_steps;                             /* 1 */
    bool dataloader_drop_last;
    int64_t dataloader_num_workers;    /* threads that prepare pictures; 0: one (loading always overlaps) */
    int64_t preprocessing_num_workers; /* threads of the scan; <= 0: as many as there are cores for this rank */
    double max_bad_rows;               /* our key: bad rows borne: a count if >= 1, a share below; 0.1 */
    bool do_train;                     /* pads to a multiple of 8 where widths can be seen */
    const char *output_dir;            /* bad_rows.jsonl goes there; may be NULL (preview) */
};

struct rt_data; /* tokenizer, template, the encoded rows of training and evaluation sets */

/* Collective. progress(what, done, total, context) is called on rank 0 now and then, note(text, context) for
 * warnings. Fails: RT_ERR_JOB (dataset_info), RT_ERR_FILE, RT_ERR_DATA (too many bad rows; says where the list
 * is). */
rt_status rt_data_open(struct rt_data **data, const struct rt_data_options *opt, struct rt_dist *dist,
                       const struct rt_notes *notes, struct rt_error *err);
void rt_data_close(struct rt_data *data);

enum rt_split { RT_TRAIN, RT_EVAL };
int64_t rt_data_rows(const struct rt_data *data, enum rt_split split); /* good rows */
int64_t rt_data_bad_rows(const struct rt_data *data);                  /* of all sets together */
/* A digest of the good rows of a split: tokens, what is learned, and the pictures' sizes, not where they lie.
 */
uint64_t rt_data_fingerprint(const struct rt_data *data, enum rt_split split);
/* Optimizer steps per epoch on so many ranks, and micro-batches per rank and epoch: from rows, batch size,
 * accumulation. */
int64_t rt_data_steps_per_epoch(const struct rt_data *data, int64_t ranks);
int64_t rt_data_micros_per_epoch(const struct rt_data *data, enum rt_split split);
/* When the run trains and evaluates. Only group_by_length asks: the reference draws the orders of epochs and
 * evaluations from one generator. To be said before the first loader is opened; else nothing is evaluated
 * before the end. */
struct rt_data_course {
    int64_t steps; /* optimizer steps of the whole run; 0: it only evaluates */
    bool eval_on_start, eval_each_epoch;
    int64_t eval_steps; /* steps between evaluations, and one more after the last step; 0: none */
    double eval_delay;  /* none before this step or, with eval_each_epoch, epoch */
};
void rt_data_set_course(struct rt_data *data, const struct rt_data_course *course);
/* Evaluations that a run has behind it after `step` steps, once those that follow this step are done. */
int64_t rt_data_evaluations(const struct rt_data *data, int64_t step);
/* Most tokens, samples, patches, pictures and learned tokens that any one micro-batch can have on any rank; for
 * the memory plan. merged micro-batches: at most the sum. */
struct rt_data_limits {
    int64_t tokens, samples, max_length, patches, pictures, learned, picture_bytes;
    int64_t max_picture_patches;
};
void rt_data_limits(const struct rt_data *data, enum rt_split split, struct rt_data_limits *limits);
/* Different pictures of all sets, and how many tokens they are together. */
void rt_data_pictures(const struct rt_data *data, int64_t *pictures, int64_t *tokens);
/* The largest token id in any row: the model's embedding has to have it. */
int32_t rt_data_largest_id(const struct rt_data *data);
/* For total_flos and num_input_tokens_seen: tokens of the training micro-batches [from_micro, to_micro) of an
 * epoch as the reference feeds them, added up: to padded[rank] with each row padded to the longest of its
 * micro-batch, to *real without the padding, over all ranks. Not collective; keeps the order of the epoch it
 * was asked for last. Fails: RT_ERR_MEMORY. */
rt_status rt_data_fed_tokens(struct rt_data *data, int64_t epoch, int64_t from_micro, int64_t to_micro,
                             int64_t *padded, int64_t *real, struct rt_error *err);

/* A stream of batches of one rank: threads that run ahead, bounded in memory. */
struct rt_loader;
struct rt_loader_options {
    enum rt_split split;
    int rank, size; /* whose share; normally this rank's */
    int64_t epoch;  /* where to start: epoch (0-based); of evaluation's rows the number of the evaluation (from
                       0), on  which their order depends with group_by_length */
    int64_t micro;  /* and micro-batch in it */
    int64_t merge_tokens; /* merge micro-batches of one optimizer step up to this many tokens; 0: never.
                             Evaluation has no steps: any of its micro-batches may be merged */
    int64_t ahead;        /* passes held at once, the caller's included; 0: 8 */
    int64_t ahead_bytes;  /* of pictures in those passes, unless one alone is larger; 0: half a GiB or less */
    struct rt_cache *features; /* of pictures, by number in the job; one that is there is given in place of
                              pixels. NULL: none are kept */
    size_t feature_bytes;      /* of one picture token */
    struct rt_dist *dist;      /* is told which row a wait is for (rt_dist_at); NULL: nobody is */
};
rt_status rt_loader_open(struct rt_loader **loader, struct rt_data *data, const struct rt_loader_options *opt,
                         struct rt_error *err);
/* The next batch; it stays valid until the call after. At the end of an epoch training goes on with the next
 * one by itself, and a pass never crosses an optimizer step; an evaluation loader ends: *batch is NULL. *wait_s
 * (may be NULL) is the time spent waiting. A row that turns out bad only now (a truncated picture) is left out
 * of its micro-batch and noted once; it counts against max_bad_rows: RT_ERR_DATA. A pass may be left with 0
 * tokens; its micros still count. In evaluation a weight is 1 / (targets in its micro-batch) alone. One thread
 * calls; RT_ERR_MEMORY. */
rt_status rt_batch_next(struct rt_loader *loader, const struct rt_batch **batch, double *wait_s,
                        struct rt_error *err);
void rt_loader_close(struct rt_loader *loader);
/* The rows of the batch handed out last, as rt_dist_at counts them, into sample (up to `most`); how many they
 * are in all. And what a person calls such a row: "data/x.json row 17 (line 203)"; thread-safe. */
int64_t rt_loader_samples(const struct rt_loader *loader, int64_t *sample, int64_t most);
void rt_data_sample(const struct rt_data *data, int64_t sample, char *text, size_t bytes);
/* Not collective. Has this rank met rows that turned out bad, since the last rt_data_late_share? */
bool rt_data_late_news(const struct rt_data *data);
/* Collective; where any rank has news. Rank 0 notes and lists what the others met, all count it. Fails alike
 * everywhere: RT_ERR_DATA (more than max_bad_rows). */
rt_status rt_data_late_share(struct rt_data *data, struct rt_dist *dist, struct rt_error *err);

/* The processor's constants that the model side needs to turn bytes into pixels: lut [3][256]. */
const float *rt_data_pixel_lut(const struct rt_data *data);

/* ---- tools
 * ----------------------------------------------------------------------------------------------------- */

/* ranktune preview: JSON, one line a micro-batch of the whole run, in the schema of the reference. */
struct rt_preview_options {
    int rank, size;
    bool json;
    int64_t micros; /* stop after this many; 0: all */
    int64_t steps;  /* optimizer steps of the whole run */
    bool bf16;      /* JSON's pixels as a job in bf16 gets them, rounded */
};
rt_status rt_data_preview(struct rt_data *data, const struct rt_preview_options *opt,
                          void (*emit)(const char *line, void *context), void *context, struct rt_error *err);

/* ranktune check: what the scan found. */
enum { RT_DATA_BARS = 8 };
struct rt_data_review {
    int64_t raw_rows, bad_rows;   /* of all sets together */
    int64_t cut_rows, cut_tokens; /* good rows that cutoff_len shortens, and what it takes off them */
    struct rt_data_lengths {      /* of the good rows of a split, tokens; all 0 where there is none */
        int64_t rows, low, high, middle, most; /* most: 95 of 100 rows are no longer */
        double mean;
        int64_t bar[RT_DATA_BARS]; /* rows by length, from low on, bar_width tokens each */
        int64_t bar_width;
    } lengths[2];     /* by enum rt_split */
    int64_t pictures; /* different ones */
    int64_t picture_low[2],
        picture_high[2];    /* width and height in the model: of the fewest and the most pixels */
    int64_t picture_tokens; /* of all of them */
};
rt_status rt_data_review(const struct rt_data *data, struct rt_data_review *review, struct rt_error *err);
/* Row i that the scan found bad, below bad_rows: why, and into where "data/x.json row 17 (line 203)". */
const char *rt_data_bad_row(const struct rt_data *data, int64_t i, char *where, size_t bytes);
/* Would a run end because of them? Fails: RT_ERR_DATA as rt_data_open, with this max_bad_rows. */
rt_status rt_data_bears(const struct rt_data *data, double max_bad_rows, struct rt_error *err);

/* ranktune tokenize. */
struct rt_tokenizer;
/* From the text of a tokenizer.json: byte-level BPE with the Qwen2 family's split pattern, any vocabulary,
 * merges and added tokens. Fails: RT_ERR_FILE, with "tokenizer.json:" and often a line in front, so that a
 * caller need only put the folder before it: rt_fail_in(err, "%s/", folder). */
rt_status rt_tokenizer_open(struct rt_tokenizer **tok, const char *json, size_t bytes, struct rt_error *err);
void rt_tokenizer_close(struct rt_tokenizer *tok);
/* ids of UTF-8 text of up to 2^28 bytes (RT_ERR_DATA: longer, or not UTF-8, with its place). *ids is malloc'ed,
 * also where there are none. Thread-safe. split_special: special tokens in the text are not recognised. */
rt_status rt_tokenizer_encode(const struct rt_tokenizer *tok, const char *text, size_t bytes,
                              bool split_special, int32_t **ids, int64_t *count, struct rt_error *err);
/* id of an added token by its text, or of an ordinary one by its text in the byte alphabet as the file has it;
 * -1 if there is none. */
int32_t rt_tokenizer_id(const struct rt_tokenizer *tok, const char *token);
/* Text of ids (malloc'ed, NUL-terminated; bytes that are no UTF-8 become U+FFFD). Numbers that are no token's
 * id give nothing, as in the reference: a model's output has more rows than there are tokens. Thread-safe. */
rt_status rt_tokenizer_decode(const struct rt_tokenizer *tok, const int32_t *ids, int64_t count,
                              bool skip_special, char **text, struct rt_error *err);

/* A byte-level BPE tokenizer.json of this family (same normalizer, pre-tokenizer and added tokens) with up to
 * `merges` merges, trained on the texts of UTF-8 files: for trial models. *json is malloc'ed. Deterministic. */
rt_status rt_tokenizer_train(const char *const *files, int count, int64_t merges, char **json, size_t *bytes,
                             struct rt_error *err);

#endif
