/* tokenizer_json.c - JSON read value by value, without a tree. */
#include "config.h"
#include "data/tokenizer_json.h"

#include "data/unicode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int64_t rt_tokjson_line(const struct rt_tokjson *j, const char *at)
{
    int64_t line = j->line;
    for (const char *c = j->start; (c = memchr(c, '\n', (size_t)(at - c))) != NULL; c++)
        line++;
    return line;
}

rt_status rt_tokjson_fail(const struct rt_tokjson *j, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return rt_fail(j->err, RT_ERR_FILE, "tokenizer.json:%lld: %s", (long long)rt_tokjson_line(j, j->at), text);
}

char rt_tokjson_peek(struct rt_tokjson *j)
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\t' || *j->at == '\r'))
        j->at++;
    return j->at < j->end ? *j->at : '\0';
}

static rt_status unexpected(struct rt_tokjson *j, const char *wanted)
{
    if (rt_tokjson_peek(j) == '\0' && j->at == j->end)
        return rt_tokjson_fail(j, "the file ends where %s should follow: it is cut short", wanted);
    return rt_tokjson_fail(j, "\"%.*s\" where %s should follow",
                           j->end - j->at < 12 ? (int)(j->end - j->at) : 12, j->at, wanted);
}

rt_status rt_tokjson_open(struct rt_tokjson *j, char bracket)
{
    if (rt_tokjson_peek(j) != bracket)
        return unexpected(j, bracket == '{' ? "an object {...}" : "a list [...]");
    j->at++;
    return RT_OK;
}

rt_status rt_tokjson_more(struct rt_tokjson *j, char closing, bool *first, bool *more)
{
    const char c = rt_tokjson_peek(j);
    *more = c != closing;
    if (!*more) {
        j->at++;
    } else if (!*first) {
        if (c != ',')
            return unexpected(j, closing == '}' ? "\",\" or \"}\"" : "\",\" or \"]\"");
        j->at++;
    }
    *first = false;
    return RT_OK;
}

/* Four hexadecimal digits. */
static rt_status hex4(struct rt_tokjson *j, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, j->at++) {
        const char c = j->at < j->end ? *j->at : '\0';
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A') + 10;
        else
            return unexpected(j, "four hexadecimal digits after \\u");
        *value = *value << 4 | digit;
    }
    return RT_OK;
}

/* What follows a backslash, as UTF-8. */
static rt_status unescape(struct rt_tokjson *j, char **to)
{
    static const char from[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    const char c = j->at < j->end ? *j->at : '\0';
    const char *known = c != '\0' ? strchr(from, c) : NULL;
    if (known != NULL) {
        j->at++;
        *(*to)++ = plain[known - from];
        return RT_OK;
    }
    if (c != 'u')
        return unexpected(j, "one of \"\\/bfnrtu after a backslash");
    uint32_t code, low;
    j->at++;
    RT_TRY(hex4(j, &code));
    if (code >= 0xd800 && code < 0xe000) {
        if (code >= 0xdc00 || j->end - j->at < 2 || j->at[0] != '\\' || j->at[1] != 'u')
            return rt_tokjson_fail(j, "\\u%04x is half of a surrogate pair alone, which is no character", code);
        j->at += 2;
        RT_TRY(hex4(j, &low));
        if (low < 0xdc00 || low >= 0xe000)
            return rt_tokjson_fail(j, "\\u%04x\\u%04x is no surrogate pair", code, low);
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *to += rt_utf8_put(code, (uint8_t *)*to);
    return RT_OK;
}

rt_status rt_tokjson_string(struct rt_tokjson *j, char *to, size_t *bytes)
{
    char *const begin = to;
    if (rt_tokjson_peek(j) != '"')
        return unexpected(j, "a string");
    for (j->at++;;) {
        const char *from = j->at;
        while (j->at < j->end && *j->at != '"' && *j->at != '\\' && (unsigned char)*j->at >= 0x20)
            j->at++;
        memcpy(to, from, (size_t)(j->at - from));
        to += j->at - from;
        if (j->at == j->end)
            return unexpected(j, "the end of a string");
        if (*j->at == '"')
            break;
        if (*j->at != '\\')
            return rt_tokjson_fail(j, "control character %02x inside a string", (unsigned)*j->at);
        j->at++;
        RT_TRY(unescape(j, &to));
    }
    j->at++;
    *to = '\0';
    *bytes = (size_t)(to - begin);
    return RT_OK;
}

rt_status rt_tokjson_key(struct rt_tokjson *j, char *to, size_t *bytes)
{
    RT_TRY(rt_tokjson_string(j, to, bytes));
    if (rt_tokjson_peek(j) != ':')
        return unexpected(j, "\":\"");
    j->at++;
    return RT_OK;
}

rt_status rt_tokjson_whole(struct rt_tokjson *j, int64_t least, int64_t most, int64_t *value)
{
    const bool negative = rt_tokjson_peek(j) == '-';
    const char *const begin = j->at;
    j->at += negative;
    const char *const digits = j->at;
    int64_t v = 0;
    while (j->at < j->end && *j->at >= '0' && *j->at <= '9' && j->at - digits < 18)
        v = v * 10 + (*j->at++ - '0');
    const char after = j->at < j->end ? *j->at : '\0';
    if (j->at == digits || (j->at - digits > 1 && *digits == '0') || (after >= '0' && after <= '9') ||
        after == '.' || after == 'e' || after == 'E') {
        j->at = begin;
        return unexpected(j, "a whole number");
    }
    v = negative ? -v : v;
    if (v < least || v > most)
        return rt_tokjson_fail(j, "%lld is not from %lld to %lld", (long long)v, (long long)least,
                               (long long)most);
    *value = v;
    return RT_OK;
}

static rt_status pass_string(struct rt_tokjson *j)
{
    for (j->at++; j->at < j->end && *j->at != '"'; j->at++)
        if (*j->at == '\\' && j->at + 1 < j->end)
            j->at++;
    if (j->at == j->end)
        return unexpected(j, "the end of a string");
    j->at++;
    return RT_OK;
}

rt_status rt_tokjson_pass(struct rt_tokjson *j, const char **from)
{
    int64_t depth = 0;
    rt_tokjson_peek(j);
    *from = j->at;
    do {
        const char c = rt_tokjson_peek(j);
        if (c == '\0')
            return unexpected(j, depth > 0 ? "a bracket that closes" : "a value");
        if (c == '"') {
            RT_TRY(pass_string(j));
        } else if (c == ',' || c == ':' || c == '{' || c == '[' || c == '}' || c == ']') {
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
            if (depth < 0 || (depth == 0 && (c == ',' || c == ':')))
                return unexpected(j, "a value");
            j->at++;
        } else { /* a number or a word */
            while (j->at < j->end && strchr(",:{}[]\" \t\r\n", *j->at) == NULL)
                j->at++;
        }
    } while (depth > 0);
    return RT_OK;
}
