/* pixels.c - memory of decoded pictures, and Image.resize and Image.convert("RGB") of every mode; contracts in
 * pixels.h. Source: Pillow 11.3, libImaging/Convert.c and Geometry.c, read for the arithmetic. */
#include "config.h"
#include "data/pixels.h"
#include "data/image.h"
#include "data/resize_wide.h"

#include <stdlib.h>
#include <string.h>

int rt_pixels_bytes(enum rt_pixel_mode mode)
{
    switch (mode) {
    case RT_PIXELS_1:
    case RT_PIXELS_L:
    case RT_PIXELS_P: return 1;
    case RT_PIXELS_LA:
    case RT_PIXELS_I16:
    case RT_PIXELS_I16B: return 2;
    case RT_PIXELS_RGB: return 3;
    case RT_PIXELS_RGBA:
    case RT_PIXELS_CMYK:
    case RT_PIXELS_I:
    case RT_PIXELS_F: return 4;
    }
    return 0;
}

static uint8_t *alloc_data(enum rt_pixel_mode mode, int32_t width, int32_t height, struct rt_error *err)
{
    const size_t bytes = (size_t)width * (size_t)height * (size_t)rt_pixels_bytes(mode);
    uint8_t *data = calloc(bytes, 1);
    if (data == NULL)
        rt_fail(err, RT_ERR_MEMORY, "no memory for a picture of %d x %d pixels (%zu bytes)", width, height,
                bytes);
    return data;
}

rt_status rt_pixels_alloc(struct rt_pixels *px, enum rt_pixel_mode mode, int32_t width, int32_t height,
                          struct rt_error *err)
{
    memset(px, 0, sizeof *px);
    px->data = alloc_data(mode, width, height, err);
    if (px->data == NULL)
        return RT_ERR_MEMORY;
    px->mode = mode;
    px->width = width;
    px->height = height;
    return RT_OK;
}

void rt_pixels_free(struct rt_pixels *px)
{
    free(px->data);
    px->data = NULL;
}

static void put_data(struct rt_pixels *px, uint8_t *data, int32_t width, int32_t height)
{
    free(px->data);
    px->data = data;
    px->width = width;
    px->height = height;
}

