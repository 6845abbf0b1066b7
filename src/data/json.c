/* json.c - the reader; contract in json.h. */
#include "config.h"
#include "data/json.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH = 500 }; /* nested lists and objects; the parser recurses */

struct parser {
    struct rt_pool *pool;
    struct rt_error *err;
    const char *start, *p, *end;
    bool raw_controls;
};

/* Names the line too when the text has several. */
static rt_status fail(const struct parser *s, const char *at, const char *what)
{
    size_t line = 1;
    for (const char *p = s->start; p < at; p++)
        line += *p == '\n';
    if (line > 1)
        return rt_fail(s->err, RT_ERR_DATA, "line %zu, byte %zu: %s", line, (size_t)(at - s->start) + 1, what);
    return rt_fail(s->err, RT_ERR_DATA, "byte %zu: %s", (size_t)(at - s->start) + 1, what);
}

static void skip_space(struct parser *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

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
static rt_status hex4(struct parser *s, uint32_t *c)
{
    *c = 0;
    for (int i = 0; i < 4; i++, s->p++) {
        const char d = s->p < s->end ? *s->p : ' ';
        if (d >= '0' && d <= '9')
            *c = *c << 4 | (uint32_t)(d - '0');
        else if ((d >= 'a' && d <= 'f') || (d >= 'A' && d <= 'F'))
            *c = *c << 4 | (uint32_t)((d | 0x20) - 'a' + 10);
        else
            return fail(s, s->p, "\\u is not followed by four hexadecimal digits");
    }
    return RT_OK;
}

/* The character behind a backslash, appended to *out. */
static rt_status escape(struct parser *s, char **out)
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
        return fail(s, at, "an escape that JSON does not know");
    s->p++;
    uint32_t c, low;
    RT_TRY(hex4(s, &c));
    if (c >= 0xd800 && c < 0xdc00) {
        if (s->end - s->p < 2 || s->p[0] != '\\' || s->p[1] != 'u')
            return fail(s, at, "half of a surrogate pair, which is no character");
        s->p += 2;
        RT_TRY(hex4(s, &low));
        if (low < 0xdc00 || low > 0xdfff)
            return fail(s, at, "half of a surrogate pair, which is no character");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
        return fail(s, at, "half of a surrogate pair, which is no character");
    }
    *out += utf8_put(*out, c);
    return RT_OK;
}

/* Where the string's closing quote stands, with everything between checked but escapes; *escaped: there are some. */
static rt_status string_end(struct parser *s, const char **close, bool *escaped)
{
    const char *p = s->p;
    *escaped = false;
    while (p < s->end && *p != '"') {
        const unsigned char c = (unsigned char)*p;
        if (c == '\\') {
            *escaped = true;
            p += s->end - p > 1 ? 2 : 1;
        } else if (c < 0x20 && !s->raw_controls) {
            return fail(s, p, "a control character in a string; write it as \\n, \\t or \\u00..");
        } else if (c < 0x80) {
            p++;
        } else {
            const size_t n = utf8_length(p, s->end);
            if (n == 0)
                return fail(s, p, "bytes that are no UTF-8");
            p += n;
        }
    }
    if (p >= s->end)
        return fail(s, s->p, "a string that does not end");
    *close = p;
    return RT_OK;
}

