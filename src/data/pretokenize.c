/*
 * pretokenize.c - the Qwen2 family's split pattern, as a scanner:
 *
 *   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|
 * ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *
 * Alternatives are tried from the left, each taking as much as it can; together they cover every text.
 */
#include "config.h"
#include "data/tokenizer.h"
#include "data/unicode.h"

enum { PLAIN = RT_SPACE | RT_LETTER | RT_NUMBER }; /* none of these: punctuation, marks, symbols ... */

/* Class bits of the code point at `at`, and its length; 0 and 0 at the end. */
static unsigned class_at(const uint8_t *text, size_t bytes, size_t at, int *length)
{
    *length = 0;
    return at < bytes ? rt_class_of(rt_utf8_get(text + at, length)) : 0;
}

/* End of the run of code points of a class from `at`. */
static size_t run_of(unsigned class, const uint8_t *text, size_t bytes, size_t at)
{
    int length;
    while ((class_at(text, bytes, at, &length) & class) != 0)
        at += (size_t)length;
    return at;
}

static bool is_newline(const uint8_t *text, size_t bytes, size_t at)
{
    return at < bytes && (text[at] == '\r' || text[at] == '\n');
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Bytes of 's 't 're 've 'm 'll 'd in either case at the start of text, 0: none. U+017F is an s in small
 * letters. */
static size_t contraction(const uint8_t *text, size_t bytes)
{
    if (bytes < 2 || text[0] != '\'')
        return 0;
    const uint8_t first = lower(text[1]), second = bytes > 2 ? lower(text[2]) : 0;
    if (first == 's' || first == 't' || first == 'm' || first == 'd')
        return 2;
    if (first == 0xc5 && bytes > 2 && text[2] == 0xbf)
        return 3;
    if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
        return 3;
    return 0;
}

/* \s*[\r\n]+ | \s+(?!\S) | \s+ at white space. */
static size_t space(const uint8_t *text, size_t bytes)
{
    size_t at = 0, last = 0, newline = 0; /* start of the run's last code point, end of its last newline */
    int length;
    while ((class_at(text, bytes, at, &length) & RT_SPACE) != 0) {
        last = at;
        if (is_newline(text, bytes, at))
            newline = at + 1;
        at += (size_t)length;
    }
    if (newline > 0)
        return newline;
    if (at == bytes || last == 0)
        return at;
    return last;
}

size_t rt_pretoken(const uint8_t *text, size_t bytes)
{
    int length, next_length;
    const size_t short_form = contraction(text, bytes);
    if (short_form > 0)
        return short_form;

    const unsigned class = class_at(text, bytes, 0, &length);
    const size_t one = (size_t)length;
    if ((class & RT_LETTER) != 0)
        return run_of(RT_LETTER, text, bytes, one);
    if ((class & RT_NUMBER) != 0)
        return one;

    const unsigned next = class_at(text, bytes, one, &next_length);
    if (!is_newline(text, bytes, 0) && (next & RT_LETTER) != 0)
        return run_of(RT_LETTER, text, bytes, one + (size_t)next_length);

    size_t at = text[0] == ' ' ? 1 : 0;
    const size_t begin = at;
    while (at < bytes && (class_at(text, bytes, at, &length) & PLAIN) == 0)
        at += (size_t)length;
    if (at > begin) {
        while (is_newline(text, bytes, at))
            at++;
        return at;
    }
    return space(text, bytes);
}
