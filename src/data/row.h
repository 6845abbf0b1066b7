/*
 * row.h - inside of rows.h: the opened sets, and one row after conversion and before encoding.
 */
#ifndef RT_DATA_ROW_H
#define RT_DATA_ROW_H

#include "base/rng.h"
#include "data/dataset_info.h"
#include "data/json.h"
#include "data/pool.h"
#include "data/rows.h"
#include "data/scan.h"

struct rt_rows_file {
    char *path;
    char *text;
    size_t bytes;
    int64_t first; /* number of its first span */
    int32_t set;
};

struct rt_rows {
    struct rt_pool pool;          /* of the entries' strings */
    struct rt_dataset_info *info; /* [sets] */
    int64_t sets;
    struct rt_rows_file *file; /* [files] */
    int32_t files;
    struct rt_spans spans;                            /* of all files */
    int64_t *order, count;                            /* [count] number of the span */
    struct rt_mt19937 sampler;                        /* where numpy's stream stands after these sets */
    struct rt_str image_word, video_word, audio_word; /* "<image>", ... or what the environment says */
    const char *media_dir;
};

enum rt_role { RT_USER, RT_ASSISTANT, RT_OBSERVATION, RT_FUNCTION, RT_SYSTEM };

struct rt_turn {
    enum rt_role role; /* even turns USER or OBSERVATION, odd ones ASSISTANT or FUNCTION */
    struct rt_str text;
};

/* One row in the form that all layouts come to. Lives in a pool, or points into the file's text. */
struct rt_row {
    struct rt_turn *turn;
    int64_t turns;          /* even, at least 2; the last is the answer */
    struct rt_str system;   /* n 0: the default */
    struct rt_str tools;    /* JSON text; n 0: none */
    struct rt_str *picture; /* as written */
    int64_t pictures;
};

/* Parse and convert. Fails: RT_ERR_DATA with the row's reason, RT_ERR_MEMORY. */
rt_status rt_row_convert(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                         struct rt_str text, struct rt_error *err);

/* The layouts: turns, system and tools of one parsed row; fail as above. */
typedef rt_status rt_convert_fn(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                                const struct rt_json *object, struct rt_error *err);
rt_convert_fn rt_convert_alpaca, rt_convert_sharegpt, rt_convert_openai;

/* ---- what the layouts share (convert.c) */

/* Value of a column; NULL when the entry has no such column, the row no such key, or its value is null (or NaN,
 * which table writers put for "no value"). */
const struct rt_json *rt_column(const struct rt_dataset_info *info, const struct rt_json *object,
                                enum rt_column column);
/* Text of a column, empty when it has no value. Fails on other kinds. */
rt_status rt_column_text(const struct rt_dataset_info *info, const struct rt_json *object,
                         enum rt_column column, struct rt_str *text, struct rt_error *err);
/* Make room for n turns. */
rt_status rt_turns_take(struct rt_row *row, struct rt_pool *pool, int64_t n, struct rt_error *err);
/* Of a row that is a list of messages: its system text, of a first message that is the system's or else of the
 * column, and room for turns; *first is the message behind that, its *number counted from 1. Fails when there
 * is no list, it is empty, or a message is no object. */
rt_status rt_messages_begin(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                            const struct rt_json *object, const struct rt_json **first, int64_t *number,
                            struct rt_error *err);
/* Role of a message (p NULL if it has none) and its content (NULL if none or null). */
struct rt_str rt_message_role(const struct rt_dataset_info *info, const struct rt_json *message);
const struct rt_json *rt_message_content(const struct rt_dataset_info *info, const struct rt_json *message);
/* Content that has to be a text. number is the message's, from 1. */
rt_status rt_message_text(const struct rt_dataset_info *info, const struct rt_json *message, int64_t number,
                          struct rt_str *text, struct rt_error *err);
/* What the tags make of a role. As in the reference the later of two equal tags counts, and a tag that the
 * entry lacks is equal to a missing role. Returns false on an unknown one. */
bool rt_role_of(const struct rt_dataset_info *info, struct rt_str role, enum rt_role *result);
bool rt_is_tag(const struct rt_dataset_info *info, struct rt_str role, enum rt_tag tag);
/* Fails unless the roles alternate, user first, and the last turn is an answer. */
rt_status rt_turns_check(const struct rt_row *row, struct rt_error *err);

/* ---- pictures.c */

/* The placeholders in the turns against what the row brings. Fails: RT_ERR_DATA. */
rt_status rt_row_check_media(const struct rt_rows *rows, const struct rt_row *row, struct rt_error *err);
/* Find the row's pictures and their sizes in the model: sample->picture (malloc'ed) and ->pictures; what was
 * found is there also on failure. Fails: RT_ERR_DATA, RT_ERR_MEMORY. */
rt_status rt_row_find_pictures(const struct rt_rows *rows, const struct rt_row *row,
                               const struct rt_image_rules *rules, struct rt_sample *sample,
                               struct rt_error *err);

#endif
