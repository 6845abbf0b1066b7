/* pickle_machine.h - a pickle while it is read: its values, and the machine that makes them. Private to
 * pickle*.c. */
#ifndef RT_CHECKPOINT_PICKLE_MACHINE_H
#define RT_CHECKPOINT_PICKLE_MACHINE_H

#include "checkpoint/pickle.h"

/* Values and cells are numbers into tables that grow; cells chain the items of a container. */
struct rt_pickle {
    struct rt_pickle_value *value;
    struct rt_pickle_cell {
        int32_t key, value, next; /* key: -1 but in a dict; next: -1 for the last one */
    } * cell;
    int64_t values, value_room, cells, cell_room;
    int32_t root;
};

/* pickle_values.c. A value more, and an item more at the end of a container. Fail with false: no memory. */
bool rt_pickle_add(struct rt_pickle *p, struct rt_pickle_value value, int32_t *made);
bool rt_pickle_append(struct rt_pickle *p, int32_t container, int32_t key, int32_t value);
/* Room for one element more than `used` in a table that has room for *room of them. */
bool rt_pickle_grow(void *table, int64_t *room, int64_t used, size_t element_bytes);

static inline struct rt_pickle_value rt_pickle_empty(enum rt_pickle_kind kind)
{
    return (struct rt_pickle_value){ .kind = kind, .first = -1, .last = -1 };
}

struct rt_pickle_reader {
    struct rt_pickle *p;
    const char *file;
    const uint8_t *data;
    size_t bytes, at, code_at; /* read next; of the code under way */
    int32_t *stack, *memo;     /* of values; memo: -1 where nothing was put */
    int64_t *mark;             /* heights of the stack */
    int64_t depth, stack_room, marks, mark_room, memos;
    struct rt_error *err;
};

/* pickle_stack.c. Values above the last mark are those that codes may take; all fail with RT_ERR_FILE (the file
 * asks for what is not there) or RT_ERR_MEMORY. wrong: the message, with file and byte. take: the next bytes.
 */
rt_status rt_pickle_wrong(const struct rt_pickle_reader *r, const char *what);
rt_status rt_pickle_no_memory(const struct rt_pickle_reader *r);
rt_status rt_pickle_take(struct rt_pickle_reader *r, size_t count, const uint8_t **bytes);
rt_status rt_pickle_push(struct rt_pickle_reader *r, int32_t value);
rt_status rt_pickle_push_new(struct rt_pickle_reader *r, struct rt_pickle_value value);
/* Fails where fewer than `count` are there to take. The one that stands `down` below the top. */
rt_status rt_pickle_need(const struct rt_pickle_reader *r, int64_t count);
struct rt_pickle_value *rt_pickle_top(const struct rt_pickle_reader *r, int64_t down);
/* pop_mark: *first is where the values above the mark begin on the stack. make_tuple, extend, set_items take
 * those from `first` on, into a new tuple or into the list or dict below them; tuple: the last `count`. */
rt_status rt_pickle_mark(struct rt_pickle_reader *r);
rt_status rt_pickle_pop_mark(struct rt_pickle_reader *r, int64_t *first);
rt_status rt_pickle_make_tuple(struct rt_pickle_reader *r, int64_t first);
rt_status rt_pickle_tuple(struct rt_pickle_reader *r, int64_t count);
rt_status rt_pickle_extend(struct rt_pickle_reader *r, int64_t first);
rt_status rt_pickle_set_items(struct rt_pickle_reader *r, int64_t first);
/* The value on top is kept under a key; what is kept is put on top. */
rt_status rt_pickle_put_memo(struct rt_pickle_reader *r, int64_t key);
rt_status rt_pickle_get_memo(struct rt_pickle_reader *r, int64_t key);

/* pickle_names.c. A name of the list; torch's reference to a storage; a name "called" with a tuple; the state
 * of an object. Fail likewise. */
rt_status rt_pickle_global(struct rt_pickle_reader *r);
rt_status rt_pickle_storage(struct rt_pickle_reader *r);
rt_status rt_pickle_reduce(struct rt_pickle_reader *r);
rt_status rt_pickle_build(struct rt_pickle_reader *r);

#endif
