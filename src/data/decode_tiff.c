/* decode_tiff.c - pixels of a TIFF file's first picture by libtiff; contract in decode.h.
 *
 * Pillow turns a TIFF by its orientation tag when it loads it, and no other format. (Where the tag swaps the
 * sides and Pillow maps the rows of an uncompressed file, 11.3 gives noise or fails; here the picture is
 * turned.) */
#include "config.h"
#include "data/decode.h"
#include "data/decode_tiff.h"
#include "data/decode_tiff_mode.h"
#include "data/image_size.h"

#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

static bool turned(const struct rt_tiff *tiff)
{
    return tiff->orientation >= 5 && tiff->orientation <= 8;
}

static rt_status size_tiff(struct rt_source *src, int64_t *width, int64_t *height, struct rt_error *err)
{
    struct rt_tiff tiff;
    struct rt_tiff_mode mode;
    RT_TRY(rt_tiff_directory(&tiff, src, err));
    RT_TRY(rt_tiff_choose(&mode, &tiff, src, err));
    *width = turned(&tiff) ? tiff.height : tiff.width;
    *height = turned(&tiff) ? tiff.width : tiff.height;
    return RT_OK;
}

/* ---- the file in memory, as libtiff wants it ---- */

struct input {
    const uint8_t *data;
    uint64_t size, at;
};

static tmsize_t on_read(thandle_t handle, void *out, tmsize_t bytes)
{
    struct input *in = handle;
    const uint64_t left = in->at < in->size ? in->size - in->at : 0;
    const size_t n = bytes < 0 ? 0 : (uint64_t)bytes < left ? (size_t)bytes : (size_t)left;
    memcpy(out, in->data + (n > 0 ? in->at : 0), n);
    in->at += n;
    return (tmsize_t)n;
}

static tmsize_t on_write(thandle_t handle, void *data, tmsize_t bytes)
{
    (void)handle;
    (void)data;
    (void)bytes;
    return -1;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    struct input *in = handle;
    in->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? in->at + offset : in->size + offset;
    return in->at;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    return ((struct input *)handle)->size;
}

static int on_message(TIFF *tif, void *user, const char *module, const char *format, va_list args)
{
    (void)tif;
    (void)user;
    (void)module;
    (void)format;
    (void)args;
    return 1; /* said enough: nothing goes to stderr */
}

static TIFF *open_tiff(struct input *in)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (options == NULL)
        return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_message, NULL);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_message, NULL);
    TIFF *tif = TIFFClientOpenExt("picture", "rCm", in, on_read, on_write, on_seek, on_close, on_size, NULL,
                                  NULL, options);
    TIFFOpenOptionsFree(options);
    return tif;
}

/* ---- strips and tiles ---- */

struct blocks {
    uint32_t width, height; /* of a block */
    uint64_t bytes, row;    /* of its memory, of a row in it */
    bool tiled;
};

static const char *measure(TIFF *tif, const struct rt_tiff_mode *mode, const struct rt_pixels *px,
                           struct blocks *b)
{
    uint32_t rows = 0;
    b->tiled = TIFFIsTiled(tif) != 0;
    if (b->tiled) {
        if (!TIFFGetField(tif, TIFFTAG_TILEWIDTH, &b->width) ||
            !TIFFGetField(tif, TIFFTAG_TILELENGTH, &b->height))
            return "its tiles have no size";
        b->bytes = (uint64_t)TIFFTileSize64(tif);
        b->row = (uint64_t)TIFFTileRowSize64(tif);
    } else {
        b->width = (uint32_t)px->width;
        b->height = TIFFGetField(tif, TIFFTAG_ROWSPERSTRIP, &rows) && rows < (uint32_t)px->height
                        ? rows
                        : (uint32_t)px->height;
        b->bytes = (uint64_t)TIFFStripSize64(tif);
        b->row = (uint64_t)TIFFScanlineSize64(tif);
    }
    if (b->width == 0 || b->height == 0 || b->bytes == 0 || b->bytes > (uint64_t)1 << 31)
        return "its strips or tiles have an impossible size";
    if (b->row < rt_tiff_row_bytes(mode, b->width) || b->row > b->bytes || b->bytes / b->row < b->height)
        return "its rows are shorter than its header says";
    return NULL;
}

static const char *read_blocks(TIFF *tif, const struct rt_tiff_mode *mode, struct rt_pixels *px,
                               const struct blocks *b, uint8_t *block)
{
    const size_t pixel = (size_t)rt_pixels_bytes(px->mode), row = (size_t)px->width * pixel;
    const int planes = mode->planar ? mode->channels : 1;
    const uint32_t width = (uint32_t)px->width, height = (uint32_t)px->height;
    for (int plane = 0; plane < planes; plane++)
        for (uint32_t y = 0; y < height; y += b->height)
            for (uint32_t x = 0; x < width; x += b->width) {
                const tmsize_t got =
                    b->tiled ? TIFFReadTile(tif, block, x, y, 0, (uint16_t)plane)
                             : TIFFReadEncodedStrip(tif, TIFFComputeStrip(tif, y, (uint16_t)plane), block, -1);
                if (got < 0)
                    return "a strip or tile cannot be decoded";
                const uint32_t rows = height - y < b->height ? height - y : b->height;
                const uint32_t columns = width - x < b->width ? width - x : b->width;
                for (uint32_t i = 0; i < rows; i++)
                    rt_tiff_unpack(px->data + (size_t)(y + i) * row + x * pixel, block + i * b->row,
                                   (int32_t)columns, plane, mode);
            }
    return NULL;
}

