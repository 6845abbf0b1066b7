/* pickle_stack.c - what a pickle's codes work on: its bytes, the stack with its marks, and the values kept. */
#include "config.h"
#include "checkpoint/pickle_machine.h"

#include <string.h>

rt_status rt_pickle_wrong(const struct rt_pickle_reader *r, const char *what)
{
    return rt_fail(r->err, RT_ERR_FILE, "%.500s: data.pkl: byte %zu: %s", r->file, r->code_at, what);
}

rt_status rt_pickle_no_memory(const struct rt_pickle_reader *r)
{
    return rt_fail(r->err, RT_ERR_MEMORY, "%.500s: no memory for its %zu bytes of data.pkl", r->file, r->bytes);
}

rt_status rt_pickle_take(struct rt_pickle_reader *r, size_t count, const uint8_t **bytes)
{
    if (count > r->bytes - r->at)
        return rt_pickle_wrong(r, "the file is cut short here");
    *bytes = r->data + r->at;
    r->at += count;
    return RT_OK;
}

rt_status rt_pickle_push(struct rt_pickle_reader *r, int32_t value)
{
    if (!rt_pickle_grow(&r->stack, &r->stack_room, r->depth, sizeof *r->stack))
        return rt_pickle_no_memory(r);
    r->stack[r->depth++] = value;
    return RT_OK;
}

rt_status rt_pickle_push_new(struct rt_pickle_reader *r, struct rt_pickle_value value)
{
    int32_t made;
    return rt_pickle_add(r->p, value, &made) ? rt_pickle_push(r, made) : rt_pickle_no_memory(r);
}

/* How many values lie above the last mark. */
static int64_t above_mark(const struct rt_pickle_reader *r)
{
    return r->depth - (r->marks > 0 ? r->mark[r->marks - 1] : 0);
}

rt_status rt_pickle_need(const struct rt_pickle_reader *r, int64_t count)
{
    return above_mark(r) >= count ? RT_OK : rt_pickle_wrong(r, "it takes a value where there is none");
}

struct rt_pickle_value *rt_pickle_top(const struct rt_pickle_reader *r, int64_t down)
{
    return &r->p->value[r->stack[r->depth - 1 - down]];
}

rt_status rt_pickle_mark(struct rt_pickle_reader *r)
{
    if (!rt_pickle_grow(&r->mark, &r->mark_room, r->marks, sizeof *r->mark))
        return rt_pickle_no_memory(r);
    r->mark[r->marks++] = r->depth;
    return RT_OK;
}

/* The values above the last mark: *first is where they begin on the stack. The mark goes. */
rt_status rt_pickle_pop_mark(struct rt_pickle_reader *r, int64_t *first)
{
    if (r->marks == 0)
        return rt_pickle_wrong(r, "there is no mark");
    *first = r->mark[--r->marks];
    return RT_OK;
}

/* The values from `first` on, in the place of which a tuple of them is put. */
rt_status rt_pickle_make_tuple(struct rt_pickle_reader *r, int64_t first)
{
    int32_t made;
    if (!rt_pickle_add(r->p, rt_pickle_empty(RT_PICKLE_TUPLE), &made))
        return rt_pickle_no_memory(r);
    for (int64_t i = first; i < r->depth; i++)
        if (!rt_pickle_append(r->p, made, -1, r->stack[i]))
            return rt_pickle_no_memory(r);
    r->depth = first;
    return rt_pickle_push(r, made);
}

rt_status rt_pickle_tuple(struct rt_pickle_reader *r, int64_t count)
{
    RT_TRY(rt_pickle_need(r, count));
    return rt_pickle_make_tuple(r, r->depth - count);
}

/* The values from `first` on go into the list below them. */
rt_status rt_pickle_extend(struct rt_pickle_reader *r, int64_t first)
{
    if (first < 1 || (r->marks > 0 && first <= r->mark[r->marks - 1]) ||
        r->p->value[r->stack[first - 1]].kind != RT_PICKLE_LIST)
        return rt_pickle_wrong(r, "it appends to what is no list");
    for (int64_t i = first; i < r->depth; i++)
        if (!rt_pickle_append(r->p, r->stack[first - 1], -1, r->stack[i]))
            return rt_pickle_no_memory(r);
    r->depth = first;
    return RT_OK;
}

/* Pairs of key and value from `first` on go into the dict below them. */
rt_status rt_pickle_set_items(struct rt_pickle_reader *r, int64_t first)
{
    if (first < 1 || (r->marks > 0 && first <= r->mark[r->marks - 1]) ||
        r->p->value[r->stack[first - 1]].kind != RT_PICKLE_DICT)
        return rt_pickle_wrong(r, "it sets an item of what is no dict");
    if ((r->depth - first) % 2 != 0)
        return rt_pickle_wrong(r, "a key of a dict has no value");
    for (int64_t i = first; i < r->depth; i += 2)
        if (!rt_pickle_append(r->p, r->stack[first - 1], r->stack[i], r->stack[i + 1]))
            return rt_pickle_no_memory(r);
    r->depth = first;
    return RT_OK;
}

rt_status rt_pickle_put_memo(struct rt_pickle_reader *r, int64_t key)
{
    RT_TRY(rt_pickle_need(r, 1));
    if (key < 0 || (uint64_t)key >= r->bytes)
        return rt_pickle_wrong(r, "it keeps more values than the file can have");
    while (key >= r->memos) {
        int64_t room = r->memos;
        if (!rt_pickle_grow(&r->memo, &room, r->memos, sizeof *r->memo))
            return rt_pickle_no_memory(r);
        for (int64_t i = r->memos; i < room; i++)
            r->memo[i] = -1;
        r->memos = room;
    }
    r->memo[key] = r->stack[r->depth - 1];
    return RT_OK;
}

rt_status rt_pickle_get_memo(struct rt_pickle_reader *r, int64_t key)
{
    if (key < 0 || key >= r->memos || r->memo[key] < 0)
        return rt_pickle_wrong(r, "it asks for a value that was not kept");
    return rt_pickle_push(r, r->memo[key]);
}