/* Nearest: the centre of each new pixel, found by adding the step again and again as Pillow does. */
static rt_status resize_nearest(const struct rt_pixels *px, uint8_t *dst, int32_t width, int32_t height,
                                struct rt_error *err)
{
    int32_t *column = malloc((size_t)width * sizeof *column);
    if (column == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to resize a picture to a width of %d", width);
    const double step_x = (double)px->width / width, step_y = (double)px->height / height;
    double at = step_x * 0.5;
    for (int32_t x = 0; x < width; x++, at += step_x)
        column[x] = (int32_t)at < px->width ? (int32_t)at : -1;
    at = step_y * 0.5;
    for (int32_t y = 0; y < height; y++, at += step_y, dst += width) {
        if ((int32_t)at >= px->height)
            continue; /* left 0 */
        const uint8_t *row = px->data + (size_t)(int32_t)at * (size_t)px->width;
        for (int32_t x = 0; x < width; x++)
            dst[x] = column[x] >= 0 ? row[column[x]] : 0;
    }
    free(column);
    return RT_OK;
}

/* round(value * alpha / 255), exact for bytes. */
static uint8_t times_alpha(unsigned value, unsigned alpha)
{
    const unsigned t = value * alpha + 128;
    return (uint8_t)(((t >> 8) + t) >> 8);
}

static void premultiply(uint8_t *data, size_t pixels, int channels)
{
    for (; pixels > 0; pixels--, data += channels)
        for (int c = 0; c < channels - 1; c++)
            data[c] = times_alpha(data[c], data[channels - 1]);
}

static void unpremultiply(uint8_t *data, size_t pixels, int channels)
{
    for (; pixels > 0; pixels--, data += channels) {
        const unsigned alpha = data[channels - 1];
        if (alpha == 0 || alpha == 255)
            continue;
        for (int c = 0; c < channels - 1; c++) {
            const unsigned v = 255u * data[c] / alpha;
            data[c] = (uint8_t)(v < 255 ? v : 255);
        }
    }
}

rt_status rt_pixels_resize(struct rt_pixels *px, int32_t width, int32_t height, struct rt_error *err)
{
    if (width == px->width && height == px->height)
        return RT_OK;
    uint8_t *dst = alloc_data(px->mode, width, height, err);
    if (dst == NULL)
        return RT_ERR_MEMORY;
    const int channels = rt_pixels_bytes(px->mode);
    const size_t pixels = (size_t)px->width * (size_t)px->height;
    const bool alpha = px->mode == RT_PIXELS_LA || px->mode == RT_PIXELS_RGBA;
    rt_status st = RT_OK;
    switch (px->mode) {
    case RT_PIXELS_1:
    case RT_PIXELS_P: st = resize_nearest(px, dst, width, height, err); break;
    case RT_PIXELS_I16:
    case RT_PIXELS_I16B:
    case RT_PIXELS_I:
    case RT_PIXELS_F: st = rt_resize_wide(dst, width, height, px, err); break;
    default: {
        if (alpha)
            premultiply(px->data, pixels, channels);
        st = rt_resize_bicubic(dst, width, height, px->data, px->width, px->height, channels, RT_RESIZE_PILLOW,
                               err);
        if (alpha && st == RT_OK)
            unpremultiply(dst, (size_t)width * (size_t)height, channels);
    }
    }
    if (st != RT_OK) {
        free(dst);
        return st;
    }
    put_data(px, dst, width, height);
    return RT_OK;
}

static uint8_t clip_int(int32_t v)
{
    return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v);
}

/* Truncated; NaN is 0, which is what the reference's build gives. */
static uint8_t clip_float(float v)
{
    return (uint8_t)(v > 0.0f ? (v >= 255.0f ? 255 : (int)v) : 0);
}

static uint8_t grey_of(const uint8_t *in, enum rt_pixel_mode mode)
{
    switch (mode) {
    case RT_PIXELS_I16: return in[1] != 0 ? 255 : in[0];
    case RT_PIXELS_I16B: return in[0] != 0 ? 255 : in[1];
    case RT_PIXELS_I: {
        int32_t v;
        memcpy(&v, in, sizeof v);
        return clip_int(v);
    }
    case RT_PIXELS_F: {
        float v;
        memcpy(&v, in, sizeof v);
        return clip_float(v);
    }
    default: return in[0]; /* 1, L, LA */
    }
}

static void convert(uint8_t *out, const struct rt_pixels *px)
{
    const uint8_t *in = px->data;
    const int step = rt_pixels_bytes(px->mode);
    for (size_t n = (size_t)px->width * (size_t)px->height; n > 0; n--, in += step, out += 3) {
        switch (px->mode) {
        case RT_PIXELS_RGB:
        case RT_PIXELS_RGBA: memcpy(out, in, 3); break;
        case RT_PIXELS_P: memcpy(out, px->palette[in[0]], 3); break;
        case RT_PIXELS_CMYK:
            for (int c = 0; c < 3; c++)
                out[c] = (uint8_t)(255 - in[3] - times_alpha(in[c], 255u - in[3]));
            break;
        default: memset(out, grey_of(in, px->mode), 3);
        }
    }
}

rt_status rt_pixels_to_rgb(struct rt_pixels *px, struct rt_error *err)
{
    if (px->mode == RT_PIXELS_RGB)
        return RT_OK;
    uint8_t *rgb = alloc_data(RT_PIXELS_RGB, px->width, px->height, err);
    if (rgb == NULL)
        return RT_ERR_MEMORY;
    convert(rgb, px);
    put_data(px, rgb, px->width, px->height);
    px->mode = RT_PIXELS_RGB;
    return RT_OK;
}
