/* yaml.c - a YAML text to a tree of values: libyaml scans, scalar.c says what a word is. */
#include "config.h"

#include "job/node.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct anchor {
    struct anchor *next;
    const char *name;
    struct rt_node *node;
    bool closed; /* false while its members are still being read */
};

struct reader {
    struct rt_job_store *store;
    const struct rt_scalars *scalars;
    const char *name;
    bool lines;
    const char *text;
    size_t bytes;
    yaml_parser_t parser;
    yaml_event_t event; /* the last one; owned until the next */
    bool has_event;
    struct anchor *anchors;
    int64_t budget; /* nodes that may still be made */
    struct rt_error *err;
};

static rt_status complain(struct reader *r, size_t line, const char *what, const char *more)
{
    const char *gap = more == NULL || *more == '\0' ? "" : " ";
    if (more == NULL)
        more = "";
    if (!r->lines)
        return rt_fail(r->err, RT_ERR_USAGE, "%s: %s%s%s", r->name, what, gap, more);
    return rt_fail(r->err, RT_ERR_JOB, "%s:%zu: %s%s%s", r->name, line + 1, what, gap, more);
}

static rt_status complain_here(struct reader *r, const char *what, const char *more)
{
    return complain(r, r->event.start_mark.line, what, more);
}

static void drop_event(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = false;
}

static rt_status next_event(struct reader *r)
{
    drop_event(r);
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        const yaml_parser_t *p = &r->parser;
        if (p->error == YAML_MEMORY_ERROR)
            return rt_no_memory(r->err);
        const char *problem = p->problem != NULL ? p->problem : "it cannot be read";
        if (p->error ==
            YAML_READER_ERROR) { /* a byte that YAML does not allow; libyaml tells its offset alone */
            size_t line = 0;
            for (size_t i = 0; i < p->problem_offset && i < r->bytes; i++)
                line += r->text[i] == '\n';
            return complain(r, line, "not YAML:", problem);
        }
        return complain(r, p->problem_mark.line, "not YAML:", problem);
    }
    r->has_event = true;
    return RT_OK;
}

static rt_status new_node(struct reader *r, enum rt_node_kind kind, struct rt_node **node)
{
    if (--r->budget < 0)
        return complain_here(r, "too many values for a job file", NULL);
    *node = rt_node_new(r->store, kind);
    if (*node == NULL)
        return rt_no_memory(r->err);
    (*node)->line = r->lines ? (int)(r->event.start_mark.line + 1) : 0;
    return RT_OK;
}

static rt_status remember_anchor(struct reader *r, const yaml_char_t *name, struct rt_node *node)
{
    if (name == NULL)
        return RT_OK;
    for (const struct anchor *a = r->anchors; a != NULL; a = a->next)
        if (strcmp(a->name, (const char *)name) == 0)
            return complain_here(r, "a second anchor is called", a->name);
    struct anchor *a = rt_store_take(r->store, sizeof *a);
    if (a == NULL)
        return rt_no_memory(r->err);
    a->name = rt_store_dup(r->store, (const char *)name, strlen((const char *)name));
    if (a->name == NULL)
        return rt_no_memory(r->err);
    a->node = node;
    a->next = r->anchors;
    r->anchors = a;
    return RT_OK;
}

static void close_anchor(struct reader *r, const struct rt_node *node)
{
    for (struct anchor *a = r->anchors; a != NULL; a = a->next)
        if (a->node == node)
            a->closed = true;
}

static rt_status no_copy(struct reader *r)
{
    if (r->budget < 0)
        return complain_here(r, "too many values for a job file, counting aliases", NULL);
    return rt_no_memory(r->err);
}

static rt_status read_alias(struct reader *r, struct rt_node **node)
{
    const char *name = (const char *)r->event.data.alias.anchor;
    const struct anchor *a = r->anchors;
    while (a != NULL && strcmp(a->name, name) != 0)
        a = a->next;
    if (a == NULL)
        return complain_here(r, "there is no anchor called", name);
    if (!a->closed)
        return complain_here(r, "a value holds itself through the alias", name);
    *node = rt_node_copy(r->store, a->node, &r->budget);
    if (*node == NULL)
        return no_copy(r);
    (*node)->line = r->lines ? (int)(r->event.start_mark.line + 1) : 0;
    return RT_OK;
}

static rt_status read_scalar(struct reader *r, struct rt_node **node)
{
    RT_TRY(new_node(r, RT_NODE_STR, node));
    const char *value = (const char *)r->event.data.scalar.value;
    const size_t length = r->event.data.scalar.length;
    if (memchr(value, '\0', length) != NULL)
        return complain_here(r, "a value holds a NUL byte", NULL);
    (*node)->text = rt_store_dup(r->store, value, length);
    if ((*node)->text == NULL)
        return rt_no_memory(r->err);
    const char *tag = (const char *)r->event.data.scalar.tag;
    const bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (tag == NULL || strcmp(tag, "!") == 0) {
        if (plain && strcmp((*node)->text, "=") == 0)
            return complain_here(r, "a lone = is no value; write '='", NULL);
        if (plain)
            rt_scalar_resolve(r->scalars, *node);
    } else if (!rt_scalar_by_tag(r->scalars, *node, tag)) {
        return complain_here(r, "a value does not fit its tag, or no such tag is known:", tag);
    }
    RT_TRY(remember_anchor(r, r->event.data.scalar.anchor, *node));
    close_anchor(r, *node);
    return RT_OK;
}

