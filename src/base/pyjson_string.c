/* pyjson_string.c - texts as Python's json module quotes them. */
#include "config.h"
#include "base/pyjson.h"

#include <stdint.h>
#include <utf8proc.h>

/* The code point that text begins with, and its length; a byte that is not UTF-8 is 0xdc00 + itself. */
static uint32_t code_point(const char *text, size_t bytes, size_t *length)
{
    utf8proc_int32_t c;
    const utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)bytes, &c);
    *length = n < 1 ? 1 : (size_t)n;
    return n < 1 ? 0xdc00u + (unsigned char)*text : (uint32_t)c;
}

static char short_escape(uint32_t c)
{
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\f': return 'f';
    case '\b': return 'b';
    default: return '\0';
    }
}

void rt_pyjson_quote(FILE *out, const char *text, size_t bytes, bool utf8)
{
    size_t length;
    putc('"', out);
    for (size_t i = 0; i < bytes; i += length) {
        const uint32_t c = code_point(text + i, bytes - i, &length);
        const char letter = short_escape(c);
        if (letter != '\0')
            fprintf(out, "\\%c", letter);
        else if (c >= 0x20 && (utf8 || c < 0x7f))
            fwrite(text + i, 1, length, out);
        else if (c < 0x10000)
            fprintf(out, "\\u%04x", (unsigned)c);
        else
            fprintf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                    (unsigned)(0xdc00 + (c & 0x3ff)));
    }
    putc('"', out);
}
