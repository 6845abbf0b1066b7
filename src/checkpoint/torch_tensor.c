/* torch_tensor.c - which numbers of which storage a tensor in a pickle is. */
#include "config.h"
#include "checkpoint/torch_file.h"

static size_t item_bytes(enum rt_pickle_name type)
{
    static const size_t bytes[] = {
        [RT_PICKLE_F32] = 4, [RT_PICKLE_F64] = 8,   [RT_PICKLE_F16] = 2, [RT_PICKLE_BF16] = 2,
        [RT_PICKLE_I64] = 8, [RT_PICKLE_I32] = 4,   [RT_PICKLE_I16] = 2, [RT_PICKLE_I8] = 1,
        [RT_PICKLE_U8] = 1,  [RT_PICKLE_BOOLS] = 1,
    };
    return bytes[type];
}

/* Sizes, and strides that fit them; false where a number is missing, below 0 or too large. */
static bool read_shape(struct rt_torch_tensor *t, const struct rt_pickle *p,
                       const struct rt_pickle_value *sizes, const struct rt_pickle_value *strides)
{
    const int64_t dims = rt_pickle_count(sizes);
    if (!rt_pickle_is(sizes, RT_PICKLE_TUPLE) || !rt_pickle_is(strides, RT_PICKLE_TUPLE) ||
        dims > (int64_t)(sizeof t->shape / sizeof *t->shape) || rt_pickle_count(strides) != dims)
        return false;
    t->dims = (int)dims;
    t->elements = 1;
    for (int d = t->dims - 1; d >= 0; d--) {
        int64_t stride;
        if (!rt_pickle_int(rt_pickle_at(p, sizes, d), &t->shape[d]) || t->shape[d] < 0 ||
            !rt_pickle_int(rt_pickle_at(p, strides, d), &stride) ||
            (t->shape[d] > 1 && stride != t->elements) ||
            __builtin_mul_overflow(t->elements, t->shape[d], &t->elements))
            return false;
    }
    return true;
}

/* Source: torch/_utils.py, _rebuild_tensor_v2(storage, storage_offset, size, stride, ...). */
rt_status rt_torch_tensor(struct rt_torch_tensor *tensor, const struct rt_pickle *p,
                          const struct rt_pickle_value *value, const char *file, const char *what,
                          struct rt_error *err)
{
    struct rt_torch_tensor t = { 0 };
    int64_t end;
    if (!rt_pickle_is(value, RT_PICKLE_TENSOR))
        return rt_fail(err, RT_ERR_FILE, "%.500s: %s is not there, or is no tensor", file, what);
    const struct rt_pickle_value *storage = rt_pickle_at(p, value, 0);
    if (!rt_pickle_is(storage, RT_PICKLE_STORAGE) || !rt_pickle_int(rt_pickle_at(p, value, 1), &t.offset) ||
        t.offset < 0 || !read_shape(&t, p, rt_pickle_at(p, value, 2), rt_pickle_at(p, value, 3)))
        return rt_fail(err, RT_ERR_FILE,
                       "%.500s: %s is no tensor that lies in its storage row by row without gaps", file, what);
    const struct rt_pickle_value *key = rt_pickle_at(p, storage, 2);
    t.key = key->text;
    t.key_bytes = key->bytes;
    t.type = rt_pickle_at(p, storage, 1)->name;
    t.item_bytes = item_bytes(t.type);
    t.stored = rt_pickle_at(p, storage, 4)->integer;
    if (__builtin_add_overflow(t.offset, t.elements, &end) || end > t.stored ||
        t.stored > INT64_MAX / (int64_t)t.item_bytes)
        return rt_fail(err, RT_ERR_FILE, "%.500s: %s goes beyond the end of its storage", file, what);
    *tensor = t;
    return RT_OK;
}
