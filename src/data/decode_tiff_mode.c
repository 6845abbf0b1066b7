/* decode_tiff_mode.c - Pillow's table of TIFF layouts as rules; contract in decode_tiff_mode.h. */
#include "config.h"
#include "data/decode_tiff_mode.h"

#include <string.h>

enum { WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED = 5, YCBCR = 6 };
enum { UNSIGNED = 1, SIGNED = 2, FLOATING = 3 };

static rt_status refuse(struct rt_source *src, const struct rt_tiff *t, struct rt_error *err)
{
    return rt_fail(
        err, RT_ERR_FILE,
        "%s: is a TIFF of a kind that is not read (photometric %u, %u samples of %u bits, compression %u); "
        "write it as PNG",
        src->path, t->photometric, t->samples, t->bits.value[0], t->compression);
}

/* All samples have the same width, and the list is as long as it must be. */
static bool even_bits(const struct rt_tiff *t)
{
    if (t->samples < 1 || t->samples > 6 || t->bits.count < 1)
        return false;
    if (t->bits.count == 1)
        return true; /* said once for all */
    for (uint32_t i = 1; i < t->samples; i++)
        if (i >= (uint32_t)t->bits.count || t->bits.value[i] != t->bits.value[0])
            return false;
    return true;
}

/* The sample format, one for all; 0 when they differ. Several are only taken when unsigned. */
static uint32_t one_format(const struct rt_tiff *t)
{
    for (int i = 1; i < t->format.count; i++)
        if (i >= RT_TIFF_LIST || t->format.value[i] != UNSIGNED || t->format.value[0] != UNSIGNED)
            return 0;
    return t->format.value[0];
}

static bool choose_single(struct rt_tiff_mode *m, const struct rt_tiff *t, uint32_t format)
{
    const bool white = t->photometric == WHITE_IS_ZERO, packed = t->compression != 1, big = t->big_endian;
    m->channels = 1;
    if (m->bits <= 8) {
        m->invert = white;
        m->mode = m->bits == 1 ? RT_PIXELS_1 : RT_PIXELS_L;
        return format == UNSIGNED || (format == SIGNED && m->bits == 8 && !white);
    }
    if (m->bits == 16 && format == UNSIGNED) {
        m->mode = big ? RT_PIXELS_I16B : RT_PIXELS_I16;
        return !(white && big);
    }
    /* Pillow takes these from libtiff in the wrong byte order when the file is big-endian. */
    if (white && format != FLOATING)
        return false;
    m->mode = format == FLOATING ? RT_PIXELS_F : RT_PIXELS_I;
    m->is_signed = format == SIGNED;
    if (m->bits == 16)
        return format == SIGNED && !(big && packed);
    return m->bits == 32 && !(big && (packed || format == UNSIGNED));
}

/* Alpha, or what else the extra samples are: their number and kinds as Pillow's table has them. */
static bool choose_colour(struct rt_tiff_mode *m, const struct rt_tiff *t)
{
    const uint32_t first = t->extra.count > 0 ? t->extra.value[0] : 0;
    const int colours = t->photometric == SEPARATED ? 4 : 3, over = m->samples - colours;
    if ((m->bits != 8 && m->bits != 16) || over < 0 ||
        (t->extra.count != over && !(over == 1 && t->extra.count == 0)))
        return false;
    for (int i = 1; i < over; i++)
        if (t->extra.value[i] != 0)
            return false;
    if (m->bits == 16 && over > (colours == 3 ? 1 : 0))
        return false;
    if (colours == 4) {
        m->mode = RT_PIXELS_CMYK;
        m->channels = 4;
        return over == t->extra.count && (over == 0 || first == 0);
    }
    const bool alpha = over > 0 && (t->extra.count == 0 || first == 1 || first == 2 ||
                                    (first == 999 && over == 1 && m->bits == 8));
    m->mode = alpha ? RT_PIXELS_RGBA : RT_PIXELS_RGB;
    m->channels = alpha ? 4 : 3;
    m->premultiplied = alpha && first == 1;
    return alpha || over == 0 || first == 0;
}

static bool choose_indexed(struct rt_tiff_mode *m, const struct rt_tiff *t)
{
    m->mode = RT_PIXELS_P;
    m->channels = 1;
    if (m->samples == 1)
        return t->extra.count == 0 && m->bits <= 8;
    /* A second sample is ignored; as alpha it is refused, since Pillow 11.3 resizes such a picture to black. */
    return m->samples == 2 && m->bits == 8 && t->extra.count == 1 && t->extra.value[0] == 0 && !t->big_endian;
}

