/* bytes.c - bytes that grow, and the JSON written into them. */
#include "config.h"
#include "data/bytes.h"

#include "base/pyjson.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rt_bytes_add(struct rt_bytes *bytes, const void *data, size_t count)
{
    if (bytes->failed || count == 0)
        return;
    if (count > bytes->room - bytes->count) {
        size_t room = bytes->room < 256 ? 256 : bytes->room;
        while (room - bytes->count < count && room <= SIZE_MAX / 2)
            room *= 2;
        char *grown = room - bytes->count < count ? NULL : realloc(bytes->data, room);
        if (grown == NULL) {
            bytes->failed = 1;
            return;
        }
        bytes->data = grown;
        bytes->room = room;
    }
    memcpy(bytes->data + bytes->count, data, count);
    bytes->count += count;
}

void rt_bytes_text(struct rt_bytes *bytes, const char *text)
{
    rt_bytes_add(bytes, text, strlen(text));
}

void rt_bytes_format(struct rt_bytes *bytes, const char *fmt, ...)
{
    char small[512];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) {
        bytes->failed = 1;
    } else if ((size_t)n < sizeof small) {
        rt_bytes_add(bytes, small, (size_t)n);
    } else {
        char *large = malloc((size_t)n + 1);
        if (large == NULL) {
            bytes->failed = 1;
            return;
        }
        va_start(ap, fmt);
        vsnprintf(large, (size_t)n + 1, fmt, ap);
        va_end(ap);
        rt_bytes_add(bytes, large, (size_t)n);
        free(large);
    }
}

/* Bytes of the UTF-8 character that starts at s, 0 if there is none. */
static int utf8_length(const unsigned char *s)
{
    const int n = s[0] < 0x80                   ? 1
                  : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                  : (s[0] & 0xf0) == 0xe0       ? 3
                  : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    const int over = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
                     (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
    return over ? 0 : n;
}

void rt_bytes_json(struct rt_bytes *bytes, const char *text)
{
    rt_bytes_add(bytes, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        const int n = utf8_length(s);
        if (n == 0)
            rt_bytes_text(bytes, "\xef\xbf\xbd");
        else if (*s == '"' || *s == '\\')
            rt_bytes_format(bytes, "\\%c", *s);
        else if (*s == '\n')
            rt_bytes_text(bytes, "\\n");
        else if (*s < 0x20)
            rt_bytes_format(bytes, "\\u%04x", *s);
        else
            rt_bytes_add(bytes, s, (size_t)n);
        s += n == 0 ? 1 : n;
    }
    rt_bytes_add(bytes, "\"", 1);
}

void rt_bytes_repr(struct rt_bytes *bytes, double x)
{
    char text[RT_PYJSON_NUMBER];
    rt_bytes_text(bytes, rt_pyjson_repr(text, x));
}

void rt_bytes_free(struct rt_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct rt_bytes){ 0 };
}