static rt_status read_node(struct reader *r, int depth, struct rt_node **node);

static rt_status read_list(struct reader *r, int depth, struct rt_node **node)
{
    RT_TRY(new_node(r, RT_NODE_LIST, node));
    RT_TRY(remember_anchor(r, r->event.data.sequence_start.anchor, *node));
    for (;;) {
        RT_TRY(next_event(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        struct rt_node *item = NULL;
        RT_TRY(read_node(r, depth + 1, &item));
        rt_node_append(*node, item);
    }
    close_anchor(r, *node);
    return RT_OK;
}

/* What <<: brings in; what the map says itself, before or after, stays. */
static rt_status merge_in(struct reader *r, struct rt_node *into, const struct rt_node *from)
{
    if (from->kind != RT_NODE_MAP)
        return complain_here(r, "<<: takes a map or a list of maps", NULL);
    for (const struct rt_node *n = from->first; n != NULL; n = n->next) {
        if (rt_map_find(into, n->key) != NULL)
            continue;
        struct rt_node *copy = rt_node_copy(r->store, n, &r->budget); /* an alias may ask for `from` again */
        if (copy == NULL)
            return no_copy(r);
        rt_node_append(into, copy);
    }
    return RT_OK;
}

static rt_status stands_twice(struct reader *r, const char *key, int line)
{
    char text[120];
    if (line > 0)
        snprintf(text, sizeof text, "%.60s: stands in line %d too; keep one", key, line);
    else
        snprintf(text, sizeof text, "%.60s: stands twice; keep one", key);
    return complain_here(r, text, NULL);
}

static rt_status read_map(struct reader *r, int depth, struct rt_node **node)
{
    struct rt_node *merges;
    RT_TRY(new_node(r, RT_NODE_MAP, node));
    RT_TRY(new_node(r, RT_NODE_LIST, &merges));
    RT_TRY(remember_anchor(r, r->event.data.mapping_start.anchor, *node));
    for (;;) {
        RT_TRY(next_event(r));
        if (r->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (r->event.type != YAML_SCALAR_EVENT)
            return complain_here(r, "a key is one word", NULL);
        const int line = r->lines ? (int)(r->event.start_mark.line + 1) : 0;
        const char *value = (const char *)r->event.data.scalar.value;
        const size_t length = r->event.data.scalar.length;
        const bool merge = strcmp(value, "<<") == 0 && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        const char *key = rt_store_dup(r->store, value, length);
        if (key == NULL)
            return rt_no_memory(r->err);
        if (memchr(key, '\0', length) != NULL)
            return complain_here(r, "a key holds a NUL byte", NULL);
        if (!merge && rt_map_find(*node, key) != NULL)
            return stands_twice(r, key, rt_map_find(*node, key)->line);
        RT_TRY(next_event(r));
        struct rt_node *item = NULL;
        RT_TRY(read_node(r, depth + 1, &item));
        item->key = key;
        item->line = line;
        rt_node_append(merge ? merges : *node, item);
    }
    for (struct rt_node *m = merges->first; m != NULL; m = m->next) {
        if (m->kind == RT_NODE_LIST) {
            for (struct rt_node *n = m->first; n != NULL; n = n->next)
                RT_TRY(merge_in(r, *node, n));
        } else {
            RT_TRY(merge_in(r, *node, m));
        }
    }
    close_anchor(r, *node);
    return RT_OK;
}

/* The node that the last event starts. */
static rt_status read_node(struct reader *r, int depth, struct rt_node **node)
{
    if (depth > RT_NODE_DEPTH)
        return complain_here(r, "values inside values too deep for a job file", NULL);
    switch (r->event.type) {
    case YAML_ALIAS_EVENT: return read_alias(r, node);
    case YAML_SCALAR_EVENT: return read_scalar(r, node);
    case YAML_SEQUENCE_START_EVENT: return read_list(r, depth, node);
    case YAML_MAPPING_START_EVENT: return read_map(r, depth, node);
    default: return complain_here(r, "not YAML: a value is missing", NULL);
    }
}

static rt_status read_document(struct reader *r, struct rt_node **root)
{
    struct rt_node *node = NULL;
    RT_TRY(next_event(r)); /* stream start */
    RT_TRY(next_event(r));
    if (r->event.type == YAML_STREAM_END_EVENT) {
        RT_TRY(new_node(r, RT_NODE_NULL, &node));
        node->text = "";
        *root = node;
        return RT_OK;
    }
    RT_TRY(next_event(r));
    RT_TRY(read_node(r, 0, &node));
    RT_TRY(next_event(r)); /* document end */
    RT_TRY(next_event(r));
    if (r->event.type != YAML_STREAM_END_EVENT)
        return complain_here(r, "a second document starts; a job file holds one", NULL);
    *root = node;
    return RT_OK;
}

rt_status rt_yaml_read(struct rt_job_store *store, const struct rt_scalars *scalars, const char *name,
                       bool lines, const char *text, size_t bytes, struct rt_node **root, struct rt_error *err)
{
    struct reader r = { .store = store,
                        .scalars = scalars,
                        .name = name,
                        .lines = lines,
                        .text = text,
                        .bytes = bytes,
                        .err = err,
                        .budget = RT_NODE_LIMIT };
    if (!yaml_parser_initialize(&r.parser))
        return rt_no_memory(err);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, bytes);
    const rt_status st = read_document(&r, root);
    drop_event(&r);
    yaml_parser_delete(&r.parser);
    return st;
}
