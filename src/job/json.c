/* json.c - a JSON text to a tree of values, with the lines of the outermost object's keys. */
#include "config.h"

#include "job/node.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct reader {
    struct rt_job_store *store;
    const char *name;
    bool lines;
    int64_t budget;
    struct rt_error *err;
};

static rt_status complain(struct reader *r, int line, const char *what)
{
    if (!r->lines)
        return rt_fail(r->err, RT_ERR_USAGE, "%s: %s", r->name, what);
    return rt_fail(r->err, RT_ERR_JOB, "%s:%d: %s", r->name, line, what);
}

/* The text that a number was, near enough to show: its shortest form. */
static const char *number_text(struct rt_job_store *store, const json_t *json)
{
    char text[40];
    int n;
    if (json_is_integer(json))
        n = snprintf(text, sizeof text, "%lld", (long long)json_integer_value(json));
    else
        n = snprintf(text, sizeof text, "%.15g", json_real_value(json));
    return rt_store_dup(store, text, (size_t)n);
}

static rt_status convert(struct reader *r, const json_t *json, int depth, int line, struct rt_node **node);

static rt_status convert_members(struct reader *r, const json_t *json, int depth, int line,
                                 struct rt_node *node)
{
    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json); i++) {
            struct rt_node *item = NULL;
            RT_TRY(convert(r, json_array_get(json, i), depth + 1, line, &item));
            rt_node_append(node, item);
        }
        return RT_OK;
    }
    json_t *object = (json_t *)(uintptr_t)json; /* jansson's iterators are not const */
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        struct rt_node *item = NULL;
        RT_TRY(convert(r, json_object_iter_value(at), depth + 1, line, &item));
        const char *key = json_object_iter_key(at);
        item->key = rt_store_dup(r->store, key, strlen(key));
        if (item->key == NULL)
            return rt_no_memory(r->err);
        rt_node_append(node, item);
    }
    return RT_OK;
}

static rt_status convert(struct reader *r, const json_t *json, int depth, int line, struct rt_node **out)
{
    if (depth > RT_NODE_DEPTH)
        return complain(r, line, "values inside values too deep for a job file");
    if (--r->budget < 0)
        return complain(r, line, "too many values for a job file");
    struct rt_node *node = rt_node_new(r->store, RT_NODE_NULL);
    if (node == NULL)
        return rt_no_memory(r->err);
    node->line = r->lines ? line : 0;
    node->text = "null";
    switch (json_typeof(json)) {
    case JSON_NULL: break;
    case JSON_TRUE:
    case JSON_FALSE:
        node->kind = RT_NODE_BOOL;
        node->b = json_is_true(json);
        node->text = node->b ? "true" : "false";
        break;
    case JSON_INTEGER:
        node->kind = RT_NODE_INT;
        node->i = json_integer_value(json);
        node->f = (double)node->i;
        node->text = number_text(r->store, json);
        break;
    case JSON_REAL:
        node->kind = RT_NODE_FLOAT;
        node->f = json_real_value(json);
        node->text = number_text(r->store, json);
        break;
    case JSON_STRING:
        node->kind = RT_NODE_STR;
        node->text = rt_store_dup(r->store, json_string_value(json), json_string_length(json));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        node->kind = json_is_array(json) ? RT_NODE_LIST : RT_NODE_MAP;
        RT_TRY(convert_members(r, json, depth, line, node));
        break;
    }
    if (node->text == NULL)
        return rt_no_memory(r->err);
    *out = node;
    return RT_OK;
}

/* jansson keeps the order of keys but not their lines: the k-th string at depth 1 that a colon follows is the
 * k-th key. The text is known to be good JSON. */
static void find_lines(const char *text, size_t bytes, struct rt_node *map)
{
    struct rt_node *item = map->first;
    int line = 1, depth = 0, string_line = 0;
    for (size_t i = 0; i < bytes && item != NULL; i++) {
        switch (text[i]) {
        case '\n': line++; break;
        case '{':
        case '[': depth++; break;
        case '}':
        case ']': depth--; break;
        case '"':
            string_line = line;
            for (i++; i < bytes && text[i] != '"'; i++)
                i += text[i] == '\\';
            break;
        case ':':
            if (depth == 1) {
                item->line = string_line;
                item = item->next;
            }
            break;
        default: break;
        }
    }
}

rt_status rt_json_read(struct rt_job_store *store, const char *name, bool lines, const char *text, size_t bytes,
                       struct rt_node **root, struct rt_error *err)
{
    struct reader r = { .store = store, .name = name, .lines = lines, .budget = RT_NODE_LIMIT, .err = err };
    json_error_t problem;
    json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (json == NULL) {
        char what[JSON_ERROR_TEXT_LENGTH + 16];
        snprintf(what, sizeof what, "not JSON: %s", problem.text);
        return complain(&r, problem.line > 0 ? problem.line : 1, what);
    }
    struct rt_node *node = NULL;
    const rt_status st = convert(&r, json, 0, 1, &node);
    json_decref(json);
    if (st != RT_OK)
        return st;
    if (lines && node->kind == RT_NODE_MAP)
        find_lines(text, bytes, node);
    *root = node;
    return RT_OK;
}
