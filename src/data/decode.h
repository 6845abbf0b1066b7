/*
 * decode.h - private: one pair of functions a picture format.
 *
 * size: width and height as Pillow's open says them, and whether the file is whole, from its headers alone.
 * decode: all pixels, in the mode that Pillow opens the file in; the source is in memory.
 * Both fail with RT_ERR_FILE and a text that starts with the path; decode also with RT_ERR_MEMORY. Sizes out of
 * size() are not checked yet; decode() is called only with good ones and fills *px, which is empty before and
 * after a failure. No library writes to stderr.
 */
#ifndef RT_DATA_DECODE_H
#define RT_DATA_DECODE_H

#include "base/status.h"
#include "data/pixels.h"
#include "data/source.h"

#include <stdbool.h>

struct rt_picture_format {
    const char *name;
    bool (*is)(const uint8_t *start, size_t bytes);
    rt_status (*size)(struct rt_source *src, int64_t *width, int64_t *height, struct rt_error *err);
    rt_status (*decode)(struct rt_source *src, struct rt_pixels *px, struct rt_error *err);
};

extern const struct rt_picture_format rt_format_jpeg, rt_format_png, rt_format_webp, rt_format_bmp,
    rt_format_gif, rt_format_tiff;

/* Of the file's first bytes; NULL for none that is read here. */
const struct rt_picture_format *rt_picture_format(struct rt_source *src);

/* "PATH: the NAME data are broken: WHAT; ..." */
rt_status rt_picture_broken(const struct rt_source *src, const char *name, const char *what,
                            struct rt_error *err);

/* Opens, recognises and measures; the size is good. The caller closes src when this succeeds. */
rt_status rt_picture_open(struct rt_source *src, const struct rt_picture_format **format, const char *path,
                          int whole, int32_t *width, int32_t *height, struct rt_error *err);

#endif
