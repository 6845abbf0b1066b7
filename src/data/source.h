/* source.h - private: a picture file read at any place, from the disk by small reads or from memory. */
#ifndef RT_DATA_SOURCE_H
#define RT_DATA_SOURCE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { RT_SOURCE_WINDOW = 16384 };

struct rt_source {
    const char *path; /* for messages; belongs to the caller */
    uint64_t size;    /* bytes */
    uint8_t *data;    /* the whole file, or NULL */
    int fd;           /* -1 once data is there */
    uint64_t window_at;
    size_t window_bytes;
    uint8_t window[RT_SOURCE_WINDOW];
};

/* whole: read all of it now. Fails: RT_ERR_FILE (missing, unreadable, empty, no regular file), RT_ERR_MEMORY.
 */
rt_status rt_source_open(struct rt_source *src, const char *path, int whole, struct rt_error *err);
void rt_source_close(struct rt_source *src);

/* bytes (at most RT_SOURCE_WINDOW) of the file from `at`, good until the next call; NULL past the end or
 * unreadable. */
const uint8_t *rt_source_at(struct rt_source *src, uint64_t at, size_t bytes);

/* Up to RT_SOURCE_WINDOW bytes from `at`; *bytes says how many, 0 at the end or when unreadable. */
const uint8_t *rt_source_run(struct rt_source *src, uint64_t at, size_t *bytes);

static inline uint32_t rt_le16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t rt_le32(const uint8_t *p)
{
    return rt_le16(p) | rt_le16(p + 2) << 16;
}

static inline uint32_t rt_be16(const uint8_t *p)
{
    return p[1] | (uint32_t)p[0] << 8;
}

static inline uint32_t rt_be32(const uint8_t *p)
{
    return rt_be16(p + 2) | rt_be16(p) << 16;
}

#endif
