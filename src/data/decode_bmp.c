/* decode_bmp.c - pixels of a BMP file by Pillow's rules; contract in decode.h. */
#include "config.h"
#include "data/decode.h"
#include "data/decode_bmp.h"

#include <stdlib.h>
#include <string.h>

static bool is_bmp(const uint8_t *start, size_t bytes)
{
    return bytes >= 2 && start[0] == 'B' && start[1] == 'M';
}

static uint64_t row_bytes(const struct rt_bmp *bmp)
{
    const uint64_t bits = bmp->raw_bits == 15 ? 16 : (uint64_t)bmp->raw_bits;
    return ((uint64_t)bmp->width * bits + 7) / 8;
}

static rt_status size_bmp(struct rt_source *src, int64_t *width, int64_t *height, struct rt_error *err)
{
    struct rt_bmp bmp;
    RT_TRY(rt_bmp_header(&bmp, src, err));
    *width = bmp.width;
    *height = bmp.height;
    if (bmp.width < 1 || bmp.height < 1 || bmp.width > 1 << 20 || bmp.height > 1 << 20)
        return RT_OK; /* out of range, as the caller will say */
    if (!bmp.run_length && row_bytes(&bmp) > bmp.stride)
        return rt_picture_broken(src, "BMP", "its palette is a grey ramp, which does not go with its bits",
                                 err);
    if (!bmp.run_length && bmp.data + bmp.stride * (uint64_t)(bmp.height - 1) + row_bytes(&bmp) > src->size)
        return rt_picture_broken(src, "BMP", "the file is shorter than its rows, so it is truncated", err);
    return RT_OK;
}

static void unpack_bits(uint8_t *out, const uint8_t *in, int64_t width, int bits, unsigned scale)
{
    const unsigned most = (1u << bits) - 1;
    for (int64_t x = 0; x < width; x++) {
        const int64_t at = x * bits;
        out[x] = (uint8_t)((in[at / 8] >> (8 - bits - at % 8) & most) * scale);
    }
}

static void unpack_16(uint8_t *out, const uint8_t *in, int64_t width, int green_bits)
{
    const uint32_t green = (1u << green_bits) - 1;
    for (int64_t x = 0; x < width; x++, in += 2, out += 3) {
        const uint32_t v = rt_le16(in);
        out[0] = (uint8_t)((v >> (5 + green_bits) & 31) * 255 / 31);
        out[1] = (uint8_t)((v >> 5 & green) * 255 / green);
        out[2] = (uint8_t)((v & 31) * 255 / 31);
    }
}

static void unpack_row(uint8_t *out, const uint8_t *in, const struct rt_bmp *bmp)
{
    const int channels = rt_pixels_bytes(bmp->mode), bytes = bmp->raw_bits / 8;
    switch (bmp->raw_bits) {
    case 1:
    case 4: unpack_bits(out, in, bmp->width, bmp->raw_bits, bmp->mode == RT_PIXELS_1 ? 255 : 1); break;
    case 8: memcpy(out, in, (size_t)bmp->width); break;
    case 15: unpack_16(out, in, bmp->width, 5); break;
    case 16: unpack_16(out, in, bmp->width, 6); break;
    default:
        for (int64_t x = 0; x < bmp->width; x++, in += bytes)
            for (int c = 0; c < channels; c++)
                *out++ = in[bmp->order[c]];
    }
}

/* Where run lengths are unpacked to: rows from the first stored one, without padding. */
struct sink {
    uint8_t *out;
    uint64_t at, most, width;
};

static void put(struct sink *s, uint8_t value, uint64_t times)
{
    const uint64_t room = s->at < s->most ? s->most - s->at : 0;
    memset(s->out + (s->at < s->most ? s->at : 0), value, (size_t)(times < room ? times : room));
    s->at += times;
}

/* `times` pixels of one byte: two nibbles in turn, or the byte. */
static void put_run(struct sink *s, uint8_t byte, uint64_t times, bool four_bits)
{
    if (!four_bits) {
        put(s, byte, times);
        return;
    }
    for (uint64_t i = 0; i < times; i++)
        put(s, i % 2 == 0 ? byte >> 4 : byte & 15, 1);
}