/* s->p stands behind the opening quote. */
static rt_status string(struct parser *s, struct rt_str *str)
{
    const char *close = NULL;
    bool escaped;
    RT_TRY(string_end(s, &close, &escaped));
    if (!escaped) {
        *str = (struct rt_str){ s->p, (size_t)(close - s->p) };
        s->p = close + 1;
        return RT_OK;
    }
    char *buf = rt_pool_take(s->pool, (size_t)(close - s->p)), *out = buf; /* no escape is shorter than its character */
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

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static rt_status number(struct parser *s, struct rt_json *v)
{
    const char *p = s->p + (*s->p == '-'), *q = digits(p, s->end);
    if (q == p || (*p == '0' && q > p + 1))
        return fail(s, s->p, q == p ? "no JSON value" : "a number that begins with 0");
    if (q < s->end && *q == '.') {
        p = q + 1;
        q = digits(p, s->end);
        if (q == p)
            return fail(s, s->p, "a number without digits behind its point");
    }
    if (q < s->end && (*q == 'e' || *q == 'E')) {
        p = q + 1;
        p += p < s->end && (*p == '+' || *p == '-');
        q = digits(p, s->end);
        if (q == p)
            return fail(s, s->p, "a number without digits in its exponent");
    }
    v->type = RT_JSON_NUMBER;
    v->text = (struct rt_str){ s->p, (size_t)(q - s->p) };
    s->p = q;
    return RT_OK;
}

/* true, NaN, ...: returns whether one stood here. */
static bool word(struct parser *s, struct rt_json *v)
{
    static const struct { struct rt_str text; enum rt_json_type type; } words[] = {
        { { "null", 4 }, RT_JSON_NULL }, { { "false", 5 }, RT_JSON_FALSE }, { { "true", 4 }, RT_JSON_TRUE },
        { { "NaN", 3 }, RT_JSON_NUMBER }, { { "Infinity", 8 }, RT_JSON_NUMBER },
        { { "-Infinity", 9 }, RT_JSON_NUMBER },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if ((size_t)(s->end - s->p) >= words[i].text.n && memcmp(s->p, words[i].text.p, words[i].text.n) == 0) {
            v->type = words[i].type;
            v->text = words[i].text;
            s->p += words[i].text.n;
            return true;
        }
    }
    return false;
}

struct member {
    struct rt_json *value;
    int64_t at;
};

static int by_key(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    const struct rt_str k = x->value->key, l = y->value->key;
    const size_t n = k.n < l.n ? k.n : l.n;
    const int order = n == 0 ? 0 : memcmp(k.p, l.p, n);
    if (order != 0)
        return order;
    if (k.n != l.n)
        return k.n < l.n ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Of equal keys: the last value in the place of the first. */
static rt_status unite_keys(struct parser *s, struct rt_json *object)
{
    if (object->count < 2)
        return RT_OK;
    struct member *m = rt_pool_take(s->pool, (size_t)object->count * sizeof *m);
    if (m == NULL)
        return rt_fail(s->err, RT_ERR_MEMORY, "no memory for an object");
    int64_t n = 0;
    for (struct rt_json *v = object->first; v != NULL; v = v->next, n++)
        m[n] = (struct member){ v, n };
    qsort(m, (size_t)n, sizeof *m, by_key);
    bool equal = false;
    for (int64_t i = 0, run = 0; i < n; i++) {
        if (!rt_str_is(m[run].value->key, m[i].value->key))
            run = i;
        if (i > run) { /* i overwrites the run's first and leaves the list */
            struct rt_json *next = m[run].value->next;
            *m[run].value = *m[i].value;
            m[run].value->next = next;
            m[i].at = -1;
            equal = true;
        }
    }
    if (!equal)
        return RT_OK;
    for (int64_t i = 0; i < n; i++) /* mark those that leave by a count of -1 */
        if (m[i].at == -1)
            m[i].value->count = -1;
    for (struct rt_json **v = &object->first; *v != NULL;) {
        if ((*v)->count == -1) {
            *v = (*v)->next;
            object->count--;
        } else {
            v = &(*v)->next;
        }
    }
    return RT_OK;
}

static rt_status value(struct parser *s, struct rt_json **result, int depth);

/* Elements of a list or members of an object; s->p stands behind the opening bracket. */
static rt_status members(struct parser *s, struct rt_json *v, int depth)
{
    const bool object = v->type == RT_JSON_OBJECT;
    const char close = object ? '}' : ']', *open = s->p - 1;
    struct rt_json **link = &v->first;
    skip_space(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return RT_OK;
    }
    for (;;) {
        struct rt_str key = { NULL, 0 };
        skip_space(s);
        if (object) {
            if (s->p >= s->end || *s->p != '"')
                return fail(s, s->p, "a key in quotes was expected");
            s->p++;
            RT_TRY(string(s, &key));
            skip_space(s);
            if (s->p >= s->end || *s->p != ':')
                return fail(s, s->p, "':' was expected after a key");
            s->p++;
            skip_space(s);
        }
        RT_TRY(value(s, link, depth + 1));
        (*link)->key = key;
        link = &(*link)->next;
        v->count++;
        skip_space(s);
        if (s->p >= s->end)
            return fail(s, open, object ? "an object that does not end" : "a list that does not end");
        if (*s->p == close)
            break;
        if (*s->p != ',')
            return fail(s, s->p, object ? "',' or '}' was expected" : "',' or ']' was expected");
        s->p++;
    }
    s->p++;
    return object ? unite_keys(s, v) : RT_OK;
}

static rt_status value(struct parser *s, struct rt_json **result, int depth)
{
    if (depth > DEPTH)
        return fail(s, s->p, "lists and objects nested more than 500 deep");
    if (s->p >= s->end)
        return fail(s, s->p, "the text ends where a value was expected");
    struct rt_json *v = rt_pool_take(s->pool, sizeof *v);
    if (v == NULL)
        return rt_fail(s->err, RT_ERR_MEMORY, "no memory for a value");
    *v = (struct rt_json){ .type = RT_JSON_NULL };
    *result = v;
    switch (*s->p) {
    case '{':
    case '[':
        v->type = *s->p++ == '{' ? RT_JSON_OBJECT : RT_JSON_ARRAY;
        return members(s, v, depth);
    case '"':
        v->type = RT_JSON_STRING;
        s->p++;
        return string(s, &v->text);
    default:
        return word(s, v) ? RT_OK : number(s, v);
    }
}

rt_status rt_json_parse(struct rt_pool *pool, struct rt_str text, bool raw_controls, struct rt_json **result,
                        struct rt_error *err)
{
    struct parser s = { pool, err, text.p, text.p, text.p + text.n, raw_controls };
    struct rt_json *v = NULL;
    skip_space(&s);
    RT_TRY(value(&s, &v, 0));
    skip_space(&s);
    if (s.p < s.end)
        return fail(&s, s.p, "more text after the value's end");
    *result = v;
    return RT_OK;
}

const struct rt_json *rt_json_get(const struct rt_json *object, struct rt_str key)
{
    if (object == NULL || object->type != RT_JSON_OBJECT)
        return NULL;
    for (const struct rt_json *v = object->first; v != NULL; v = v->next)
        if (rt_str_is(v->key, key))
            return v;
    return NULL;
}

const char *rt_json_kind(const struct rt_json *value)
{
    static const char *const kinds[] = { "null", "false", "true", "a number", "a text", "a list", "an object" };
    return value == NULL ? "missing or null" : kinds[value->type];
}
