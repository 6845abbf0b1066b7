/* decode_bmp_header.c - what a BMP file holds, by Pillow's rules; contract in decode_bmp.h. */
#include "config.h"
#include "data/decode.h"
#include "data/decode_bmp.h"

#include <string.h>

struct raw_header {
    uint32_t bytes, bits, compression, offset, mask[4];
    int64_t colours;
    uint64_t end; /* behind the header and the masks after it */
};

enum { RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3 };

static rt_status unsupported(struct rt_source *src, const char *what, uint32_t value, struct rt_error *err)
{
    return rt_fail(err, RT_ERR_FILE, "%s: is a BMP with %s %u, which is not read; write it as PNG", src->path,
                   what, value);
}

static rt_status read_raw(struct rt_bmp *bmp, struct raw_header *raw, struct rt_source *src,
                          struct rt_error *err)
{
    const uint8_t *h = rt_source_at(src, 0, 18);
    if (h == NULL)
        return rt_picture_broken(src, "BMP", "the file ends in its header", err);
    raw->offset = rt_le32(h + 10);
    raw->bytes = rt_le32(h + 14);
    raw->end = 14 + (uint64_t)raw->bytes;
    static const uint32_t known[] = { 12, 40, 52, 56, 64, 108, 124 };
    bool is_known = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        is_known = is_known || raw->bytes == known[i];
    if (!is_known)
        return unsupported(src, "a header of size", raw->bytes, err);
    h = rt_source_at(src, 18, raw->bytes - 4);
    if (h == NULL)
        return rt_picture_broken(src, "BMP", "the file ends in its header", err);
    if (raw->bytes == 12) {
        bmp->width = rt_le16(h);
        bmp->height = rt_le16(h + 2);
        raw->bits = rt_le16(h + 6);
        return RT_OK;
    }
    bmp->top_down = h[7] == 0xff;
    bmp->width = rt_le32(h);
    bmp->height = bmp->top_down ? ((int64_t)1 << 32) - rt_le32(h + 4) : rt_le32(h + 4);
    raw->bits = rt_le16(h + 10);
    raw->compression = rt_le32(h + 12);
    raw->colours = rt_le32(h + 28);
    if (raw->compression != BITFIELDS)
        return RT_OK;
    const int masks = raw->bytes >= 56 ? 4 : 3; /* behind a header of 40 bytes, inside the larger ones */
    raw->end += raw->bytes == 40 ? 12 : 0;
    h = rt_source_at(src, 54, (size_t)masks * 4);
    if (h == NULL)
        return rt_picture_broken(src, "BMP", "the file ends in its header", err);
    for (int i = 0; i < masks; i++)
        raw->mask[i] = rt_le32(h + 4 * i);
    return RT_OK;
}

/* Which byte of a pixel each mask names; the layouts that Pillow knows. */
static bool match_masks(struct rt_bmp *bmp, const struct raw_header *raw)
{
    static const struct {
        uint32_t bits, mask[4];
        int order[4];
        enum rt_pixel_mode mode;
    } known[] = {
        { 32, { 0xff0000, 0xff00, 0xff, 0 }, { 2, 1, 0, 0 }, RT_PIXELS_RGB },
        { 32, { 0xff000000, 0xff0000, 0xff00, 0 }, { 3, 2, 1, 0 }, RT_PIXELS_RGB },
        { 32, { 0xff000000, 0xff00, 0xff, 0 }, { 3, 1, 0, 0 }, RT_PIXELS_RGB },
        { 32, { 0xff000000, 0xff0000, 0xff00, 0xff }, { 3, 2, 1, 0 }, RT_PIXELS_RGBA },
        { 32, { 0xff, 0xff00, 0xff0000, 0xff000000 }, { 0, 1, 2, 3 }, RT_PIXELS_RGBA },
        { 32, { 0xff0000, 0xff00, 0xff, 0xff000000 }, { 2, 1, 0, 3 }, RT_PIXELS_RGBA },
        { 32, { 0xff000000, 0xff00, 0xff, 0xff0000 }, { 3, 1, 0, 2 }, RT_PIXELS_RGBA },
        { 32, { 0, 0, 0, 0 }, { 2, 1, 0, 3 }, RT_PIXELS_RGBA },
        { 24, { 0xff0000, 0xff00, 0xff, 0 }, { 2, 1, 0, 0 }, RT_PIXELS_RGB },
        { 16, { 0xf800, 0x7e0, 0x1f, 0 }, { 0, 0, 0, 0 }, RT_PIXELS_RGB },
        { 16, { 0x7c00, 0x3e0, 0x1f, 0 }, { 0, 0, 0, 0 }, RT_PIXELS_RGB },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t masks = known[i].bits == 32 ? 4 : 3;
        if (known[i].bits != raw->bits || memcmp(known[i].mask, raw->mask, masks * sizeof raw->mask[0]) != 0)
            continue;
        memcpy(bmp->order, known[i].order, sizeof bmp->order);
        bmp->mode = known[i].mode;
        if (raw->bits == 16)
            bmp->raw_bits = raw->mask[0] == 0xf800 ? 16 : 15;
        return true;
    }
    return false;
}

