/* picture.c - a picture of one format from a file to pixels, and made ready for the model; contract in
 * picture.h. */
#include "config.h"
#include "tests/fuzz/picture.h"
#include "data/image.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

/* Larger ones are measured but not decoded here: an input has to be done in a second. */
enum { PIXELS_MOST = 1 << 20 };

static void decode(const struct rt_picture_format *format, struct rt_source *src, int32_t width, int32_t height)
{
    struct rt_error err = { .text = "" };
    struct rt_pixels px = { 0 };
    if (fuzz_told(format->decode(src, &px, &err), &err) && px.width == width && px.height == height &&
        fuzz_told(rt_pixels_resize(&px, 8, 8, &err), &err))
        (void)fuzz_told(rt_pixels_to_rgb(&px, &err), &err);
    rt_pixels_free(&px);
}

int fuzz_picture(const struct rt_picture_format *wanted, const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    const struct rt_picture_format *format;
    struct rt_source src;
    int32_t width, height, scan_width, scan_height;
    if (bytes < 16 || !wanted->is(data, 16)) /* another target's */
        return -1;
    const char *path = fuzz_file("picture", data, bytes);
    const int scanned = fuzz_told(rt_image_header(path, &scan_width, &scan_height, &err), &err);
    if (!fuzz_told(rt_picture_open(&src, &format, path, 1, &width, &height, &err), &err)) {
        if (scanned) /* what the scan takes opens later too */
            abort();
        return 0;
    }
    if (scanned && (scan_width != width || scan_height != height))
        abort();
    if ((int64_t)width * height <= PIXELS_MOST)
        decode(format, &src, width, height);
    rt_source_close(&src);
    return 0;
}