rt_status rt_tiff_choose(struct rt_tiff_mode *mode, const struct rt_tiff *tiff, struct rt_source *src,
                         struct rt_error *err)
{
    const uint32_t format = one_format(tiff), bits = tiff->bits.value[0];
    *mode =
        (struct rt_tiff_mode){ .bits = (int)bits, .samples = (int)tiff->samples, .planar = tiff->planar == 2 };
    bool good =
        even_bits(tiff) && (bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16 || bits == 32);
    const bool grey = tiff->photometric == WHITE_IS_ZERO || tiff->photometric == BLACK_IS_ZERO;
    if (good && grey && tiff->samples == 1 && tiff->extra.count == 0) {
        good = choose_single(mode, tiff, format);
    } else if (good && tiff->photometric == BLACK_IS_ZERO) {
        mode->mode = RT_PIXELS_LA;
        mode->channels = 2;
        good = format == UNSIGNED && bits == 8 && tiff->samples == 2 && tiff->extra.count == 1 &&
               tiff->extra.value[0] == 2;
    } else if (good && tiff->photometric == PALETTE) {
        good = format == UNSIGNED && choose_indexed(mode, tiff);
    } else if (good && tiff->photometric == YCBCR) { /* turned into RGB by libjpeg */
        mode->mode = RT_PIXELS_RGB;
        mode->channels = 3;
        good = format == UNSIGNED && bits == 8 && tiff->samples == 3 && tiff->compression == 7 &&
               !mode->planar && tiff->extra.count == 0;
    } else {
        good = good && format == UNSIGNED && (tiff->photometric == RGB || tiff->photometric == SEPARATED) &&
               choose_colour(mode, tiff);
    }
    /* Bits of a byte in the other order: only where Pillow knows them too. */
    const bool either_order = tiff->samples > 1
                                  ? bits == 8 && mode->mode == RT_PIXELS_RGB && tiff->extra.count == 0
                              : bits <= 8 ? true
                                          : mode->mode == RT_PIXELS_I16 && tiff->photometric == BLACK_IS_ZERO;
    if (tiff->fill_order != 1 && (tiff->fill_order != 2 || !either_order))
        good = false;
    if (mode->samples == 1)
        mode->planar = false;
    if (mode->planar && (bits != 8 && bits != 16))
        good = false;
    return good ? RT_OK : refuse(src, tiff, err);
}

uint64_t rt_tiff_row_bytes(const struct rt_tiff_mode *mode, uint64_t width)
{
    return (width * (uint64_t)(mode->planar ? 1 : mode->samples) * (uint64_t)mode->bits + 7) / 8;
}

static void unpack_small(uint8_t *out, const uint8_t *in, int32_t width, const struct rt_tiff_mode *m)
{
    const unsigned most = (1u << m->bits) - 1, scale = m->mode == RT_PIXELS_P ? 1 : 255 / most;
    for (int32_t x = 0; x < width; x++) {
        const int64_t at = (int64_t)x * m->bits;
        const unsigned v = (in[at / 8] >> (8 - m->bits - at % 8) & most) * scale;
        out[x] = (uint8_t)(m->invert ? 255 - v : v);
    }
}

static void unpack_signed(uint8_t *out, const uint8_t *in, int32_t width)
{
    for (int32_t x = 0; x < width; x++) {
        int16_t v;
        memcpy(&v, in + 2 * (size_t)x, sizeof v);
        const int32_t wide = v;
        memcpy(out + 4 * (size_t)x, &wide, sizeof wide);
    }
}

/* libtiff's 16-bit values are in host order, which is little-endian here. */
static void unpack_grey16(uint8_t *out, const uint8_t *in, int32_t width, bool swap)
{
    for (int32_t x = 0; x < width; x++, in += 2, out += 2) {
        uint16_t v;
        memcpy(&v, in, sizeof v);
        out[swap ? 1 : 0] = (uint8_t)v;
        out[swap ? 0 : 1] = (uint8_t)(v >> 8);
    }
}

static uint8_t sample8(const uint8_t *in, int64_t i, int bits)
{
    uint16_t v;
    if (bits == 8)
        return in[i];
    memcpy(&v, in + 2 * i, sizeof v);
    return (uint8_t)(v >> 8);
}

void rt_tiff_unpack(uint8_t *out, const uint8_t *in, int32_t width, int plane, const struct rt_tiff_mode *m)
{
    if (m->channels == 1 && m->samples == 1) {
        if (m->bits <= 8)
            unpack_small(out, in, width, m);
        else if (m->mode == RT_PIXELS_I16 || m->mode == RT_PIXELS_I16B)
            unpack_grey16(out, in, width, m->mode == RT_PIXELS_I16B);
        else if (m->bits == 16)
            unpack_signed(out, in, width);
        else
            memcpy(out, in, (size_t)width * 4);
        return;
    }
    for (int64_t x = 0; x < width; x++, out += m->channels) {
        if (m->planar && plane < m->channels)
            out[plane] = sample8(in, x, m->bits);
        for (int c = 0; !m->planar && c < m->channels; c++)
            out[c] = sample8(in, x * m->samples + c, m->bits);
    }
}

void rt_tiff_finish(struct rt_pixels *px, const struct rt_tiff_mode *mode)
{
    if (!mode->premultiplied)
        return;
    uint8_t *p = px->data;
    for (size_t n = (size_t)px->width * (size_t)px->height; n > 0; n--, p += 4)
        for (int c = 0; c < 3 && p[3] != 255; c++) {
            const unsigned v = p[3] == 0 ? 0 : 255u * p[c] / p[3];
            p[c] = (uint8_t)(v < 255 ? v : 255);
        }
}
