/*
 * unicode.h - UTF-8, and the classes of code points that the tokenizer's patterns and normalization ask for.
 *
 * The classes are those of the reference's libraries, which mix versions of Unicode: see unicode_ranges.txt.
 */
#ifndef RT_DATA_UNICODE_H
#define RT_DATA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RT_LETTER = 1,      /* \p{L} */
    RT_NUMBER = 2,      /* \p{N} */
    RT_SPACE = 4,       /* \s */
    RT_WORD = 8,        /* \w */
    RT_COMBINING = 16,  /* canonical combining class is not 0 */
    RT_DECOMPOSES = 32, /* has a canonical decomposition; Hangul syllables apart */
    RT_UNSTABLE = 64    /* NFC may change it or join it to what stands before it */
};

extern const uint16_t rt_unicode_block[0x110000 / 64];
extern const uint8_t rt_unicode_class[][64];

/* Class bits of a code point up to 10FFFF. */
static inline unsigned rt_class_of(uint32_t c)
{
    return rt_unicode_class[rt_unicode_block[c >> 6]][c & 63];
}

/* The code point at `at`, which is valid UTF-8; *length is its bytes. */
static inline uint32_t rt_utf8_get(const uint8_t *at, int *length)
{
    if (at[0] < 0x80) {
        *length = 1;
        return at[0];
    }
    if (at[0] < 0xe0) {
        *length = 2;
        return (at[0] & 0x1fu) << 6 | (at[1] & 0x3fu);
    }
    if (at[0] < 0xf0) {
        *length = 3;
        return (at[0] & 0xfu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    }
    *length = 4;
    return (at[0] & 7u) << 18 | (at[1] & 0x3fu) << 12 | (at[2] & 0x3fu) << 6 | (at[3] & 0x3fu);
}

/* Write a code point as UTF-8; returns its bytes, at most 4. */
static inline int rt_utf8_put(uint32_t c, uint8_t *to)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (uint8_t)(0xc0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (uint8_t)(0xe0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/*
 * Bytes of the well-formed sequence at `at`, of which `bytes` (> 0) are there. Where there is none: 0, and
 * *skip is the length of what stands for one U+FFFD, i.e. of the longest start of a well-formed sequence, at
 * least 1 (the replacement that the Unicode standard recommends, table 3-8).
 */
int rt_utf8_sequence(const uint8_t *at, size_t bytes, int *skip);

/* Offset of the first byte that is not UTF-8, or `bytes`. */
size_t rt_utf8_valid(const uint8_t *text, size_t bytes);

#endif
