/* decode_tiff_header.c - the first directory of a TIFF file, read without libtiff; contract in decode_tiff.h.
 *
 * libtiff repairs and replaces tags while it opens a file; Pillow's choice of a mode goes by what the file
 * says. */
#include "config.h"
#include "data/decode.h"
#include "data/decode_tiff.h"

#include <string.h>

bool rt_tiff_is(const uint8_t *start, size_t bytes)
{
    return bytes >= 4 && (memcmp(start, "II*\0", 4) == 0 || memcmp(start, "MM\0*", 4) == 0 ||
                          memcmp(start, "II+\0", 4) == 0 || memcmp(start, "MM\0+", 4) == 0);
}

static uint32_t get16(const struct rt_tiff *t, const uint8_t *p)
{
    return t->big_endian ? rt_be16(p) : rt_le16(p);
}

static uint32_t get32(const struct rt_tiff *t, const uint8_t *p)
{
    return t->big_endian ? rt_be32(p) : rt_le32(p);
}

static uint64_t get64(const struct rt_tiff *t, const uint8_t *p)
{
    const uint64_t a = get32(t, p), b = get32(t, p + 4);
    return t->big_endian ? a << 32 | b : b << 32 | a;
}

/* One entry: where its values are, of what size, and how many. */
struct entry {
    uint32_t tag;
    int value_bytes; /* 0: a type that no tag here has */
    uint64_t count, at;
};

static bool read_entry(const struct rt_tiff *t, struct rt_source *src, uint64_t at, struct entry *e)
{
    static const int bytes_of[] = { 0, 1, 0, 2, 4 }; /* 1 byte, 3 short, 4 long */
    const size_t bytes = t->big ? 20 : 12, inline_bytes = t->big ? 8 : 4;
    const uint8_t *p = rt_source_at(src, at, bytes);
    if (p == NULL)
        return false;
    const uint32_t type = get16(t, p + 2);
    e->tag = get16(t, p);
    e->value_bytes = type < 5 ? bytes_of[type] : 0;
    e->count = t->big ? get64(t, p + 4) : get32(t, p + 4);
    if (e->value_bytes == 0 || e->count > (uint64_t)1 << 32)
        e->count = 0;
    const uint8_t *value = p + bytes - inline_bytes;
    if (e->count * (uint64_t)e->value_bytes <= inline_bytes)
        e->at = at + bytes - inline_bytes;
    else
        e->at = t->big ? get64(t, value) : get32(t, value);
    return true;
}

static uint32_t read_value(const struct rt_tiff *t, struct rt_source *src, const struct entry *e, uint64_t i)
{
    const uint8_t *p = rt_source_at(src, e->at + i * (uint64_t)e->value_bytes, (size_t)e->value_bytes);
    if (p == NULL)
        return 0;
    return e->value_bytes == 1 ? p[0] : e->value_bytes == 2 ? get16(t, p) : get32(t, p);
}

static void read_list(const struct rt_tiff *t, struct rt_source *src, const struct entry *e,
                      struct rt_tiff_list *list)
{
    list->count = e->count < 1000 ? (int)e->count : 1000;
    for (int i = 0; i < list->count && i < RT_TIFF_LIST; i++)
        list->value[i] = read_value(t, src, e, (uint64_t)i);
}

static void take_entry(struct rt_tiff *t, struct rt_source *src, const struct entry *e)
{
    const uint32_t value = e->count > 0 ? read_value(t, src, e, 0) : 0;
    switch (e->tag) {
    case 256: t->width = value; break;
    case 257: t->height = value; break;
    case 258: read_list(t, src, e, &t->bits); break;
    case 259: t->compression = value; break;
    case 262: t->photometric = value; break;
    case 266: t->fill_order = value; break;
    case 274: t->orientation = value; break;
    case 277: t->samples = value; break;
    case 284: t->planar = value; break;
    case 320:
        t->colour_map = e->value_bytes == 2 ? e->at : 0;
        t->colours = e->count;
        break;
    case 338: read_list(t, src, e, &t->extra); break;
    case 339: read_list(t, src, e, &t->format); break;
    default: break;
    }
}

rt_status rt_tiff_directory(struct rt_tiff *tiff, struct rt_source *src, struct rt_error *err)
{
    const uint8_t *h = rt_source_at(src, 0, 16);
    *tiff = (struct rt_tiff){ .compression = 1,
                              .fill_order = 1,
                              .orientation = 1,
                              .planar = 1,
                              .samples = 1,
                              .bits = { 1, { 1 } },
                              .format = { 1, { 1 } } };
    if (h == NULL)
        return rt_picture_broken(src, "TIFF", "the file ends in its header", err);
    tiff->big_endian = h[0] == 'M';
    tiff->big = h[2] == '+' || h[3] == '+';
    uint64_t at = tiff->big ? get64(tiff, h + 8) : get32(tiff, h + 4);
    const uint8_t *count = rt_source_at(src, at, tiff->big ? 8 : 2);
    if (count == NULL)
        return rt_picture_broken(src, "TIFF", "its directory lies beyond its end, so the file is truncated",
                                 err);
    const uint64_t entries = tiff->big ? get64(tiff, count) : get16(tiff, count);
    at += tiff->big ? 8 : 2;
    struct entry e;
    for (uint64_t i = 0; i < entries && i < 4096; i++, at += tiff->big ? 20 : 12) {
        if (!read_entry(tiff, src, at, &e))
            return rt_picture_broken(src, "TIFF", "the file ends in its directory", err);
        take_entry(tiff, src, &e);
    }
    return RT_OK;
}
