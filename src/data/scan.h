/*
 * scan.h - where the rows of a JSON file begin and end, in one pass over its bytes and without parsing them.
 */
#ifndef RT_DATA_SCAN_H
#define RT_DATA_SCAN_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct rt_span {
    int64_t offset; /* of the row's first byte in its file */
    int64_t line;   /* of that byte, counted from 1 */
    int32_t bytes;
    int32_t file; /* the caller's number of the file */
};

struct rt_spans { /* starts as all zeros; span is malloc'ed */
    struct rt_span *span;
    int64_t count, room;
};

/* Append the rows of one file's text. Three layouts, told apart by the first bytes: a list of rows; a row a
 * line (each line is a row then, also a broken one, which its parser will tell); rows that go over several
 * lines. A byte order mark is skipped. Fails: RT_ERR_FILE with path, line and byte (a list or row that does not
 * end, text after the list, a comma too many, no row at all, a row over 2^31 - 1 bytes), RT_ERR_MEMORY. */
rt_status rt_scan_rows(struct rt_spans *spans, int32_t file, const char *path, const char *text, size_t bytes,
                       struct rt_error *err);

#endif
