/* decode_tiff_none.c - the TIFF reader of a build without libtiff: it recognises the file and says so. */
#include "config.h"
#include "data/decode.h"
#include "data/decode_tiff.h"

static rt_status refuse(struct rt_source *src, struct rt_error *err)
{
    return rt_fail(err, RT_ERR_FILE,
                   "%s: is a TIFF, and this build is without libtiff; write it as PNG, or build with "
                   "libtiff-dev installed",
                   src->path);
}

static rt_status size_tiff(struct rt_source *src, int64_t *width, int64_t *height, struct rt_error *err)
{
    (void)width;
    (void)height;
    return refuse(src, err);
}

static rt_status decode_tiff(struct rt_source *src, struct rt_pixels *px, struct rt_error *err)
{
    (void)px;
    return refuse(src, err);
}

const struct rt_picture_format rt_format_tiff = { "TIFF", rt_tiff_is, size_tiff, decode_tiff };
