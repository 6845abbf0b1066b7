/* node.c - lists and maps of a job's tree of values. */
#include "config.h"

#include "job/node.h"

#include <string.h>

struct rt_node *rt_node_new(struct rt_job_store *store, enum rt_node_kind kind)
{
    struct rt_node *node = rt_store_take(store, sizeof *node);
    if (node != NULL)
        node->kind = kind;
    return node;
}

void rt_node_append(struct rt_node *list, struct rt_node *item)
{
    item->next = NULL;
    if (list->last == NULL)
        list->first = item;
    else
        list->last->next = item;
    list->last = item;
    list->count++;
}

struct rt_node *rt_map_find(const struct rt_node *map, const char *key)
{
    for (struct rt_node *n = map->first; n != NULL; n = n->next)
        if (strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

void rt_map_set(struct rt_node *map, struct rt_node *item)
{
    struct rt_node *old = rt_map_find(map, item->key);
    if (old == NULL) {
        rt_node_append(map, item);
    } else { /* the older one's place in the chain holds what the newer one says */
        struct rt_node *next = old->next;
        *old = *item;
        old->next = next;
    }
}

void rt_map_merge(struct rt_node *into, struct rt_node *from)
{
    for (struct rt_node *n = from->first, *next; n != NULL; n = next) {
        next = n->next;
        struct rt_node *old = rt_map_find(into, n->key);
        if (old != NULL && old->kind == RT_NODE_MAP && n->kind == RT_NODE_MAP) {
            rt_map_merge(old, n);
            old->source = n->source;
            old->line = n->line;
            old->word = n->word;
        } else {
            rt_map_set(into, n);
        }
    }
}

struct rt_node *rt_node_copy(struct rt_job_store *store, const struct rt_node *node, int64_t *budget)
{
    if (--*budget < 0)
        return NULL;
    struct rt_node *copy = rt_store_take(store, sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *node;
    copy->first = copy->last = copy->next = NULL;
    copy->count = 0;
    for (const struct rt_node *n = node->first; n != NULL; n = n->next) {
        struct rt_node *item = rt_node_copy(store, n, budget);
        if (item == NULL)
            return NULL;
        rt_node_append(copy, item);
    }
    return copy;
}
