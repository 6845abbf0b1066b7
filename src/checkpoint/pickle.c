/* pickle.c - the machine that a pickle is a program for, as far as torch.save uses it: it makes values and
 * calls nothing. */
#include "config.h"
#include "checkpoint/pickle_machine.h"

#include <stdlib.h>
#include <string.h>

/* Protocol 2's codes that torch.save writes; every other one is refused. */
enum code {
    MARK = '(',
    STOP = '.',
    NONE = 'N',
    NEWTRUE = 0x88,
    NEWFALSE = 0x89,
    BININT = 'J',
    BININT1 = 'K',
    BININT2 = 'M',
    LONG1 = 0x8a,
    BINFLOAT = 'G',
    BINUNICODE = 'X',
    EMPTY_LIST = ']',
    APPEND = 'a',
    APPENDS = 'e',
    EMPTY_TUPLE = ')',
    TUPLE = 't',
    TUPLE1 = 0x85,
    TUPLE2 = 0x86,
    TUPLE3 = 0x87,
    EMPTY_DICT = '}',
    SETITEM = 's',
    SETITEMS = 'u',
    BINPUT = 'q',
    LONG_BINPUT = 'r',
    BINGET = 'h',
    LONG_BINGET = 'j',
    GLOBAL = 'c',
    REDUCE = 'R',
    BUILD = 'b',
    BINPERSID = 'Q',
    PROTO = 0x80
};

/* A number of up to 8 bytes, least first; as it is, or with the highest bit as its sign. */
static rt_status take_number(struct rt_pickle_reader *r, size_t count, bool has_sign, int64_t *x)
{
    const uint8_t *from = NULL;
    uint64_t bits = 0;
    RT_TRY(rt_pickle_take(r, count, &from));
    for (size_t i = 0; i < count; i++)
        bits |= (uint64_t)from[i] << 8 * i;
    if (has_sign && count > 0 && count < 8 && from[count - 1] >= 0x80)
        bits |= ~(uint64_t)0 << 8 * count;
    *x = (int64_t)bits;
    return RT_OK;
}

static rt_status text(struct rt_pickle_reader *r)
{
    int64_t bytes;
    const uint8_t *from = NULL;
    RT_TRY(take_number(r, 4, false, &bytes));
    RT_TRY(rt_pickle_take(r, (size_t)bytes, &from));
    struct rt_pickle_value made = { .kind = RT_PICKLE_TEXT };
    made.text = (const char *)from;
    made.bytes = (size_t)bytes;
    return rt_pickle_push_new(r, made);
}

static rt_status integer(struct rt_pickle_reader *r, size_t bytes, bool has_sign)
{
    struct rt_pickle_value made = { .kind = RT_PICKLE_INT };
    RT_TRY(take_number(r, bytes, has_sign, &made.integer));
    return rt_pickle_push_new(r, made);
}

static rt_status long_integer(struct rt_pickle_reader *r)
{
    int64_t bytes;
    RT_TRY(take_number(r, 1, false, &bytes));
    return bytes <= 8 ? integer(r, (size_t)bytes, true)
                      : rt_pickle_wrong(r, "has a number of more than 64 bits");
}

static rt_status real(struct rt_pickle_reader *r)
{
    const uint8_t *from = NULL;
    uint64_t bits = 0;
    RT_TRY(rt_pickle_take(r, 8, &from));
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | from[i];
    struct rt_pickle_value made = { .kind = RT_PICKLE_REAL };
    memcpy(&made.real, &bits, sizeof made.real);
    return rt_pickle_push_new(r, made);
}

static rt_status protocol(struct rt_pickle_reader *r)
{
    int64_t version;
    RT_TRY(take_number(r, 1, false, &version));
    return version == 2 ? RT_OK
                        : rt_pickle_wrong(r, "is a pickle of another protocol than 2, which torch.save writes");
}

static rt_status memo_of(struct rt_pickle_reader *r, size_t bytes, bool put)
{
    int64_t key;
    RT_TRY(take_number(r, bytes, false, &key));
    return put ? rt_pickle_put_memo(r, key) : rt_pickle_get_memo(r, key);
}

