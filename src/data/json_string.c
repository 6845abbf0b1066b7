/* json_string.c - strings of the JSON reader: escapes, surrogate pairs, UTF-8; contract in json_reader.h. */
#include "config.h"
#include "data/json_reader.h"

#include <string.h>

/* Bytes of the UTF-8 character at p, 0 if it is none (overlong, surrogate, beyond U+10FFFF, cut short). */
static size_t utf8_length(const char *p, const char *end)
{
    const unsigned char *c = (const unsigned char *)p;
    const size_t n = c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
    if (n == 0 || (size_t)(end - p) < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
        (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return n;
}

static size_t utf8_put(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The four hex digits after \u; s->p stands on the first and is moved behind the last. */
static rt_status hex4(struct rt_json_reader *s, uint32_t *c)
{
    *c = 0;
    for (int i = 0; i < 4; i++, s->p++) {
        const char d = s->p < s->end ? *s->p : ' ';
        if (d >= '0' && d <= '9')
            *c = *c << 4 | (uint32_t)(d - '0');
        else if ((d >= 'a' && d <= 'f') || (d >= 'A' && d <= 'F'))
            *c = *c << 4 | (uint32_t)((d | 0x20) - 'a' + 10);
        else
            return rt_json_fail(s, s->p, "\\u is not followed by four hexadecimal digits");
    }
    return RT_OK;
}

/* The character behind a backslash, appended to *out. */
static rt_status escape(struct rt_json_reader *s, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = s->p - 1;
    const char *known = s->p < s->end && *s->p != '\0' ? strchr(from, *s->p) : NULL;
    if (known != NULL) {
        s->p++;
        *(*out)++ = to[known - from];
        return RT_OK;
    }
    if (s->p >= s->end || *s->p != 'u')
        return rt_json_fail(s, at, "an escape that JSON does not know");
    s->p++;
    uint32_t c, low;
    RT_TRY(hex4(s, &c));
    if (c >= 0xd800 && c < 0xdc00) {
        if (s->end - s->p < 2 || s->p[0] != '\\' || s->p[1] != 'u')
            return rt_json_fail(s, at, "half of a surrogate pair, which is no character");
        s->p += 2;
        RT_TRY(hex4(s, &low));
        if (low < 0xdc00 || low > 0xdfff)
            return rt_json_fail(s, at, "half of a surrogate pair, which is no character");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
        return rt_json_fail(s, at, "half of a surrogate pair, which is no character");
    }
    *out += utf8_put(*out, c);
    return RT_OK;
}

/* Where the string's closing quote stands, with everything between checked but escapes; *escaped: there are
 * some. */
static rt_status string_end(struct rt_json_reader *s, const char **close, bool *escaped)
{
    const char *p = s->p;
    *escaped = false;
    while (p < s->end && *p != '"') {
        const unsigned char c = (unsigned char)*p;
        if (c == '\\') {
            *escaped = true;
            p += s->end - p > 1 ? 2 : 1;
        } else if (c < 0x20 && !s->raw_controls) {
            return rt_json_fail(s, p, "a control character in a string; write it as \\n, \\t or \\u00..");
        } else if (c < 0x80) {
            p++;
        } else {
            const size_t n = utf8_length(p, s->end);
            if (n == 0)
                return rt_json_fail(s, p, "bytes that are no UTF-8");
            p += n;
        }
    }
    if (p >= s->end)
        return rt_json_fail(s, s->p, "a string that does not end");
    *close = p;
    return RT_OK;
}

rt_status rt_json_string(struct rt_json_reader *s, struct rt_str *str)
{
    const char *close = NULL;
    bool escaped;
    RT_TRY(string_end(s, &close, &escaped));
    if (!escaped) {
        *str = (struct rt_str){ s->p, (size_t)(close - s->p) };
        s->p = close + 1;
        return RT_OK;
    }
    char *buf = rt_pool_take(s->pool, (size_t)(close - s->p)),
         *out = buf; /* no escape is shorter than its character */
    if (buf == NULL)
        return rt_fail(s->err, RT_ERR_MEMORY, "no memory for a string");
    while (s->p < close) {
        if (*s->p != '\\') {
            *out++ = *s->p++;
        } else {
            s->p++;
            RT_TRY(escape(s, &out));
        }
    }
    *str = (struct rt_str){ buf, (size_t)(out - buf) };
    s->p = close + 1;
    return RT_OK;
}
