/*
 * pickle.h - a Python pickle read as data: private to this folder.
 *
 * Only what torch.save writes for state dicts and generators is known: plain values, containers, tensors, and a
 * few objects (numpy's arrays, bytes) that nothing here looks into. Nothing is ever called: a name in the file
 * is compared with a list, and one that is not on it is refused. What is made takes memory in proportion to the
 * file, and a container may hold itself, so nothing walks through one without counting.
 */
#ifndef RT_CHECKPOINT_PICKLE_H
#define RT_CHECKPOINT_PICKLE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RT_PICKLE_MAX = 16 << 20 }; /* bytes; the names and shapes of a 72B model's adapter take 2 MB */

enum rt_pickle_kind {
    RT_PICKLE_NONE,
    RT_PICKLE_BOOL,
    RT_PICKLE_INT,
    RT_PICKLE_REAL,
    RT_PICKLE_TEXT,
    RT_PICKLE_LIST,
    RT_PICKLE_TUPLE,
    RT_PICKLE_DICT,
    RT_PICKLE_GLOBAL,
    RT_PICKLE_STORAGE, /* items: what torch's persistent id has */
    RT_PICKLE_TENSOR,  /* items: the arguments of torch._utils._rebuild_tensor_v2 */
    RT_PICKLE_OPAQUE
};

/* Names that may stand in a file. */
enum rt_pickle_name {
    RT_PICKLE_F32,
    RT_PICKLE_F64,
    RT_PICKLE_F16,
    RT_PICKLE_BF16,
    RT_PICKLE_I64,
    RT_PICKLE_I32,
    RT_PICKLE_I16,
    RT_PICKLE_I8,
    RT_PICKLE_U8,
    RT_PICKLE_BOOLS,
    RT_PICKLE_STORAGES, /* the ones above are classes of torch's storages */
    RT_PICKLE_REBUILD = RT_PICKLE_STORAGES,
    RT_PICKLE_ORDERED_DICT,
    RT_PICKLE_ARRAY, /* from here on: objects that are opaque */
    RT_PICKLE_ARRAY_CLASS,
    RT_PICKLE_DTYPE,
    RT_PICKLE_ENCODE
};

struct rt_pickle_value {
    enum rt_pickle_kind kind;
    union {
        int64_t integer; /* BOOL, INT */
        double real;
        enum rt_pickle_name name;
        struct {
            const char *text; /* in the pickle's own bytes; UTF-8 unless they are damaged; no NUL behind it */
            size_t bytes;
        };
        struct {
            int32_t first, last, count; /* cells */
        };
    };
};

struct rt_pickle;

/* data[bytes], which must outlive the result. `file` is for messages. Fails: RT_ERR_FILE "file: byte N: ...",
 * RT_ERR_MEMORY. */
rt_status rt_pickle_read(struct rt_pickle **pickle, const char *file, const void *data, size_t bytes,
                         struct rt_error *err);
void rt_pickle_free(struct rt_pickle *pickle);
const struct rt_pickle_value *rt_pickle_root(const struct rt_pickle *pickle);

/* NULL where there is no such thing, or the value is NULL or not of a kind that has such things. */
const struct rt_pickle_value *rt_pickle_key(const struct rt_pickle *pickle, const struct rt_pickle_value *dict,
                                            const char *key);
const struct rt_pickle_value *rt_pickle_key_of(const struct rt_pickle *pickle,
                                               const struct rt_pickle_value *dict, int64_t key);
const struct rt_pickle_value *rt_pickle_at(const struct rt_pickle *pickle, const struct rt_pickle_value *items,
                                           int64_t i);
/* Items of a container, 0 for anything else. */
int64_t rt_pickle_count(const struct rt_pickle_value *value);
bool rt_pickle_is(const struct rt_pickle_value *value, enum rt_pickle_kind kind);
/* A number of either kind; false for anything else. */
bool rt_pickle_real(const struct rt_pickle_value *value, double *x);
bool rt_pickle_int(const struct rt_pickle_value *value, int64_t *x);

#endif
