/* override.c - a word "key=value" after a job file: the same scalar rules, laid over what the file says. */
#include "config.h"

#include "job/node.h"

#include <string.h>

enum { KEY_CHARS = 200, WORD_CHARS = 60 };

/* Splits "a.b[c]" into its parts, in place: dots and brackets become NUL. The number of parts, 0: a part is
 * empty. */
static int split_key(char *key, char **parts, int most)
{
    int n = 0;
    for (char *at = key;;) {
        const size_t length = strcspn(at, ".[]");
        if (length == 0 || n == most)
            return 0;
        parts[n++] = at;
        at += length;
        const char end = *at;
        *at = '\0';
        if (end == '\0')
            return n;
        at++;
        if (end == ']') {
            if (*at == '\0')
                return n;
            if (*at != '.' && *at != '[')
                return 0;
            at++;
        }
    }
}

static void mark(struct rt_node *node, const char *word)
{
    node->source = RT_FROM_OVERRIDE;
    node->word = word;
    node->line = 0;
}

/* The map under `key` in map, made where there is none. */
static rt_status descend(struct rt_job_store *store, struct rt_node **map, const char *key, const char *word,
                         struct rt_error *err)
{
    struct rt_node *next = rt_map_find(*map, key);
    if (next == NULL || next->kind != RT_NODE_MAP) {
        struct rt_node *made = rt_node_new(store, RT_NODE_MAP);
        if (made == NULL)
            return rt_no_memory(err);
        made->key = key;
        rt_map_set(*map, made);
        next = rt_map_find(*map, key);
    }
    mark(next, word);
    *map = next;
    return RT_OK;
}

rt_status rt_override_read(struct rt_job_store *store, const struct rt_scalars *scalars, struct rt_node *root,
                           const char *word, struct rt_error *err)
{
    const char *equals = strchr(word, '=');
    if (strncmp(word, "--", 2) == 0) {
        const int length = equals != NULL ? (int)(equals - word - 2) : (int)strlen(word + 2);
        return rt_fail(err, RT_ERR_USAGE, "%.*s: after a job file write key=value: %.*s=%s", WORD_CHARS, word,
                       length < WORD_CHARS ? length : WORD_CHARS, word + 2,
                       equals != NULL ? equals + 1 : "VALUE");
    }
    if (equals == NULL || equals == word || (size_t)(equals - word) > KEY_CHARS)
        return rt_fail(err, RT_ERR_USAGE, "%.*s: after a job file write key=value", WORD_CHARS, word);
    char *key = rt_store_dup(store, word, (size_t)(equals - word));
    if (key == NULL)
        return rt_no_memory(err);
    char *parts[8];
    const int n = split_key(key, parts, 8);
    if (n == 0)
        return rt_fail(err, RT_ERR_USAGE, "%.*s: the key is not well formed; write key=value or key.name=value",
                       WORD_CHARS, word);
    char name[WORD_CHARS + 4];
    const size_t shown = strlen(word) < WORD_CHARS ? strlen(word) : WORD_CHARS;
    memcpy(name, word, shown);
    name[shown] = '\0';
    struct rt_node *value = NULL;
    RT_TRY(rt_yaml_read(store, scalars, name, false, equals + 1, strlen(equals + 1), &value, err));
    struct rt_node *map = root;
    for (int i = 0; i + 1 < n; i++)
        RT_TRY(descend(store, &map, parts[i], word, err));
    value->key = parts[n - 1];
    mark(value, word);
    struct rt_node *old = rt_map_find(map, value->key);
    if (old != NULL && old->kind == RT_NODE_MAP && value->kind == RT_NODE_MAP) {
        rt_map_merge(old, value);
        mark(old, word);
    } else {
        rt_map_set(map, value);
    }
    return RT_OK;
}
