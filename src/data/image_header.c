/* image_header.c - what a picture file is and how large, from a few small reads; contracts in image.h and
 * decode.h. */
#include "config.h"
#include "data/decode.h"
#include "data/image.h"
#include "data/image_size.h"

#include <ctype.h>
#include <stdio.h>

const struct rt_picture_format *rt_picture_format(struct rt_source *src)
{
    const struct rt_picture_format *all[] = { &rt_format_jpeg, &rt_format_png, &rt_format_webp,
                                              &rt_format_gif,  &rt_format_bmp, &rt_format_tiff };
    const size_t bytes = src->size < 16 ? (size_t)src->size : 16;
    const uint8_t *start = rt_source_at(src, 0, bytes);
    for (size_t i = 0; start != NULL && i < sizeof all / sizeof *all; i++)
        if (all[i]->is(start, bytes))
            return all[i];
    return NULL;
}

rt_status rt_picture_broken(const struct rt_source *src, const char *name, const char *what,
                            struct rt_error *err)
{
    return rt_fail(err, RT_ERR_FILE, "%s: the %s data are broken: %s; fetch the file again", src->path, name,
                   what);
}

/* The first bytes in words, so that a web page or a Git LFS pointer is recognised by the reader. */
static rt_status unknown(struct rt_source *src, struct rt_error *err)
{
    char text[40];
    size_t n = 0;
    const size_t bytes = src->size < 14 ? (size_t)src->size : 14;
    const uint8_t *start = rt_source_at(src, 0, bytes);
    if (start == NULL)
        return rt_fail(err, RT_ERR_FILE, "%s: cannot be read", src->path);
    for (size_t i = 0; i < bytes && n + 5 < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, isprint(start[i]) ? "%c" : "\\x%02x", start[i]);
    return rt_fail(err, RT_ERR_FILE,
                   "%s: is no picture of a known format, it starts with '%s'; write it as JPEG, PNG, "
                   "WebP, GIF, BMP or TIFF",
                   src->path, text);
}

rt_status rt_picture_open(struct rt_source *src, const struct rt_picture_format **format, const char *path,
                          int whole, int32_t *width, int32_t *height, struct rt_error *err)
{
    int64_t w = 0, h = 0;
    RT_TRY(rt_source_open(src, path, whole, err));
    *format = rt_picture_format(src);
    rt_status st = *format != NULL ? (*format)->size(src, &w, &h, err) : unknown(src, err);
    if (st == RT_OK && !rt_image_size_ok(w, h))
        st = rt_fail(err, RT_ERR_FILE,
                     "%s: has %lld x %lld pixels; a side may have 1 to 65,500 and the picture "
                     "268,435,456",
                     path, (long long)w, (long long)h);
    if (st != RT_OK) {
        rt_source_close(src);
        return st;
    }
    *width = (int32_t)w;
    *height = (int32_t)h;
    return RT_OK;
}

rt_status rt_image_header(const char *path, int32_t *width, int32_t *height, struct rt_error *err)
{
    struct rt_source src;
    const struct rt_picture_format *format;
    RT_TRY(rt_picture_open(&src, &format, path, 0, width, height, err));
    rt_source_close(&src);
    return RT_OK;
}
