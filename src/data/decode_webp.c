/* decode_webp.c - WebP: sizes from its first chunk, pixels of the first frame by libwebp; contract in decode.h.
 *
 * Pillow opens every WebP file as an animation and takes its first canvas; so does this, by the same functions.
 */
#include "config.h"
#include "data/decode.h"
#include "data/image_size.h"

#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

static bool is_webp(const uint8_t *start, size_t bytes)
{
    return bytes >= 16 && memcmp(start, "RIFF", 4) == 0 && memcmp(start + 8, "WEBPVP8", 7) == 0;
}

static rt_status size_webp(struct rt_source *src, int64_t *width, int64_t *height, struct rt_error *err)
{
    const uint8_t *start = rt_source_at(src, 0, 30);
    if (start == NULL)
        return rt_picture_broken(src, "WebP", "the file ends in its header", err);
    const uint8_t *body = start + 20;
    switch (start[15]) {
    case 'X':
        *width = 1 + (int64_t)(rt_le32(body + 4) & 0xffffff);
        *height = 1 + (int64_t)(rt_le32(body + 6) >> 8);
        break;
    case 'L':
        *width = 1 + (int64_t)(rt_le32(body + 1) & 0x3fff);
        *height = 1 + (int64_t)(rt_le32(body + 1) >> 14 & 0x3fff);
        break;
    case ' ':
        *width = rt_le16(body + 6) & 0x3fff;
        *height = rt_le16(body + 8) & 0x3fff;
        break;
    default: return rt_picture_broken(src, "WebP", "its first chunk is unknown", err);
    }
    if (8 + (uint64_t)rt_le32(start + 4) > src->size)
        return rt_picture_broken(src, "WebP", "the file is shorter than it says, so it is truncated", err);
    return RT_OK;
}

static void copy_canvas(struct rt_pixels *px, const uint8_t *canvas)
{
    const size_t pixels = (size_t)px->width * (size_t)px->height;
    if (px->mode == RT_PIXELS_RGBA) {
        memcpy(px->data, canvas, pixels * 4);
        return;
    }
    for (size_t i = 0; i < pixels; i++)
        memcpy(px->data + 3 * i, canvas + 4 * i, 3);
}

static rt_status decode_webp(struct rt_source *src, struct rt_pixels *px, struct rt_error *err)
{
    const WebPData data = { src->data, (size_t)src->size };
    WebPBitstreamFeatures features;
    WebPAnimInfo info;
    uint8_t *canvas;
    int time_ms;
    const bool alpha = WebPGetFeatures(data.bytes, data.size, &features) != VP8_STATUS_OK || features.has_alpha;
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, NULL);
    if (decoder == NULL)
        return rt_picture_broken(src, "WebP", "libwebp does not take it", err);
    rt_status st = RT_OK;
    if (!WebPAnimDecoderGetInfo(decoder, &info) || !rt_image_size_ok(info.canvas_width, info.canvas_height) ||
        !WebPAnimDecoderGetNext(decoder, &canvas, &time_ms))
        st = rt_picture_broken(src, "WebP", "its first frame cannot be decoded", err);
    if (st == RT_OK)
        st = rt_pixels_alloc(px, alpha ? RT_PIXELS_RGBA : RT_PIXELS_RGB, (int32_t)info.canvas_width,
                             (int32_t)info.canvas_height, err);
    if (st == RT_OK)
        copy_canvas(px, canvas);
    WebPAnimDecoderDelete(decoder);
    return st;
}

const struct rt_picture_format rt_format_webp = { "WebP", is_webp, size_webp, decode_webp };
