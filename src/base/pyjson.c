/* pyjson.c - JSON as Python's json module writes and reads it; its texts and numbers are in
 * pyjson_string.c and pyjson_number.c. */
#include "config.h"
#include "base/pyjson.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 2048 }; /* jansson's own limit for what it parses */

/* U+0001 and the name: no text of ours starts so, and jansson carries it whole. */
static const char *const not_finite[] = { "\001NaN", "\001Infinity", "\001-Infinity" };

json_t *rt_pyjson_real(double x)
{
    return isfinite(x) ? json_real(x) : json_string(not_finite[isnan(x) ? 0 : x > 0 ? 1 : 2]);
}

bool rt_pyjson_get(const json_t *value, double *x)
{
    static const double numbers[] = { NAN, INFINITY, -INFINITY };
    if (json_is_number(value)) {
        *x = json_number_value(value);
        return true;
    }
    for (int i = 0; json_is_string(value) && i < 3; i++)
        if (strcmp(json_string_value(value), not_finite[i]) == 0) {
            *x = numbers[i];
            return true;
        }
    return false;
}

struct writer {
    FILE *out;
    struct rt_pyjson_style style;
    bool too_deep; /* why it did not go on; else memory */
};

static void line_break(struct writer *w, int depth, bool first)
{
    if (w->style.indent > 0)
        fprintf(w->out, "%s\n%*s", first ? "" : ",", depth * w->style.indent, "");
    else if (!first)
        fputs(", ", w->out);
}

static int by_code_point(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool write_value(struct writer *w, const json_t *value, int depth);

static bool write_object(struct writer *w, const json_t *object, int depth)
{
    const size_t count = json_object_size(object);
    const char **keys = calloc(count + 1, sizeof *keys);
    if (keys == NULL)
        return false;
    size_t n = 0;
    json_t *walk = (json_t *)object; /* jansson's iterators take no const; nothing is changed */
    for (void *it = json_object_iter(walk); it != NULL && n < count; it = json_object_iter_next(walk, it))
        keys[n++] = json_object_iter_key(it);
    if (w->style.sort_keys)
        qsort(keys, n, sizeof *keys, by_code_point);
    bool good = true;
    for (size_t i = 0; good && i < n; i++) {
        line_break(w, depth + 1, i == 0);
        rt_pyjson_quote(w->out, keys[i], strlen(keys[i]), w->style.utf8);
        fputs(": ", w->out);
        good = write_value(w, json_object_get(object, keys[i]), depth + 1);
    }
    free(keys);
    return good;
}

static bool write_container(struct writer *w, const json_t *value, int depth)
{
    const bool object = json_is_object(value);
    const size_t count = object ? json_object_size(value) : json_array_size(value);
    bool good = depth < MAX_DEPTH;
    w->too_deep = w->too_deep || !good;
    putc(object ? '{' : '[', w->out);
    if (good && object)
        good = write_object(w, value, depth);
    for (size_t i = 0; good && !object && i < count; i++) {
        line_break(w, depth + 1, i == 0);
        good = write_value(w, json_array_get(value, i), depth + 1);
    }
    if (count > 0 && w->style.indent > 0)
        fprintf(w->out, "\n%*s", depth * w->style.indent, "");
    putc(object ? '}' : ']', w->out);
    return good;
}

static bool write_value(struct writer *w, const json_t *value, int depth)
{
    char number[RT_PYJSON_NUMBER];
    double x;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY: return write_container(w, value, depth);
    case JSON_STRING:
        if (rt_pyjson_get(value, &x))
            fputs(rt_pyjson_repr(number, x), w->out);
        else
            rt_pyjson_quote(w->out, json_string_value(value), json_string_length(value), w->style.utf8);
        return true;
    case JSON_INTEGER: fprintf(w->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); return true;
    case JSON_REAL: fputs(rt_pyjson_repr(number, json_real_value(value)), w->out); return true;
    case JSON_TRUE: fputs("true", w->out); return true;
    case JSON_FALSE: fputs("false", w->out); return true;
    case JSON_NULL: fputs("null", w->out); return true;
    }
    return false;
}

rt_status rt_pyjson_text(const json_t *value, struct rt_pyjson_style style, char **text, size_t *bytes,
                         struct rt_error *err)
{
    char *data = NULL;
    size_t size = 0;
    struct writer w = { open_memstream(&data, &size), style, false };
    if (w.out == NULL || value == NULL) { /* jansson makes no value only where it has no memory */
        if (w.out != NULL)
            fclose(w.out);
        free(data);
        return rt_fail(err, RT_ERR_MEMORY, "no memory to write JSON");
    }
    const bool good = write_value(&w, value, 0);
    const bool failed = ferror(w.out) != 0;
    if (fclose(w.out) != 0 || failed || (!good && !w.too_deep)) {
        free(data);
        return rt_fail(err, RT_ERR_MEMORY, "no memory to write JSON");
    }
    if (!good) {
        free(data);
        return rt_fail(err, RT_ERR_INTERNAL, "JSON value is nested deeper than %d", (int)MAX_DEPTH);
    }
    *text = data;
    if (bytes != NULL)
        *bytes = size;
    return RT_OK;
}

/* Copies text with every bare NaN, Infinity and -Infinity as the string that stands for it. */
static void mark_not_finite(FILE *out, const char *text, size_t bytes)
{
    bool quoted = false;
    for (size_t i = 0; i < bytes; i++) {
        int found = -1;
        for (int k = 0; k < 3 && !quoted && found < 0; k++) {
            const size_t length = strlen(not_finite[k] + 1);
            if (bytes - i >= length && memcmp(text + i, not_finite[k] + 1, length) == 0)
                found = k;
        }
        if (found >= 0) {
            fprintf(out, "\"\\u0001%s\"", not_finite[found] + 1);
            i += strlen(not_finite[found] + 1) - 1;
            continue;
        }
        putc(text[i], out);
        if (text[i] == '"')
            quoted = !quoted;
        else if (quoted && text[i] == '\\' && i + 1 < bytes)
            putc(text[++i], out);
    }
}

rt_status rt_pyjson_parse(json_t **value, const char *text, size_t bytes, const char *name,
                          struct rt_error *err)
{
    char *marked = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&marked, &size);
    if (out == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory to read it", name);
    mark_not_finite(out, text, bytes);
    const bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(marked);
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory to read it", name);
    }
    json_error_t why;
    json_t *read = json_loadb(marked, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    free(marked);
    if (read == NULL)
        return rt_fail(err, RT_ERR_FILE, "%s:%d: not JSON: %s; mend or remove the file", name, why.line,
                       why.text);
    *value = read;
    return RT_OK;
}
