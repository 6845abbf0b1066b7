/* pickle_values.c - the values of a pickle: made one by one, looked up afterwards. */
#include "config.h"
#include "checkpoint/pickle_machine.h"

#include <stdlib.h>
#include <string.h>

bool rt_pickle_grow(void *table, int64_t *room, int64_t used, size_t element_bytes)
{
    void *old, *grown;
    if (used < *room)
        return true;
    const int64_t more = used < 64 ? 64 : 2 * used;
    memcpy(&old, table, sizeof old);
    grown = realloc(old, (size_t)more * element_bytes);
    if (grown == NULL)
        return false;
    memcpy(table, &grown, sizeof grown);
    *room = more;
    return true;
}

bool rt_pickle_add(struct rt_pickle *p, struct rt_pickle_value value, int32_t *made)
{
    if (!rt_pickle_grow(&p->value, &p->value_room, p->values, sizeof *p->value))
        return false;
    *made = (int32_t)p->values;
    p->value[p->values++] = value;
    return true;
}

bool rt_pickle_append(struct rt_pickle *p, int32_t container, int32_t key, int32_t value)
{
    if (!rt_pickle_grow(&p->cell, &p->cell_room, p->cells, sizeof *p->cell))
        return false;
    struct rt_pickle_value *c = &p->value[container];
    const int32_t at = (int32_t)p->cells++;
    p->cell[at] = (struct rt_pickle_cell){ key, value, -1 };
    if (c->last >= 0)
        p->cell[c->last].next = at;
    else
        c->first = at;
    c->last = at;
    c->count++;
    return true;
}

void rt_pickle_free(struct rt_pickle *p)
{
    if (p == NULL)
        return;
    free(p->value);
    free(p->cell);
    free(p);
}

const struct rt_pickle_value *rt_pickle_root(const struct rt_pickle *p)
{
    return &p->value[p->root];
}

bool rt_pickle_is(const struct rt_pickle_value *value, enum rt_pickle_kind kind)
{
    return value != NULL && value->kind == kind;
}

static bool has_items(const struct rt_pickle_value *value)
{
    if (value == NULL)
        return false;
    switch (value->kind) {
    case RT_PICKLE_LIST:
    case RT_PICKLE_TUPLE:
    case RT_PICKLE_DICT:
    case RT_PICKLE_STORAGE:
    case RT_PICKLE_TENSOR: return true;
    default: return false;
    }
}

int64_t rt_pickle_count(const struct rt_pickle_value *value)
{
    return has_items(value) ? value->count : 0;
}

/* As in Python the last one put under a key counts. */
const struct rt_pickle_value *rt_pickle_key(const struct rt_pickle *p, const struct rt_pickle_value *dict,
                                            const char *key)
{
    const struct rt_pickle_value *found = NULL;
    const size_t bytes = strlen(key);
    if (!rt_pickle_is(dict, RT_PICKLE_DICT))
        return NULL;
    for (int32_t at = dict->first; at >= 0; at = p->cell[at].next) {
        const struct rt_pickle_value *k = &p->value[p->cell[at].key];
        if (k->kind == RT_PICKLE_TEXT && k->bytes == bytes && memcmp(k->text, key, bytes) == 0)
            found = &p->value[p->cell[at].value];
    }
    return found;
}

const struct rt_pickle_value *rt_pickle_key_of(const struct rt_pickle *p, const struct rt_pickle_value *dict,
                                               int64_t key)
{
    const struct rt_pickle_value *found = NULL;
    if (!rt_pickle_is(dict, RT_PICKLE_DICT))
        return NULL;
    for (int32_t at = dict->first; at >= 0; at = p->cell[at].next) {
        const struct rt_pickle_value *k = &p->value[p->cell[at].key];
        if (k->kind == RT_PICKLE_INT && k->integer == key)
            found = &p->value[p->cell[at].value];
    }
    return found;
}

const struct rt_pickle_value *rt_pickle_at(const struct rt_pickle *p, const struct rt_pickle_value *items,
                                           int64_t i)
{
    if (!has_items(items) || items->kind == RT_PICKLE_DICT || i < 0 || i >= items->count)
        return NULL;
    int32_t at = items->first;
    while (i-- > 0)
        at = p->cell[at].next;
    return &p->value[p->cell[at].value];
}

bool rt_pickle_real(const struct rt_pickle_value *value, double *x)
{
    if (!rt_pickle_is(value, RT_PICKLE_REAL) && !rt_pickle_is(value, RT_PICKLE_INT))
        return false;
    *x = value->kind == RT_PICKLE_REAL ? value->real : (double)value->integer;
    return true;
}

bool rt_pickle_int(const struct rt_pickle_value *value, int64_t *x)
{
    if (!rt_pickle_is(value, RT_PICKLE_INT))
        return false;
    *x = value->integer;
    return true;
}
