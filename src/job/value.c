/*
 * value.c - a key's value from a tree of values: types are bent where the reference would end up working ("16"
 * for a whole number, 1e3 for one too), and the rest is refused with what to write instead.
 */
#include "config.h"

#include "job/value.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *node_text(const struct rt_node *node)
{
    if (node->kind == RT_NODE_LIST)
        return "a list";
    if (node->kind == RT_NODE_MAP)
        return "a map";
    return node->text;
}

static rt_status bad_value(const struct rt_reading *r, const struct rt_key *key, const struct rt_node *node)
{
    char where[RT_WHERE_CHARS], how[RT_WHERE_CHARS], wants[RT_WANTS_CHARS], shown[RT_SHOWN_CHARS];
    const bool scalar = node->kind != RT_NODE_LIST && node->kind != RT_NODE_MAP;
    const char *quote = scalar ? "\"" : "";
    const char *example = key->example != NULL ? key->example : key->def;
    char nearest[RT_SHOWN_CHARS];
    if (key->type == RT_KEY_BOOL)
        example = "true";
    if (key->type == RT_KEY_CHOICE)
        example = rt_choice_nearest(key, scalar ? node->text : key->def, nearest, sizeof nearest);
    rt_where(r, key->name, node, where);
    rt_key_wants(key, wants, sizeof wants);
    if (key->type == RT_KEY_STR || key->type == RT_KEY_LIST || strcmp(example, "null") == 0)
        return rt_fail(r->err, rt_where_code(r, node), "%s: %s%s%s is not %s", where, quote,
                       rt_shown(shown, node_text(node)), quote, wants);
    return rt_fail(r->err, rt_where_code(r, node), "%s: %s%s%s is not %s; write %s", where, quote,
                   rt_shown(shown, node_text(node)), quote, wants, rt_write(r, node, key->name, example, how));
}

bool rt_number_of_text(const char *text, double *number)
{
    char digits[64];
    size_t n = 0;
    while (isspace((unsigned char)*text))
        text++;
    for (; *text != '\0' && n + 1 < sizeof digits; text++) {
        if (*text == '_' && n > 0 && isdigit((unsigned char)text[-1]) && isdigit((unsigned char)text[1]))
            continue;
        digits[n++] = *text;
    }
    while (n > 0 && isspace((unsigned char)digits[n - 1]))
        n--;
    digits[n] = '\0';
    if (*text != '\0' || n == 0 || strspn(digits, "+-.0123456789eE") != n)
        return false;
    char *end;
    *number = strtod(digits, &end);
    return *end == '\0';
}

static rt_status read_number(const struct rt_reading *r, const struct rt_key *key, const struct rt_node *node,
                             struct rt_value *value)
{
    double f;
    if (node->kind == RT_NODE_INT || node->kind == RT_NODE_FLOAT)
        f = node->f;
    else if (node->kind != RT_NODE_STR || !rt_number_of_text(node->text, &f))
        return bad_value(r, key, node);
    if (!isfinite(f) || f < key->min || f > key->max || (key->above && f <= key->min) ||
        (key->below && f >= key->max))
        return bad_value(r, key, node);
    if (key->type == RT_KEY_INT && f != trunc(f))
        return bad_value(r, key, node);
    value->f = f;
    if (key->type == RT_KEY_INT)
        value->i = (int64_t)f; /* every whole number has bounds within 2^53 */
    return RT_OK;
}

/* true or false as YAML, 0 and 1, and the words that argparse takes, in any case. */
static bool bool_of_node(const struct rt_node *node, bool *b)
{
    char word[8] = "";
    if (node->kind == RT_NODE_BOOL) {
        *b = node->b;
        return true;
    }
    if (node->kind == RT_NODE_INT && (node->i == 0 || node->i == 1)) {
        *b = node->i == 1;
        return true;
    }
    if (node->kind != RT_NODE_STR || strlen(node->text) >= sizeof word)
        return false;
    for (size_t i = 0; node->text[i] != '\0'; i++)
        word[i] = (char)tolower((unsigned char)node->text[i]);
    *b = rt_word_among("yes|true|t|y|1|on", word);
    return *b || rt_word_among("no|false|f|n|0|off", word);
}

static rt_status read_choice(const struct rt_reading *r, const struct rt_key *key, const struct rt_node *node,
                             struct rt_value *value)
{
    if (node->kind == RT_NODE_LIST || node->kind == RT_NODE_MAP)
        return bad_value(r, key, node);
    const char *word = node->text;
    bool b;
    if (node->kind == RT_NODE_BOOL && !node->b && rt_word_among(key->choices, "no"))
        word = "no"; /* an unquoted no is false in YAML */
    else if (node->kind == RT_NODE_BOOL && !node->b && rt_word_among(key->choices, "off"))
        word = "off"; /* so is off */
    else if (rt_key_is_switch(key) && bool_of_node(node, &b))
        word = b ? "all" : "no";
    if (!rt_word_among(key->choices, word))
        return bad_value(r, key, node);
    if (rt_word_among(key->refused, word)) {
        char where[RT_WHERE_CHARS];
        return rt_fail(r->err, rt_where_code(r, node), "%s: \"%s\" is not supported: %s",
                       rt_where(r, key->name, node, where), word, key->instead);
    }
    value->s = word;
    return RT_OK;
}

static rt_status add_item(const struct rt_reading *r, const struct rt_key *key, const struct rt_node *node,
                          const char *text, size_t length, struct rt_value *value)
{
    while (length > 0 && isspace((unsigned char)text[0]))
        text++, length--;
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    if (length == 0) {
        char where[RT_WHERE_CHARS];
        return rt_fail(r->err, rt_where_code(r, node), "%s: an empty name; write names with commas between",
                       rt_where(r, key->name, node, where));
    }
    value->list[value->count] = rt_store_dup(r->store, text, length);
    if (value->list[value->count++] == NULL)
        return rt_no_memory(r->err);
    return RT_OK;
}