/* A palette that is black and white, or the ramp 0, 1, 2, ..., is dropped. */
static bool is_grey(const struct rt_bmp *bmp, struct rt_source *src, int64_t colours)
{
    for (int64_t i = 0; i < colours; i++) {
        const uint8_t *c = rt_source_at(src, bmp->palette + (uint64_t)i * (uint64_t)bmp->palette_bytes, 3);
        const uint8_t want = (uint8_t)(colours == 2 && i == 1 ? 255 : i);
        if (c == NULL || c[0] != want || c[1] != want || c[2] != want)
            return false;
    }
    return true;
}

static rt_status read_indexed(struct rt_bmp *bmp, const struct raw_header *raw, struct rt_source *src,
                              struct rt_error *err)
{
    const int64_t colours = raw->colours;
    bmp->palette = raw->end;
    bmp->palette_bytes = raw->bytes == 12 ? 3 : 4;
    if (colours > 65536)
        return rt_picture_broken(src, "BMP", "its palette is too large", err);
    const uint64_t asked = (uint64_t)colours * (uint64_t)bmp->palette_bytes;
    const uint64_t left = src->size > bmp->palette ? src->size - bmp->palette : 0;
    const uint64_t there = asked < left ? asked : left;
    bmp->palette_entries = (int64_t)(there / (uint64_t)bmp->palette_bytes);
    bmp->data = bmp->data != 0 ? bmp->data : bmp->palette + there;
    if (is_grey(bmp, src, colours)) {
        bmp->mode = colours == 2 ? RT_PIXELS_1 : RT_PIXELS_L;
        bmp->raw_bits = colours == 2 ? 1 : 8; /* whatever the header says: so Pillow reads it */
    } else if (bmp->palette_entries > 256) {
        return rt_picture_broken(src, "BMP", "its palette is too large", err);
    }
    if (bmp->run_length && bmp->mode == RT_PIXELS_1)
        return unsupported(src, "run lengths and colours", 2, err);
    return RT_OK;
}

rt_status rt_bmp_header(struct rt_bmp *bmp, struct rt_source *src, struct rt_error *err)
{
    struct raw_header raw = { 0 };
    *bmp = (struct rt_bmp){ .order = { 2, 1, 0, 3 } };
    RT_TRY(read_raw(bmp, &raw, src, err));
    const bool indexed = raw.bits == 1 || raw.bits == 4 || raw.bits == 8;
    if (!indexed && raw.bits != 16 && raw.bits != 24 && raw.bits != 32)
        return unsupported(src, "pixels of bits", raw.bits, err);
    if (raw.colours == 0)
        raw.colours = (int64_t)1 << raw.bits;
    bmp->mode = indexed ? RT_PIXELS_P : RT_PIXELS_RGB;
    bmp->raw_bits = raw.bits == 16 ? 15 : (int)raw.bits;
    bmp->data = raw.offset;
    if (indexed && raw.offset == raw.end - (raw.bytes == 40 && raw.compression == BITFIELDS ? 12 : 0))
        bmp->data += 4 * (uint64_t)raw.colours;
    bmp->run_length = raw.compression == RLE8 || raw.compression == RLE4;
    bmp->four_bits = raw.compression == RLE4;
    bmp->stride = ((uint64_t)bmp->width * raw.bits + 31) >> 3 & ~(uint64_t)3;
    if (raw.compression > BITFIELDS || (bmp->run_length && !indexed))
        return unsupported(src, "compression", raw.compression, err);
    if (raw.compression == BITFIELDS && !match_masks(bmp, &raw))
        return unsupported(src, "unusual masks of bits", raw.bits, err);
    if (indexed)
        RT_TRY(read_indexed(bmp, &raw, src, err));
    else if (bmp->data == 0)
        bmp->data = raw.end;
    return RT_OK;
}
