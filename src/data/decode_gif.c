/* decode_gif.c - GIF: sizes by walking its blocks, the first frame by giflib; contract in decode.h.
 *
 * Pillow opens the first frame as P, or as L when its palette is the ramp 0, 1, 2, ... or missing. The canvas
 * is filled with the transparent index, if there is one, else with 0, and grows when the frame reaches beyond
 * it. */
#include "config.h"
#include "data/decode.h"
#include "data/image_size.h"

#include <gif_lib.h>
#include <string.h>

static bool is_gif(const uint8_t *start, size_t bytes)
{
    return bytes >= 6 && (memcmp(start, "GIF87a", 6) == 0 || memcmp(start, "GIF89a", 6) == 0);
}

/* Behind the sub-blocks that start at `at`; 0 when the file ends in them. */
static uint64_t skip_blocks(struct rt_source *src, uint64_t at)
{
    for (const uint8_t *length; (length = rt_source_at(src, at, 1)) != NULL; at += 1 + (uint64_t)length[0])
        if (length[0] == 0)
            return at + 1;
    return 0;
}

static rt_status size_gif(struct rt_source *src, int64_t *width, int64_t *height, struct rt_error *err)
{
    const uint8_t *block = rt_source_at(src, 0, 13);
    uint64_t at = 13;
    if (block != NULL) {
        *width = rt_le16(block + 6);
        *height = rt_le16(block + 8);
        at += block[10] & 0x80 ? (uint64_t)3 << ((block[10] & 7) + 1) : 0;
    }
    while (block != NULL && (block = rt_source_at(src, at, 2)) != NULL && block[0] != ';') {
        if (block[0] == '!') {
            at = skip_blocks(src, at + 2);
            if (at == 0)
                break;
        } else if (block[0] == ',') {
            block = rt_source_at(src, at, 10);
            if (block == NULL)
                break;
            const int64_t right = rt_le16(block + 1) + rt_le16(block + 5);
            const int64_t bottom = rt_le16(block + 3) + rt_le16(block + 7);
            *width = right > *width ? right : *width;
            *height = bottom > *height ? bottom : *height;
            return RT_OK;
        } else {
            at++;
        }
    }
    return rt_picture_broken(src, "GIF", "it has no picture, so the file is truncated", err);
}

struct input {
    const uint8_t *data;
    size_t left;
};

/* Behind the end there are zeros: the empty block that ends a picture, so that giflib bears its absence as
 * Pillow does, and fails on it inside a picture. */
static int on_read(GifFileType *gif, GifByteType *out, int bytes)
{
    struct input *in = gif->UserData;
    const size_t asked = (size_t)bytes, n = asked < in->left ? asked : in->left;
    memcpy(out, in->data, n);
    memset(out + n, 0, asked - n);
    in->data += n;
    in->left -= n;
    return bytes;
}

/* Up to the first picture; *clear is the transparent index or -1. NULL, or what is wrong. */
static const char *find_picture(GifFileType *gif, const struct input *in, int *clear)
{
    GifRecordType type;
    for (;;) {
        if (in->left == 0 || DGifGetRecordType(gif, &type) == GIF_ERROR || type == TERMINATE_RECORD_TYPE)
            return "it has no picture";
        if (type == IMAGE_DESC_RECORD_TYPE)
            return DGifGetImageDesc(gif) == GIF_ERROR ? "its picture has no header" : NULL;
        int code;
        GifByteType *block;
        if (DGifGetExtension(gif, &code, &block) == GIF_ERROR)
            return "an extension is damaged";
        if (code == GRAPHICS_EXT_FUNC_CODE && block != NULL && block[0] >= 4 && (block[1] & 1) != 0)
            *clear = block[4];
        while (block != NULL)
            if (DGifGetExtensionNext(gif, &block) == GIF_ERROR)
                return "an extension is damaged";
    }
}

/* Sets the palette; false for a ramp or none, which is grey. */
static bool read_palette(struct rt_pixels *px, const ColorMapObject *map)
{
    bool needed = false;
    for (int i = 0; map != NULL && i < map->ColorCount && i < 256; i++) {
        const GifColorType c = map->Colors[i];
        px->palette[i][0] = c.Red;
        px->palette[i][1] = c.Green;
        px->palette[i][2] = c.Blue;
        needed = needed || c.Red != i || c.Green != i || c.Blue != i;
    }
    return needed;
}

static const char *read_lines(GifFileType *gif, struct rt_pixels *px)
{
    static const int start[] = { 0, 4, 2, 1 }, step[] = { 8, 8, 4, 2 };
    const GifImageDesc *at = &gif->Image;
    const int passes = at->Interlace ? 4 : 1;
    for (int pass = 0; pass < passes; pass++)
        for (int y = at->Interlace ? start[pass] : 0; y < at->Height; y += at->Interlace ? step[pass] : 1)
            if (DGifGetLine(gif, px->data + (size_t)(at->Top + y) * (size_t)px->width + at->Left, at->Width) ==
                GIF_ERROR)
                return "its data end or break off";
    return NULL;
}

static rt_status read_gif(GifFileType *gif, struct rt_source *src, const struct input *in, struct rt_pixels *px,
                          struct rt_error *err)
{
    int clear = -1;
    const char *wrong = find_picture(gif, in, &clear);
    if (wrong != NULL)
        return rt_picture_broken(src, "GIF", wrong, err);
    const GifImageDesc *at = &gif->Image;
    const int64_t right = (int64_t)at->Left + at->Width, bottom = (int64_t)at->Top + at->Height;
    const int64_t width = right > gif->SWidth ? right : gif->SWidth;
    const int64_t height = bottom > gif->SHeight ? bottom : gif->SHeight;
    if (at->Left < 0 || at->Top < 0 || at->Width < 1 || at->Height < 1 || !rt_image_size_ok(width, height))
        return rt_picture_broken(src, "GIF", "its size is out of range", err);
    RT_TRY(rt_pixels_alloc(px, RT_PIXELS_L, (int32_t)width, (int32_t)height, err));
    if (read_palette(px, at->ColorMap != NULL ? at->ColorMap : gif->SColorMap))
        px->mode = RT_PIXELS_P;
    if (clear >= 0)
        memset(px->data, clear, (size_t)width * (size_t)height);
    wrong = read_lines(gif, px);
    return wrong == NULL ? RT_OK : rt_picture_broken(src, "GIF", wrong, err);
}

static rt_status decode_gif(struct rt_source *src, struct rt_pixels *px, struct rt_error *err)
{
    struct input in = { src->data, (size_t)src->size };
    int code = 0;
    GifFileType *gif = DGifOpen(&in, on_read, &code);
    if (gif == NULL)
        return rt_picture_broken(src, "GIF", "giflib does not take it", err);
    const rt_status st = read_gif(gif, src, &in, px, err);
    DGifCloseFile(gif, &code);
    if (st != RT_OK)
        rt_pixels_free(px);
    return st;
}

const struct rt_picture_format rt_format_gif = { "GIF", is_gif, size_gif, decode_gif };
