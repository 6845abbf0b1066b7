/*
 * normalize.c - NFC with the tables of Unicode 9, which the reference's normalizer has.
 *
 * utf8proc knows a newer Unicode. What it says of code points that joined later is left aside: a combining
 * class counts only with RT_COMBINING, a decomposition or composition only where the composite has
 * RT_DECOMPOSES.
 *
 * Text splits before every code point that is not RT_UNSTABLE; only pieces with an unstable one are worked on.
 */
#include "config.h"
#include "data/tokenizer.h"
#include "data/unicode.h"

#include <string.h>
#include <utf8proc.h>

enum {
    FEW = 16,
    MOST_PARTS = 8
};                         /* marks sorted by insertion; code points of one decomposition (4 in Unicode 9) */
enum { PARTS_A_BYTE = 2 }; /* U+01D5: three from two bytes is the worst */

static int combining_class(uint32_t c)
{
    if ((rt_class_of(c) & RT_COMBINING) == 0)
        return 0;
    return (int)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

static bool is_hangul(uint32_t c)
{
    return c >= 0xac00 && c <= 0xd7a3;
}

/* The canonical decomposition of c, at most MOST_PARTS code points. */
static int decompose(uint32_t c, uint32_t *out)
{
    utf8proc_int32_t parts[MOST_PARTS];
    int boundary = 0;
    out[0] = c;
    if (!is_hangul(c) && (rt_class_of(c) & RT_DECOMPOSES) == 0)
        return 1;
    const utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)c, parts, MOST_PARTS, UTF8PROC_DECOMPOSE, &boundary);
    if (n < 1 || n > MOST_PARTS)
        return 1;
    for (int i = 0; i < n; i++)
        out[i] = (uint32_t)parts[i];
    return (int)n;
}

/* The code point that a and b compose into, 0: none. */
static uint32_t composite(uint32_t a, uint32_t b)
{
    utf8proc_int32_t pair[3] = { (utf8proc_int32_t)a, (utf8proc_int32_t)b, 0 };
    if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) != 1)
        return 0;
    const uint32_t c = (uint32_t)pair[0];
    return is_hangul(c) || (rt_class_of(c) & RT_DECOMPOSES) != 0 ? c : 0;
}

/* Stable sort of n marks by combining class; other[n] is used for many. */
static void order_marks(uint32_t *c, uint32_t *other, size_t n)
{
    if (n <= FEW) {
        for (size_t i = 1; i < n; i++) {
            const uint32_t moved = c[i];
            const int class = combining_class(moved);
            size_t k = i;
            for (; k > 0 && combining_class(c[k - 1]) > class; k--)
                c[k] = c[k - 1];
            c[k] = moved;
        }
        return;
    }
    size_t start[257] = { 0 };
    for (size_t i = 0; i < n; i++)
        start[combining_class(c[i]) + 1]++;
    for (int k = 1; k < 257; k++)
        start[k] += start[k - 1];
    for (size_t i = 0; i < n; i++)
        other[start[combining_class(c[i])]++] = c[i];
    memcpy(c, other, n * sizeof *c);
}

static void order(uint32_t *c, uint32_t *other, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t stop = i;
        while (stop < n && combining_class(c[stop]) != 0)
            stop++;
        order_marks(c + i, other, stop - i);
        i = stop + 1;
    }
}

/* Canonical composition in place; returns what is left. */
static size_t compose(uint32_t *c, size_t n)
{
    size_t kept = 0, starter = SIZE_MAX;
    int last = 0; /* class of the last one kept after the starter */
    for (size_t i = 0; i < n; i++) {
        const int class = combining_class(c[i]);
        if (starter != SIZE_MAX && (kept == starter + 1 || (last != 0 && last < class))) {
            const uint32_t joined = composite(c[starter], c[i]);
            if (joined != 0) {
                c[starter] = joined;
                continue;
            }
        }
        if (class == 0)
            starter = kept;
        last = class;
        c[kept++] = c[i];
    }
    return kept;
}

/* One piece: a code point and the unstable ones after it. Its normal form is appended to s->normal at `used`.
 */
static rt_status normalize_piece(struct rt_scratch *s, const uint8_t *text, size_t bytes, size_t *used,
                                 struct rt_error *err)
{
    const size_t most = bytes * PARTS_A_BYTE;
    size_t n = 0;
    RT_TRY(
        rt_scratch_grow((void **)&s->codes, &s->codes_room, (2 * most + MOST_PARTS) * sizeof *s->codes, err));
    for (size_t i = 0; i < bytes;) {
        int length;
        n += (size_t)decompose(rt_utf8_get(text + i, &length), s->codes + n);
        i += (size_t)length;
        if (n > most)
            return rt_fail(err, RT_ERR_INTERNAL, "%zu code points from %zu bytes of text", n, bytes);
    }
    order(s->codes, s->codes + n, n);
    n = compose(s->codes, n);
    RT_TRY(rt_scratch_grow((void **)&s->normal, &s->normal_room, *used + 4 * n, err));
    for (size_t i = 0; i < n; i++)
        *used += (size_t)rt_utf8_put(s->codes[i], s->normal + *used);
    return RT_OK;
}

/* The next unstable code point from `at`, or `bytes`. *base is the code point that stands before it. */
static size_t next_unstable(const uint8_t *text, size_t bytes, size_t at, size_t *base)
{
    *base = at;
    while (at < bytes) {
        int length = 1;
        if (text[at] >= 0xcc && (rt_class_of(rt_utf8_get(text + at, &length)) & RT_UNSTABLE) != 0)
            return at; /* below U+0300, lead byte CC, nothing is */
        if (text[at] < 0xcc && text[at] >= 0x80)
            length = 2;
        *base = at;
        at += (size_t)length;
    }
    return bytes;
}

rt_status rt_normalize(struct rt_scratch *s, const uint8_t *text, size_t bytes, const uint8_t **out,
                       size_t *out_bytes, struct rt_error *err)
{
    size_t base, used = 0, copied = 0, at = next_unstable(text, bytes, 0, &base);
    *out = text;
    *out_bytes = bytes;
    if (at == bytes)
        return RT_OK;
    while (at < bytes) {
        size_t stop = at;
        int length;
        while (stop < bytes && (rt_class_of(rt_utf8_get(text + stop, &length)) & RT_UNSTABLE) != 0)
            stop += (size_t)length;
        RT_TRY(rt_scratch_grow((void **)&s->normal, &s->normal_room, used + (base - copied), err));
        memcpy(s->normal + used, text + copied, base - copied);
        used += base - copied;
        RT_TRY(normalize_piece(s, text + base, stop - base, &used, err));
        copied = stop;
        at = next_unstable(text, bytes, stop, &base);
    }
    RT_TRY(rt_scratch_grow((void **)&s->normal, &s->normal_room, used + (bytes - copied), err));
    memcpy(s->normal + used, text + copied, bytes - copied);
    *out = s->normal;
    *out_bytes = used + (bytes - copied);
    return RT_OK;
}