/* The codes of one file as Pillow 11.3 takes them, oddities included: a run is cut at the row's end by a count
 * that literal pixels move by their number and not by what they wrote, and a move takes the two bytes after its
 * own. */
static void unpack_runs(struct sink *s, struct rt_source *src, uint64_t at, bool four_bits)
{
    uint64_t x = 0;
    const uint8_t *code;
    while (s->at < s->most && (code = rt_source_at(src, at, 2)) != NULL) {
        const uint8_t count = code[0], byte = code[1];
        at += 2;
        if (count != 0) {
            const uint64_t room = x < s->width ? s->width - x : 0;
            const uint64_t run = x + count > s->width ? room : count;
            put_run(s, byte, run, four_bits);
            x += run;
        } else if (byte == 0) { /* end of line */
            put(s, 0, (s->width - s->at % s->width) % s->width);
            x = 0;
        } else if (byte == 1) { /* end of picture */
            break;
        } else if (byte == 2) { /* move right and up */
            code = rt_source_at(src, at, 4);
            if (code == NULL)
                break;
            put(s, 0, code[2] + code[3] * s->width);
            at += 4;
            x = s->at % s->width;
        } else { /* literal */
            const uint64_t bytes = four_bits ? byte / 2 : byte;
            for (uint64_t i = 0; i < bytes; i++) {
                code = rt_source_at(src, at + i, 1);
                if (code == NULL)
                    return;
                put_run(s, code[0], four_bits ? 2 : 1, four_bits);
            }
            x += byte;
            at += bytes;
            at += at % 2;
        }
    }
}

static rt_status decode_runs(struct rt_source *src, struct rt_pixels *px, const struct rt_bmp *bmp,
                             struct rt_error *err)
{
    const size_t width = (size_t)px->width;
    struct sink s = { px->data, 0, (uint64_t)bmp->width * (uint64_t)bmp->height, (uint64_t)bmp->width };
    unpack_runs(&s, src, bmp->data, bmp->four_bits);
    if (s.at < s.most)
        return rt_picture_broken(src, "BMP", "its run lengths end too early", err);
    if (bmp->top_down)
        return RT_OK;
    uint8_t *row = malloc(width);
    if (row == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for a row", src->path);
    for (int32_t y = 0; y < px->height / 2; y++) {
        uint8_t *top = px->data + (size_t)y * width, *bottom = px->data + (size_t)(px->height - 1 - y) * width;
        memcpy(row, top, width);
        memcpy(top, bottom, width);
        memcpy(bottom, row, width);
    }
    free(row);
    return RT_OK;
}

static void read_palette(struct rt_pixels *px, struct rt_source *src, const struct rt_bmp *bmp)
{
    for (int64_t i = 0; i < bmp->palette_entries && i < 256; i++) {
        const uint8_t *c = rt_source_at(src, bmp->palette + (uint64_t)i * (uint64_t)bmp->palette_bytes, 3);
        for (int k = 0; c != NULL && k < 3; k++)
            px->palette[i][k] = c[2 - k];
    }
}

static rt_status decode_bmp(struct rt_source *src, struct rt_pixels *px, struct rt_error *err)
{
    struct rt_bmp bmp;
    RT_TRY(rt_bmp_header(&bmp, src, err));
    RT_TRY(rt_pixels_alloc(px, bmp.mode, (int32_t)bmp.width, (int32_t)bmp.height, err));
    if (bmp.mode == RT_PIXELS_P)
        read_palette(px, src, &bmp);
    if (bmp.run_length) {
        const rt_status st = decode_runs(src, px, &bmp, err);
        if (st != RT_OK)
            rt_pixels_free(px);
        return st;
    }
    const size_t row = (size_t)bmp.width * (size_t)rt_pixels_bytes(bmp.mode);
    for (int64_t y = 0; y < bmp.height; y++)
        unpack_row(px->data + (size_t)(bmp.top_down ? y : bmp.height - 1 - y) * row,
                   src->data + bmp.data + (uint64_t)y * bmp.stride, &bmp);
    return RT_OK;
}

const struct rt_picture_format rt_format_bmp = { "BMP", is_bmp, size_bmp, decode_bmp };
