/*
 * json.h - JSON as Python reads and writes it, for rows and for the tool calls inside them.
 *
 * The tree keeps numbers as they were written: Python's integers have no largest value, and a call's arguments
 * have to come out with the same digits. NaN, Infinity and -Infinity are numbers, as for Python. Of equal keys
 * the last one's value counts, in the place of the first.
 */
#ifndef RT_DATA_JSON_H
#define RT_DATA_JSON_H

#include "data/pool.h"

#include <stdint.h>

enum rt_json_type {
    RT_JSON_NULL,
    RT_JSON_FALSE,
    RT_JSON_TRUE,
    RT_JSON_NUMBER,
    RT_JSON_STRING,
    RT_JSON_ARRAY,
    RT_JSON_OBJECT
};

struct rt_json {
    enum rt_json_type type;
    struct rt_str key;  /* when a member of an object */
    struct rt_str text; /* STRING: the text, valid UTF-8; NUMBER: as written */
    int64_t count;      /* elements or members */
    struct rt_json *first, *next;
};

/* Parse one value and nothing after it. raw_controls: control characters may stand unescaped in strings (rows:
 * some writers do that; Python's own reader refuses). The tree lives in the pool and may point into text.
 * Fails: RT_ERR_DATA ("byte 17: ...", counted from 1; lone surrogates and bytes that are no UTF-8 too),
 * RT_ERR_MEMORY. */
rt_status rt_json_parse(struct rt_pool *pool, struct rt_str text, bool raw_controls, struct rt_json **value,
                        struct rt_error *err);
/* Member of an object, NULL when there is none or `object` is none. */
const struct rt_json *rt_json_get(const struct rt_json *object, struct rt_str key);
/* What Python's json.dumps(value, ensure_ascii=False) writes. Fails: RT_ERR_DATA on an integer of more than
 * 4300 digits, where Python stops too. */
rt_status rt_json_dump(struct rt_buf *out, const struct rt_json *value, struct rt_error *err);
/* "a text", "a list", ...: for messages. */
const char *rt_json_kind(const struct rt_json *value);

#endif
