/* pickle_names.c - names in a pickle, and what "calling" them comes to as data: nothing is called. */
#include "config.h"
#include "checkpoint/pickle_machine.h"

#include <string.h>

static const struct {
    const char *text;
    enum rt_pickle_name name;
} names[] = {
    { "torch FloatStorage", RT_PICKLE_F32 },
    { "torch DoubleStorage", RT_PICKLE_F64 },
    { "torch HalfStorage", RT_PICKLE_F16 },
    { "torch BFloat16Storage", RT_PICKLE_BF16 },
    { "torch LongStorage", RT_PICKLE_I64 },
    { "torch IntStorage", RT_PICKLE_I32 },
    { "torch ShortStorage", RT_PICKLE_I16 },
    { "torch CharStorage", RT_PICKLE_I8 },
    { "torch ByteStorage", RT_PICKLE_U8 },
    { "torch BoolStorage", RT_PICKLE_BOOLS },
    { "torch._utils _rebuild_tensor_v2", RT_PICKLE_REBUILD },
    { "collections OrderedDict", RT_PICKLE_ORDERED_DICT },
    { "numpy._core.multiarray _reconstruct", RT_PICKLE_ARRAY },
    { "numpy.core.multiarray _reconstruct", RT_PICKLE_ARRAY },
    { "numpy ndarray", RT_PICKLE_ARRAY_CLASS },
    { "numpy dtype", RT_PICKLE_DTYPE },
    { "_codecs encode", RT_PICKLE_ENCODE },
};

/* One line, without its end. */
static rt_status take_line(struct rt_pickle_reader *r, const char **text, size_t *length)
{
    const uint8_t *from = r->data + r->at, *end = memchr(from, '\n', r->bytes - r->at);
    if (end == NULL)
        return rt_pickle_wrong(r, "the file is cut short here");
    *text = (const char *)from;
    *length = (size_t)(end - from);
    r->at += *length + 1;
    return RT_OK;
}

rt_status rt_pickle_global(struct rt_pickle_reader *r)
{
    const char *module, *name;
    size_t m, n;
    RT_TRY(take_line(r, &module, &m));
    RT_TRY(take_line(r, &name, &n));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *known = names[i].text;
        if (strlen(known) == m + 1 + n && memcmp(known, module, m) == 0 && known[m] == ' ' &&
            memcmp(known + m + 1, name, n) == 0)
            return rt_pickle_push_new(
                r, (struct rt_pickle_value){ .kind = RT_PICKLE_GLOBAL, .name = names[i].name });
    }
    return rt_fail(r->err, RT_ERR_FILE,
                   "%.500s: data.pkl: byte %zu: names %.*s.%.*s, which no state of torch's AdamW, of a "
                   "schedule or of generators has; it was not called",
                   r->file, r->code_at, (int)(m < 100 ? m : 100), module, (int)(n < 100 ? n : 100), name);
}

/* torch's own kind of reference: ('storage', class, key, device, elements). */
rt_status rt_pickle_storage(struct rt_pickle_reader *r)
{
    RT_TRY(rt_pickle_need(r, 1));
    const struct rt_pickle_value *t = rt_pickle_top(r, 0), *class = rt_pickle_at(r->p, t, 1);
    int64_t elements;
    if (t->kind != RT_PICKLE_TUPLE || t->count != 5 || !rt_pickle_is(class, RT_PICKLE_GLOBAL) ||
        class->name >= RT_PICKLE_STORAGES || !rt_pickle_is(rt_pickle_at(r->p, t, 2), RT_PICKLE_TEXT) ||
        !rt_pickle_int(rt_pickle_at(r->p, t, 4), &elements) || elements < 0)
        return rt_pickle_wrong(r, "is no reference to numbers as torch.save writes it");
    struct rt_pickle_value made = *t;
    made.kind = RT_PICKLE_STORAGE;
    r->depth--;
    return rt_pickle_push_new(r, made);
}

/* A name "called" with a tuple: what the call would give, as data. */
rt_status rt_pickle_reduce(struct rt_pickle_reader *r)
{
    RT_TRY(rt_pickle_need(r, 2));
    const struct rt_pickle_value *args = rt_pickle_top(r, 0), *f = rt_pickle_top(r, 1);
    struct rt_pickle_value made = *args;
    if (f->kind != RT_PICKLE_GLOBAL || args->kind != RT_PICKLE_TUPLE)
        return rt_pickle_wrong(r, "calls what is no name");
    if (f->name == RT_PICKLE_ORDERED_DICT && args->count == 0)
        made = rt_pickle_empty(RT_PICKLE_DICT);
    else if (f->name == RT_PICKLE_REBUILD && args->count >= 6)
        made.kind = RT_PICKLE_TENSOR;
    else if (f->name == RT_PICKLE_ARRAY || f->name == RT_PICKLE_DTYPE || f->name == RT_PICKLE_ENCODE)
        made = (struct rt_pickle_value){ .kind = RT_PICKLE_OPAQUE };
    else
        return rt_pickle_wrong(r, "calls a name in a way that torch.save does not");
    r->depth -= 2;
    return rt_pickle_push_new(r, made);
}

/* The state of an object: of those that nothing looks into. */
rt_status rt_pickle_build(struct rt_pickle_reader *r)
{
    RT_TRY(rt_pickle_need(r, 2));
    if (rt_pickle_top(r, 1)->kind != RT_PICKLE_OPAQUE)
        return rt_pickle_wrong(r, "sets the state of what has none");
    r->depth--;
    return RT_OK;
}
