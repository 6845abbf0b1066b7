/* where.c - messages that point: file and line, flag or override, in the words of the person who wrote them. */
#include "config.h"

#include "job/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the UTF-8 character at p, 0: it is none, or a control character. */
static size_t character(const unsigned char *p)
{
    if (p[0] < 0x20 || p[0] == 0x7f)
        return 0;
    if (p[0] < 0x80)
        return 1;
    const size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

const char *rt_shown(char buf[RT_SHOWN_CHARS], const char *text)
{
    size_t n = 0;
    while (*text != '\0') {
        const size_t length = character((const unsigned char *)text);
        if (n + (length == 0 ? 1 : length) + 4 > RT_SHOWN_CHARS) {
            memcpy(buf + n, "...", 3);
            n += 3;
            break;
        }
        if (length == 0) {
            buf[n++] = *text++ == '\n' ? ' ' : '?';
        } else {
            memcpy(buf + n, text, length);
            n += length;
            text += length;
        }
    }
    buf[n] = '\0';
    return buf;
}

const char *rt_where(const struct rt_reading *r, const char *key, const struct rt_node *node,
                     char buf[RT_WHERE_CHARS])
{
    char shown[RT_SHOWN_CHARS];
    if (node != NULL && node->source == RT_FROM_OVERRIDE)
        snprintf(buf, RT_WHERE_CHARS, "%s", rt_shown(shown, node->word));
    else if (node != NULL && node->source == RT_FROM_FILE)
        snprintf(buf, RT_WHERE_CHARS, "%.300s:%d: %s", r->path, node->line, rt_shown(shown, key));
    else if (node == NULL && r->path != NULL)
        snprintf(buf, RT_WHERE_CHARS, "%.300s: %s", r->path, rt_shown(shown, key));
    else
        snprintf(buf, RT_WHERE_CHARS, "--%s", rt_shown(shown, key));
    return buf;
}

const char *rt_write(const struct rt_reading *r, const struct rt_node *node, const char *key, const char *value,
                     char buf[RT_WHERE_CHARS])
{
    const char *form = r->path == NULL ? "--%s %s" : "%s: %s";
    if (node != NULL && node->source == RT_FROM_OVERRIDE)
        form = "%s=%s";
    else if (r->path == NULL && value[0] == '\0')
        value = "''";
    snprintf(buf, RT_WHERE_CHARS, form, key, value);
    return buf;
}

rt_status rt_where_code(const struct rt_reading *r, const struct rt_node *node)
{
    const bool file = node != NULL ? node->source == RT_FROM_FILE : r->path != NULL;
    return file ? RT_ERR_JOB : RT_ERR_USAGE;
}

static const struct rt_node *given_node(const struct rt_reading *r, const char *key)
{
    const size_t index = rt_key_find(key);
    return index < rt_key_count() ? r->values[index].given : NULL;
}

rt_status rt_fail_key(const struct rt_reading *r, const char *key, const char *fmt, ...)
{
    char where[RT_WHERE_CHARS], text[1024];
    const struct rt_node *node = given_node(r, key);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return rt_fail(r->err, rt_where_code(r, node), "%s: %s", rt_where(r, key, node, where), text);
}

void rt_note_key(const struct rt_reading *r, const char *key, const char *fmt, ...)
{
    char where[RT_WHERE_CHARS], text[1024], line[sizeof where + sizeof text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(line, sizeof line, "%s: %s", rt_where(r, key, given_node(r, key), where), text);
    rt_tell(r->notes, line);
}
