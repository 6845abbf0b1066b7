/* json.c - the reader; contract in json.h. */
#include "config.h"
#include "data/json_reader.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH = 500 }; /* nested lists and objects; the parser recurses */

rt_status rt_json_fail(const struct rt_json_reader *s, const char *at, const char *what)
{
    size_t line = 1;
    for (const char *p = s->start; p < at; p++)
        line += *p == '\n';
    if (line > 1)
        return rt_fail(s->err, RT_ERR_DATA, "line %zu, byte %zu: %s", line, (size_t)(at - s->start) + 1, what);
    return rt_fail(s->err, RT_ERR_DATA, "byte %zu: %s", (size_t)(at - s->start) + 1, what);
}

static void skip_space(struct rt_json_reader *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static rt_status number(struct rt_json_reader *s, struct rt_json *v)
{
    const char *p = s->p + (*s->p == '-'), *q = digits(p, s->end);
    if (q == p || (*p == '0' && q > p + 1))
        return rt_json_fail(s, s->p, q == p ? "no JSON value" : "a number that begins with 0");
    if (q < s->end && *q == '.') {
        p = q + 1;
        q = digits(p, s->end);
        if (q == p)
            return rt_json_fail(s, s->p, "a number without digits behind its point");
    }
    if (q < s->end && (*q == 'e' || *q == 'E')) {
        p = q + 1;
        p += p < s->end && (*p == '+' || *p == '-');
        q = digits(p, s->end);
        if (q == p)
            return rt_json_fail(s, s->p, "a number without digits in its exponent");
    }
    v->type = RT_JSON_NUMBER;
    v->text = (struct rt_str){ s->p, (size_t)(q - s->p) };
    s->p = q;
    return RT_OK;
}

/* true, NaN, ...: returns whether one stood here. */
static bool word(struct rt_json_reader *s, struct rt_json *v)
{
    static const struct {
        struct rt_str text;
        enum rt_json_type type;
    } words[] = {
        { { "null", 4 }, RT_JSON_NULL },       { { "false", 5 }, RT_JSON_FALSE },
        { { "true", 4 }, RT_JSON_TRUE },       { { "NaN", 3 }, RT_JSON_NUMBER },
        { { "Infinity", 8 }, RT_JSON_NUMBER }, { { "-Infinity", 9 }, RT_JSON_NUMBER },
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
static rt_status unite_keys(struct rt_json_reader *s, struct rt_json *object)
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

static rt_status value(struct rt_json_reader *s, struct rt_json **result, int depth);

/* Elements of a list or members of an object; s->p stands behind the opening bracket. */
static rt_status members(struct rt_json_reader *s, struct rt_json *v, int depth)
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
                return rt_json_fail(s, s->p, "a key in quotes was expected");
            s->p++;
            RT_TRY(rt_json_string(s, &key));
            skip_space(s);
            if (s->p >= s->end || *s->p != ':')
                return rt_json_fail(s, s->p, "':' was expected after a key");
            s->p++;
            skip_space(s);
        }
        RT_TRY(value(s, link, depth + 1));
        (*link)->key = key;
        link = &(*link)->next;
        v->count++;
        skip_space(s);
        if (s->p >= s->end)
            return rt_json_fail(s, open, object ? "an object that does not end" : "a list that does not end");
        if (*s->p == close)
            break;
        if (*s->p != ',')
            return rt_json_fail(s, s->p, object ? "',' or '}' was expected" : "',' or ']' was expected");
        s->p++;
    }
    s->p++;
    return object ? unite_keys(s, v) : RT_OK;
}

static rt_status value(struct rt_json_reader *s, struct rt_json **result, int depth)
{
    if (depth > DEPTH)
        return rt_json_fail(s, s->p, "lists and objects nested more than 500 deep");
    if (s->p >= s->end)
        return rt_json_fail(s, s->p, "the text ends where a value was expected");
    struct rt_json *v = rt_pool_take(s->pool, sizeof *v);
    if (v == NULL)
        return rt_fail(s->err, RT_ERR_MEMORY, "no memory for a value");
    *v = (struct rt_json){ .type = RT_JSON_NULL };
    *result = v;
    switch (*s->p) {
    case '{':
    case '[': v->type = *s->p++ == '{' ? RT_JSON_OBJECT : RT_JSON_ARRAY; return members(s, v, depth);
    case '"':
        v->type = RT_JSON_STRING;
        s->p++;
        return rt_json_string(s, &v->text);
    default: return word(s, v) ? RT_OK : number(s, v);
    }
}

rt_status rt_json_parse(struct rt_pool *pool, struct rt_str text, bool raw_controls, struct rt_json **result,
                        struct rt_error *err)
{
    struct rt_json_reader s = { pool, err, text.p, text.p, text.p + text.n, raw_controls };
    struct rt_json *v = NULL;
    skip_space(&s);
    RT_TRY(value(&s, &v, 0));
    skip_space(&s);
    if (s.p < s.end)
        return rt_json_fail(&s, s.p, "more text after the value's end");
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