/* What works on all values above the last mark. */
static rt_status with_mark(struct rt_pickle_reader *r, uint8_t code)
{
    int64_t first = 0;
    RT_TRY(rt_pickle_pop_mark(r, &first));
    return code == TUPLE     ? rt_pickle_make_tuple(r, first)
           : code == APPENDS ? rt_pickle_extend(r, first)
                             : rt_pickle_set_items(r, first);
}

static rt_status step(struct rt_pickle_reader *r, uint8_t code)
{
    switch (code) {
    case PROTO: return protocol(r);
    case MARK: return rt_pickle_mark(r);
    case NONE: return rt_pickle_push_new(r, (struct rt_pickle_value){ .kind = RT_PICKLE_NONE });
    case NEWTRUE:
        return rt_pickle_push_new(r, (struct rt_pickle_value){ .kind = RT_PICKLE_BOOL, .integer = 1 });
    case NEWFALSE: return rt_pickle_push_new(r, (struct rt_pickle_value){ .kind = RT_PICKLE_BOOL });
    case BININT: return integer(r, 4, true);
    case BININT1: return integer(r, 1, false);
    case BININT2: return integer(r, 2, false);
    case LONG1: return long_integer(r);
    case BINFLOAT: return real(r);
    case BINUNICODE: return text(r);
    case EMPTY_LIST: return rt_pickle_push_new(r, rt_pickle_empty(RT_PICKLE_LIST));
    case EMPTY_DICT: return rt_pickle_push_new(r, rt_pickle_empty(RT_PICKLE_DICT));
    case EMPTY_TUPLE: return rt_pickle_tuple(r, 0);
    case TUPLE1: return rt_pickle_tuple(r, 1);
    case TUPLE2: return rt_pickle_tuple(r, 2);
    case TUPLE3: return rt_pickle_tuple(r, 3);
    case APPEND: RT_TRY(rt_pickle_need(r, 2)); return rt_pickle_extend(r, r->depth - 1);
    case SETITEM: RT_TRY(rt_pickle_need(r, 3)); return rt_pickle_set_items(r, r->depth - 2);
    case TUPLE:
    case APPENDS:
    case SETITEMS: return with_mark(r, code);
    case BINPUT: return memo_of(r, 1, true);
    case LONG_BINPUT: return memo_of(r, 4, true);
    case BINGET: return memo_of(r, 1, false);
    case LONG_BINGET: return memo_of(r, 4, false);
    case GLOBAL: return rt_pickle_global(r);
    case REDUCE: return rt_pickle_reduce(r);
    case BUILD: return rt_pickle_build(r);
    case BINPERSID: return rt_pickle_storage(r);
    default:
        return rt_fail(r->err, RT_ERR_FILE,
                       "%.500s: data.pkl: byte %zu: code 0x%02x, which torch.save does not write", r->file,
                       r->code_at, code);
    }
}

static rt_status run(struct rt_pickle_reader *r)
{
    for (;;) {
        const uint8_t *code = NULL;
        r->code_at = r->at;
        RT_TRY(rt_pickle_take(r, 1, &code));
        if (*code == STOP)
            break;
        RT_TRY(step(r, *code));
    }
    if (r->depth != 1 || r->marks != 0)
        return rt_pickle_wrong(r, "ends with more or less than one value");
    r->p->root = r->stack[0];
    return r->at == r->bytes ? RT_OK : rt_pickle_wrong(r, "something stands behind its end");
}

rt_status rt_pickle_read(struct rt_pickle **pickle, const char *file, const void *data, size_t bytes,
                         struct rt_error *err)
{
    struct rt_pickle_reader r = { .file = file, .data = data, .bytes = bytes, .err = err };
    if (bytes > RT_PICKLE_MAX)
        return rt_fail(err, RT_ERR_FILE, "%.500s: data.pkl: %zu bytes, more than the %d that are read", file,
                       bytes, RT_PICKLE_MAX);
    r.p = calloc(1, sizeof *r.p);
    const rt_status st = r.p == NULL ? rt_pickle_no_memory(&r) : run(&r);
    free(r.stack);
    free(r.memo);
    free(r.mark);
    if (st == RT_OK)
        *pickle = r.p;
    else
        rt_pickle_free(r.p);
    return st;
}
