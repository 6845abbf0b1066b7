/*
 * tokenizer_json.h - JSON read value by value, without a tree.
 *
 * A tokenizer.json is two sections of 150,000 short strings beside a few settings: as a tree they cost more
 * time than everything else about the file (measured: 0.2 s of 0.25 s), so those sections are streamed. The
 * text must be valid UTF-8. Failures are RT_ERR_FILE with "tokenizer.json:LINE: " in front.
 */
#ifndef RT_DATA_TOKENIZER_JSON_H
#define RT_DATA_TOKENIZER_JSON_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_tokjson {
    const char *start, *at, *end; /* the whole text, what comes next, its end */
    int64_t line;                 /* of start */
    struct rt_error *err;
};

/* What is wrong at j->at. */
rt_status rt_tokjson_fail(const struct rt_tokjson *j, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The line of a place in the text, from 1. */
int64_t rt_tokjson_line(const struct rt_tokjson *j, const char *at);

/* A bracket that opens: { or [. */
rt_status rt_tokjson_open(struct rt_tokjson *j, char bracket);
/* Before each element: *more is false, and the bracket that closes is taken, after the last one. *first starts
 * true. */
rt_status rt_tokjson_more(struct rt_tokjson *j, char closing, bool *first, bool *more);
/* A string, unescaped and NUL-terminated, into `to`, which has room for the string's bytes as they stand in the
 * file. *bytes is its length; it may hold NUL itself. */
rt_status rt_tokjson_string(struct rt_tokjson *j, char *to, size_t *bytes);
/* A string and the colon after it. */
rt_status rt_tokjson_key(struct rt_tokjson *j, char *to, size_t *bytes);
/* A whole number from least to most. */
rt_status rt_tokjson_whole(struct rt_tokjson *j, int64_t least, int64_t most, int64_t *value);
/* Pass over a value: *from is where it starts. Finds its end only; what is inside is checked by who reads it.
 */
rt_status rt_tokjson_pass(struct rt_tokjson *j, const char **from);
/* The first character of what comes next, 0 at the end. */
char rt_tokjson_peek(struct rt_tokjson *j);

#endif
