/* scan.c - a pass over the bytes that knows strings, escapes and brackets; contract in scan.h. */
#include "config.h"
#include "data/scan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 512 }; /* brackets whose kind is watched; deeper ones are only counted (json.c refuses them) */

struct scan {
    struct rt_spans *spans;
    struct rt_error *err;
    const char *path, *text, *p, *end;
    int64_t line; /* of p */
    int32_t file;
};

static rt_status fail(const struct scan *s, const char *at, int64_t line, const char *what)
{
    return rt_fail(s->err, RT_ERR_FILE, "%s:%lld: byte %lld: %s", s->path, (long long)line,
                   (long long)(at - s->text) + 1, what);
}

static rt_status add(struct scan *s, const char *from, const char *to, int64_t line)
{
    struct rt_spans *all = s->spans;
    if (to - from > INT32_MAX)
        return fail(s, from, line, "a row of more than 2147483647 bytes");
    if (all->count == all->room) {
        const int64_t room = all->room * 2 + 1024;
        struct rt_span *span = realloc(all->span, (size_t)room * sizeof *span);
        if (span == NULL)
            return rt_fail(s->err, RT_ERR_MEMORY, "%s: no memory for the places of %lld rows", s->path,
                           (long long)room);
        all->span = span;
        all->room = room;
    }
    all->span[all->count++] = (struct rt_span){ from - s->text, line, (int32_t)(to - from), s->file };
    return RT_OK;
}

static void skip_space(struct scan *s)
{
    for (; s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'); s->p++)
        s->line += *s->p == '\n';
}

/* Behind the closing quote, or at the end of the text. */
static void skip_string(struct scan *s)
{
    for (s->p++; s->p < s->end; s->p++) {
        switch (*s->p) {
        case '"': s->p++; return;
        case '\\':
            if (s->p + 1 < s->end && s->p[1] != '\n')
                s->p++;
            break;
        case '\n': s->line++; break;
        default: break;
        }
    }
}

/* Behind the value that begins at p; false if the text ends before it does, or where a bracket closes another
 * kind: p then stands there. Not a check of anything else. */
static bool skip_value(struct scan *s)
{
    char open[DEPTH];
    int64_t depth = 0;
    if (*s->p != '{' && *s->p != '[' && *s->p != '"') {
        while (s->p < s->end && strchr(",]}\n", *s->p) == NULL)
            s->p++;
        return true;
    }
    while (s->p < s->end) {
        const char c = *s->p;
        switch (c) {
        case '"':
            skip_string(s);
            if (depth == 0)
                return s->p[-1] == '"';
            continue;
        case '{':
        case '[':
            if (depth < DEPTH)
                open[depth] = c;
            depth++;
            break;
        case '}':
        case ']':
            if (--depth < DEPTH && open[depth] != (c == '}' ? '{' : '['))
                return false;
            break;
        case '\n': s->line++; break;
        default: break;
        }
        s->p++;
        if (depth == 0)
            return true;
    }
    return false;
}

/* skip_value stopped at s->p. */
static rt_status fail_row(const struct scan *s, const char *from, int64_t line)
{
    if (s->p >= s->end)
        return fail(s, from, line,
                    "the row that begins here does not end; a quote or bracket is missing, or the file is "
                    "cut short");
    return rt_fail(s->err, RT_ERR_FILE,
                   "%s:%lld: byte %lld: '%c' closes a bracket of the other kind, in the row that "
                   "begins in line %lld",
                   s->path, (long long)s->line, (long long)(s->p - s->text) + 1, *s->p, (long long)line);
}

/* [ row , row , ... ] */
static rt_status scan_list(struct scan *s)
{
    const char *open = s->p++;
    const int64_t open_line = s->line;
    for (bool first = true;; first = false) {
        skip_space(s);
        if (s->p < s->end && *s->p == ']' && first)
            break;
        if (s->p >= s->end)
            return fail(s, open, open_line, "the list that begins here does not end; is the file cut short?");
        if (*s->p == ',' || *s->p == ']' || *s->p == '}')
            return fail(s, s->p, s->line, "a row was expected; is there a comma too many?");
        const char *from = s->p;
        const int64_t line = s->line;
        if (!skip_value(s))
            return fail_row(s, from, line);
        RT_TRY(add(s, from, s->p, line));
        skip_space(s);
        if (s->p >= s->end)
            return fail(s, open, open_line, "the list that begins here does not end; is the file cut short?");
        if (*s->p == ']')
            break;
        if (*s->p != ',')
            return fail(s, s->p, s->line, "',' or ']' was expected after a row");
        s->p++;
    }
    s->p++;
    skip_space(s);
    return s->p < s->end ? fail(s, s->p, s->line, "more text after the list of rows") : RT_OK;
}

static rt_status scan_lines(struct scan *s)
{
    for (; s->p < s->end; s->line++) {
        const char *nl = memchr(s->p, '\n', (size_t)(s->end - s->p));
        const char *from = s->p, *to = nl != NULL ? nl : s->end;
        s->p = nl != NULL ? nl + 1 : s->end;
        while (from < to && (*from == ' ' || *from == '\t'))
            from++;
        while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
            to--;
        if (to > from)
            RT_TRY(add(s, from, to, s->line));
    }
    return RT_OK;
}

static rt_status scan_values(struct scan *s)
{
    for (skip_space(s); s->p < s->end; skip_space(s)) {
        const char *from = s->p;
        const int64_t line = s->line;
        if (*from != '{')
            return fail(s, from, line, "a row in braces was expected");
        if (!skip_value(s))
            return fail_row(s, from, line);
        RT_TRY(add(s, from, s->p, line));
    }
    return RT_OK;
}

/* Whether the first row goes on behind its line: it has no end there, and the line does not break off in a
 * string. */
static bool over_lines(const struct scan *s)
{
    struct scan first = *s;
    const char *nl = memchr(s->p, '\n', (size_t)(s->end - s->p));
    if (nl == NULL)
        return false;
    first.end = nl;
    if (*s->p != '{' || skip_value(&first))
        return false;
    bool in_string = false;
    for (const char *p = s->p; p < nl; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            in_string = !in_string;
    }
    return !in_string;
}

rt_status rt_scan_rows(struct rt_spans *spans, int32_t file, const char *path, const char *text, size_t bytes,
                       struct rt_error *err)
{
    struct scan s = { spans, err, path, text, text, text + bytes, 1, file };
    const int64_t before = spans->count;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        s.p += 3;
    skip_space(&s);
    if (s.p < s.end && *s.p == '[')
        RT_TRY(scan_list(&s));
    else if (s.p < s.end && over_lines(&s))
        RT_TRY(scan_values(&s));
    else
        RT_TRY(scan_lines(&s));
    if (spans->count == before)
        return rt_fail(err, RT_ERR_FILE, "%s: there is no row in this file", path);
    return RT_OK;
}