static const char *read_picture(TIFF *tif, const struct rt_tiff_mode *mode, struct rt_pixels *px, bool by_jpeg)
{
    struct blocks b;
    uint32_t width = 0, height = 0;
    TIFFGetField(tif, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tif, TIFFTAG_IMAGELENGTH, &height);
    if (width != (uint32_t)px->width || height != (uint32_t)px->height)
        return "its directory is ambiguous";
    if (by_jpeg)
        TIFFSetField(tif, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    const char *wrong = measure(tif, mode, px, &b);
    if (wrong != NULL)
        return wrong;
    uint8_t *block = calloc((size_t)b.bytes, 1);
    if (block == NULL)
        return "there is no memory for a strip or tile";
    wrong = read_blocks(tif, mode, px, &b, block);
    free(block);
    return wrong;
}

/* ---- what follows the rows ---- */

static void read_palette(struct rt_pixels *px, const struct rt_tiff *tiff, struct rt_source *src)
{
    const uint64_t third = tiff->colours / 3, high = tiff->big_endian ? 0 : 1;
    for (uint64_t i = 0; tiff->colour_map != 0 && i < third && i < 256; i++)
        for (uint64_t c = 0; c < 3; c++) {
            const uint8_t *v = rt_source_at(src, tiff->colour_map + 2 * (c * third + i) + high, 1);
            px->palette[i][c] = v != NULL ? *v : 0;
        }
}

/* Where the pixel of the upright picture at (x, y) is stored. */
static size_t stored_at(const struct rt_pixels *px, uint32_t orientation, int32_t x, int32_t y)
{
    const int32_t w = px->width - 1, h = px->height - 1;
    int32_t sx = x, sy = y;
    switch (orientation) {
    case 2: sx = w - x; break;
    case 3: sx = w - x, sy = h - y; break;
    case 4: sy = h - y; break;
    case 5: sx = y, sy = x; break;
    case 6: sx = y, sy = h - x; break;
    case 7: sx = w - y, sy = h - x; break;
    case 8: sx = w - y, sy = x; break;
    default: break;
    }
    return (size_t)sy * (size_t)px->width + (size_t)sx;
}

static rt_status turn_upright(struct rt_pixels *px, const struct rt_tiff *tiff, struct rt_error *err)
{
    struct rt_pixels up;
    if (tiff->orientation < 2 || tiff->orientation > 8)
        return RT_OK;
    RT_TRY(rt_pixels_alloc(&up, px->mode, turned(tiff) ? px->height : px->width,
                           turned(tiff) ? px->width : px->height, err));
    const size_t pixel = (size_t)rt_pixels_bytes(px->mode);
    uint8_t *out = up.data;
    for (int32_t y = 0; y < up.height; y++)
        for (int32_t x = 0; x < up.width; x++, out += pixel)
            memcpy(out, px->data + stored_at(px, tiff->orientation, x, y) * pixel, pixel);
    memcpy(up.palette, px->palette, sizeof up.palette);
    rt_pixels_free(px);
    *px = up;
    return RT_OK;
}

static rt_status decode_tiff(struct rt_source *src, struct rt_pixels *px, struct rt_error *err)
{
    struct rt_tiff tiff;
    struct rt_tiff_mode mode;
    RT_TRY(rt_tiff_directory(&tiff, src, err));
    RT_TRY(rt_tiff_choose(&mode, &tiff, src, err));
    struct input in = { src->data, src->size, 0 };
    TIFF *tif = open_tiff(&in);
    if (tif == NULL)
        return rt_picture_broken(src, "TIFF", "libtiff does not take it", err);
    rt_status st = rt_pixels_alloc(px, mode.mode, (int32_t)tiff.width, (int32_t)tiff.height, err);
    if (st == RT_OK) {
        const char *wrong = read_picture(tif, &mode, px, tiff.photometric == PHOTOMETRIC_YCBCR);
        if (wrong != NULL)
            st = rt_picture_broken(src, "TIFF", wrong, err);
    }
    TIFFClose(tif);
    if (st == RT_OK) {
        rt_tiff_finish(px, &mode);
        if (mode.mode == RT_PIXELS_P)
            read_palette(px, &tiff, src);
        st = turn_upright(px, &tiff, err);
    }
    if (st != RT_OK)
        rt_pixels_free(px);
    return st;
}

const struct rt_picture_format rt_format_tiff = { "TIFF", rt_tiff_is, size_tiff, decode_tiff };
