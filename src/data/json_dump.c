/* json_dump.c - writes JSON as Python's json.dumps(value, ensure_ascii=False) does; contract in json.h. */
#include "config.h"
#include "base/pyjson.h"
#include "data/json.h"

#include <stdlib.h>
#include <string.h>

enum { INT_DIGITS = 4300 }; /* sys.get_int_max_str_digits() */

static void dump_string(struct rt_buf *out, struct rt_str str)
{
    size_t from = 0;
    rt_buf_add(out, "\"", 1);
    for (size_t i = 0; i < str.n; i++) {
        const unsigned char c = (unsigned char)str.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        rt_buf_add(out, str.p + from, i - from);
        from = i + 1;
        static const char plain[] = "\"\\\b\f\n\r\t", name[] = "\"\\bfnrt";
        const char *known = c == '\0' ? NULL : strchr(plain, c);
        if (known != NULL)
            rt_buf_add(out, (const char[]){ '\\', name[known - plain] }, 2);
        else
            rt_buf_format(out, "\\u%04x", c);
    }
    rt_buf_add(out, str.p + from, str.n - from);
    rt_buf_add(out, "\"", 1);
}

static rt_status dump_number(struct rt_buf *out, struct rt_str text, struct rt_error *err)
{
    const bool letters = memchr(text.p, 'N', text.n) != NULL || memchr(text.p, 'I', text.n) != NULL;
    const bool real = memchr(text.p, '.', text.n) != NULL || memchr(text.p, 'e', text.n) != NULL ||
                      memchr(text.p, 'E', text.n) != NULL;
    if (letters || !real) {
        if (text.n > INT_DIGITS + (size_t)(text.p[0] == '-'))
            return rt_fail(err, RT_ERR_DATA, "a whole number of more than %d digits", INT_DIGITS);
        rt_buf_str(out, rt_str_is(text, RT_STR("-0")) ? RT_STR("0") : text);
        return RT_OK;
    }
    char *literal = rt_pool_take(out->pool, text.n + 1), repr[RT_PYJSON_NUMBER];
    if (literal == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a number");
    memcpy(literal, text.p, text.n);
    literal[text.n] = '\0';
    rt_pyjson_repr(repr, strtod(literal, NULL));
    rt_buf_add(out, repr, strlen(repr));
    return RT_OK;
}

rt_status rt_json_dump(struct rt_buf *out, const struct rt_json *value, struct rt_error *err)
{
    static const char *const words[] = { "null", "false", "true" };
    switch (value->type) {
    case RT_JSON_NUMBER: return dump_number(out, value->text, err);
    case RT_JSON_STRING: dump_string(out, value->text); return RT_OK;
    case RT_JSON_ARRAY:
    case RT_JSON_OBJECT:
        rt_buf_add(out, value->type == RT_JSON_ARRAY ? "[" : "{", 1);
        for (const struct rt_json *v = value->first; v != NULL; v = v->next) {
            if (value->type == RT_JSON_OBJECT) {
                dump_string(out, v->key);
                rt_buf_add(out, ": ", 2);
            }
            RT_TRY(rt_json_dump(out, v, err));
            if (v->next != NULL)
                rt_buf_add(out, ", ", 2);
        }
        rt_buf_add(out, value->type == RT_JSON_ARRAY ? "]" : "}", 1);
        return RT_OK;
    default: rt_buf_add(out, words[value->type], strlen(words[value->type])); return RT_OK;
    }
}