static rt_status read_list(const struct rt_reading *r, const struct rt_key *key, const struct rt_node *node,
                           struct rt_value *value)
{
    if (node->kind == RT_NODE_MAP)
        return bad_value(r, key, node);
    size_t room = (size_t)node->count;
    if (node->kind != RT_NODE_LIST) {
        room = 1;
        for (const char *c = node->text; *c != '\0'; c++)
            room += *c == ',';
    }
    value->list = rt_store_take(r->store, (room > 0 ? room : 1) * sizeof *value->list);
    if (value->list == NULL)
        return rt_no_memory(r->err);
    if (node->kind == RT_NODE_LIST) {
        for (const struct rt_node *n = node->first; n != NULL; n = n->next) {
            if (n->kind == RT_NODE_LIST || n->kind == RT_NODE_MAP || n->kind == RT_NODE_NULL)
                return bad_value(r, key, node);
            RT_TRY(add_item(r, key, node, n->text, strlen(n->text), value));
        }
        value->null = value->count == 0;
        return RT_OK;
    }
    for (const char *at = node->text;; at++) {
        const size_t length = strcspn(at, ",");
        RT_TRY(add_item(r, key, node, at, length, value));
        at += length;
        if (*at == '\0')
            return RT_OK;
    }
}

/* A map, or JSON text that holds one: then texts in it that look like numbers or booleans are these. */
static rt_status read_dict(const struct rt_reading *r, const struct rt_key *key, const struct rt_node *node,
                           struct rt_value *value)
{
    value->map = node;
    if (node->kind == RT_NODE_MAP)
        return RT_OK;
    if (node->kind != RT_NODE_STR || node->text[0] != '{')
        return bad_value(r, key, node);
    char where[RT_WHERE_CHARS];
    struct rt_node *map = NULL;
    rt_where(r, key->name, node, where);
    if (rt_json_read(r->store, where, false, node->text, strlen(node->text), &map, r->err) != RT_OK)
        return r->err != NULL ? (r->err->status = rt_where_code(r, node)) : rt_where_code(r, node);
    value->map = map;
    return RT_OK;
}

rt_status rt_value_read(const struct rt_reading *r, const struct rt_key *key, const struct rt_node *node,
                        struct rt_value *value)
{
    if (node->kind == RT_NODE_NULL) {
        if (!rt_key_nullable(key))
            return bad_value(r, key, node);
        value->null = true;
        return RT_OK;
    }
    switch (key->type) {
    case RT_KEY_BOOL: return bool_of_node(node, &value->b) ? RT_OK : bad_value(r, key, node);
    case RT_KEY_INT:
    case RT_KEY_NUM: return read_number(r, key, node, value);
    case RT_KEY_STR:
        if (node->kind == RT_NODE_LIST || node->kind == RT_NODE_MAP)
            return bad_value(r, key, node);
        value->s = node->text;
        return RT_OK;
    case RT_KEY_CHOICE: return read_choice(r, key, node, value);
    case RT_KEY_LIST: return read_list(r, key, node, value);
    case RT_KEY_DICT: return read_dict(r, key, node, value);
    case RT_KEY_ANY: value->map = node; return RT_OK;
    }
    return rt_fail(r->err, RT_ERR_INTERNAL, "%s: a key without a type", key->name);
}

rt_status rt_value_default(const struct rt_reading *r, const struct rt_key *key, struct rt_value *value)
{
    struct rt_node node = { .text = key->def };
    if (key->def[0] == '\0')
        node.kind = RT_NODE_STR; /* "" is a text here, not null */
    else
        rt_scalar_resolve(r->scalars, &node);
    *value = (struct rt_value){ 0 };
    if (node.kind == RT_NODE_NULL) {
        value->null = true;
        return RT_OK;
    }
    return rt_value_read(r, key, &node, value);
}

bool rt_value_equal(const struct rt_key *key, const struct rt_value *a, const struct rt_value *b)
{
    if (a->null || b->null)
        return a->null == b->null;
    switch (key->type) {
    case RT_KEY_BOOL: return a->b == b->b;
    case RT_KEY_INT:
    case RT_KEY_NUM: return a->f == b->f;
    case RT_KEY_STR:
    case RT_KEY_CHOICE: return strcmp(a->s, b->s) == 0;
    case RT_KEY_LIST:
        if (a->count != b->count)
            return false;
        for (int64_t i = 0; i < a->count; i++)
            if (strcmp(a->list[i], b->list[i]) != 0)
                return false;
        return true;
    default: return false;
    }
}

bool rt_value_empty(const struct rt_key *key, const struct rt_value *value)
{
    if (value->null)
        return true;
    switch (key->type) {
    case RT_KEY_BOOL: return !value->b && strcmp(key->def, "true") != 0;
    case RT_KEY_NUM: return value->f == 0 && strcmp(key->def, "null") == 0;
    case RT_KEY_STR: return value->s[0] == '\0';
    case RT_KEY_LIST: return value->count == 0;
    case RT_KEY_DICT:
    case RT_KEY_ANY:
        return (value->map->kind == RT_NODE_BOOL && !value->map->b) ||
               ((value->map->kind == RT_NODE_LIST || value->map->kind == RT_NODE_MAP) &&
                value->map->count == 0) ||
               (value->map->kind == RT_NODE_STR && value->map->text[0] == '\0');
    default: return false;
    }
}

struct rt_value *rt_value_of(const struct rt_reading *r, const char *key)
{
    return &r->values[rt_key_find(key)];
}
