/*
 * json_reader.h - what the two halves of the JSON reader share: where it stands, and how it fails.
 */
#ifndef RT_DATA_JSON_READER_H
#define RT_DATA_JSON_READER_H

#include "data/json.h"

struct rt_json_reader {
    struct rt_pool *pool;
    struct rt_error *err;
    const char *start, *p, *end;
    bool raw_controls;
};

/* RT_ERR_DATA with the byte `at`, and the line too when the text has several. */
rt_status rt_json_fail(const struct rt_json_reader *s, const char *at, const char *what);
/* A string whose opening quote stands before s->p; afterwards p stands behind the closing one. */
rt_status rt_json_string(struct rt_json_reader *s, struct rt_str *str);

#endif
