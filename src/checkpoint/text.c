/* text.c - JSON strings and numbers in the spelling of the programs whose files we write. */
#include "config.h"
#include "checkpoint/text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The two-character escape of c, or 0. */
static char short_escape(unsigned char c)
{
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

void rt_text_serde(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        if (short_escape(*c) != 0)
            fprintf(out, "\\%c", short_escape(*c));
        else if (*c < 0x20)
            fprintf(out, "\\u%04x", *c);
        else
            putc(*c, out);
    putc('"', out);
}

/* The code point at c and its length; a byte that is not UTF-8 is 0xdc00 + itself, length 1. */
static uint32_t code_point(const unsigned char *c, int *length)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const int n = *c < 0x80                 ? 1
                  : *c >= 0xc2 && *c < 0xe0 ? 2
                  : (*c & 0xf0) == 0xe0     ? 3
                  : (*c & 0xf8) == 0xf0     ? 4
                                            : 0;
    uint32_t code = n == 1 ? *c : n == 0 ? 0 : *c & (0xffu >> (n + 1));
    *length = 1;
    for (int i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0xdc00u + *c;
        code = code << 6 | (c[i] & 0x3fu);
    }
    if (n == 0 || code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0xdc00u + *c;
    *length = n;
    return code;
}

void rt_text_python(FILE *out, const char *text)
{
    int length;
    putc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c += length) {
        const uint32_t code = code_point(c, &length);
        if (short_escape(*c) != 0)
            fprintf(out, "\\%c", short_escape(*c));
        else if (code >= 0x20 && code < 0x7f)
            putc((int)code, out);
        else if (code < 0x10000)
            fprintf(out, "\\u%04x", code);
        else
            fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
                    0xdc00 + ((code - 0x10000) & 0x3ff));
    }
    putc('"', out);
}

void rt_text_double(FILE *out, double value)
{
    char text[40];
    int digits = 0;
    if (!isfinite(value)) {
        fputs(isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity", out);
        return;
    }
    do /* 17 digits always read back the same */
        snprintf(text, sizeof text, "%.*e", digits, value);
    while (strtod(text, NULL) != value && ++digits < 17);
    const int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent < -4 || exponent >= 16)
        fputs(text, out); /* C and Python agree here: two digits of exponent at least */
    else
        fprintf(out, "%.*f", digits > exponent ? digits - exponent : 1, value);
}
