/*
 * dataset_info.h - one entry of dataset_info.json: where a data set's files are and how its rows are laid out.
 */
#ifndef RT_DATA_DATASET_INFO_H
#define RT_DATA_DATASET_INFO_H

#include "data/pool.h"

#include <stdint.h>

enum rt_formatting { RT_ALPACA, RT_SHAREGPT, RT_OPENAI };

/* The order is that of the tables in dataset_info.c. */
enum rt_column {
    RT_COL_PROMPT,
    RT_COL_QUERY,
    RT_COL_RESPONSE,
    RT_COL_HISTORY,
    RT_COL_MESSAGES,
    RT_COL_SYSTEM,
    RT_COL_TOOLS,
    RT_COL_IMAGES,
    RT_COL_VIDEOS,
    RT_COL_AUDIOS,
    RT_COL_KTO_TAG,
    RT_COLUMNS
};
enum rt_tag {
    RT_TAG_ROLE,
    RT_TAG_CONTENT,
    RT_TAG_USER,
    RT_TAG_ASSISTANT,
    RT_TAG_OBSERVATION,
    RT_TAG_FUNCTION,
    RT_TAG_SYSTEM,
    RT_TAGS
};

struct rt_dataset_info {
    const char *file_name; /* file or folder, as written: absolute or relative to dataset_dir */
    enum rt_formatting formatting;
    int64_t num_samples;              /* -1: all rows */
    struct rt_str column[RT_COLUMNS]; /* p is NULL where the entry has none */
    struct rt_str tag[RT_TAGS];
};

/* Read entry `name` of dataset_info.json, whose text is `json` and whose path (for messages) is `path`; strings
 * live in the pool and end in NUL. Defaults stand only where a whole `columns` or `tags` object is absent, as
 * in the reference. Fails: RT_ERR_JOB with path, entry and key. */
rt_status rt_dataset_info_read(struct rt_dataset_info *info, struct rt_pool *pool, const char *path,
                               struct rt_str json, const char *name, struct rt_error *err);

#endif
