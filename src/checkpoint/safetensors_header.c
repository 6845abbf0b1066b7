/* safetensors_header.c - a safetensors header read and checked whole: types, shapes, no hole, no overlap,
 * nothing beyond the end. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORD = 8 }; /* bytes before the header: its length, the lowest byte first */

static const struct {
    const char *name;
    int bits;
    enum rt_file_dtype dtype;
} dtypes[] = {
    { "F32", 32, RT_FILE_F32 },      { "BF16", 16, RT_FILE_BF16 },    { "F16", 16, RT_FILE_F16 },
    { "F64", 64, RT_FILE_OTHER },    { "I64", 64, RT_FILE_OTHER },    { "U64", 64, RT_FILE_OTHER },
    { "C64", 64, RT_FILE_OTHER },    { "I32", 32, RT_FILE_OTHER },    { "U32", 32, RT_FILE_OTHER },
    { "I16", 16, RT_FILE_OTHER },    { "U16", 16, RT_FILE_OTHER },    { "I8", 8, RT_FILE_OTHER },
    { "U8", 8, RT_FILE_OTHER },      { "BOOL", 8, RT_FILE_OTHER },    { "F8_E4M3", 8, RT_FILE_OTHER },
    { "F8_E5M2", 8, RT_FILE_OTHER }, { "F8_E8M0", 8, RT_FILE_OTHER }, { "F6_E2M3", 6, RT_FILE_OTHER },
    { "F6_E3M2", 6, RT_FILE_OTHER }, { "F4", 4, RT_FILE_OTHER },
};

struct where { /* what a message needs */
    const char *file, *name;
    struct rt_error *err;
};

static rt_status wrong(const struct where *w, const char *what)
{
    return rt_fail(w->err, RT_ERR_FILE, "%.500s: tensor %.300s: %s", w->file, w->name, what);
}

static rt_status read_dtype(const struct where *w, const json_t *value, struct rt_st_tensor *t, int *bits)
{
    const char *name = json_string_value(value);
    if (name == NULL)
        return wrong(w, "dtype is not a string");
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            t->dtype = dtypes[i].dtype;
            t->dtype_name = dtypes[i].name;
            *bits = dtypes[i].bits;
            return RT_OK;
        }
    return rt_fail(w->err, RT_ERR_FILE, "%.500s: tensor %.300s: dtype \"%.40s\" is not known", w->file, w->name,
                   name);
}

static rt_status read_shape(const struct where *w, const json_t *value, struct rt_st_tensor *t)
{
    const size_t dims = json_array_size(value);
    if (!json_is_array(value))
        return wrong(w, "shape is not a list");
    if (dims > sizeof t->shape / sizeof *t->shape)
        return wrong(w, "shape has more than 8 dimensions");
    t->dims = (int)dims;
    t->elements = 1;
    for (size_t d = 0; d < dims; d++) {
        const json_t *size = json_array_get(value, d);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return wrong(w, "shape has an entry that is not a whole number from 0 up");
        t->shape[d] = json_integer_value(size);
        if (__builtin_mul_overflow(t->elements, t->shape[d], &t->elements))
            return wrong(w, "shape has more elements than 63 bits count");
    }
    return RT_OK;
}

static rt_status read_place(const struct where *w, const json_t *value, int bits, uint64_t data_bytes,
                            struct rt_st_tensor *t)
{
    const json_t *first = json_array_get(value, 0), *last = json_array_get(value, 1);
    int64_t all_bits;
    if (json_array_size(value) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return wrong(w, "data_offsets is not a pair of whole numbers");
    const int64_t from = json_integer_value(first), to = json_integer_value(last);
    if (from < 0 || to < from)
        return wrong(w, "data_offsets do not run from a lower to a higher byte");
    if ((uint64_t)to > data_bytes)
        return rt_fail(w->err, RT_ERR_FILE,
                       "%.500s: tensor %.300s: data_offsets end at byte %lld of %llu; is the file cut short?",
                       w->file, w->name, (long long)to, (unsigned long long)data_bytes);
    if (__builtin_mul_overflow(t->elements, (int64_t)bits, &all_bits) || all_bits % 8 != 0 ||
        all_bits / 8 != to - from)
        return rt_fail(w->err, RT_ERR_FILE,
                       "%.500s: tensor %.300s: %lld elements of %s do not fill data_offsets of %lld bytes",
                       w->file, w->name, (long long)t->elements, t->dtype_name, (long long)(to - from));
    t->offset = (uint64_t)from;
    t->bytes = (size_t)(to - from);
    return RT_OK;
}

static int by_place(const void *x, const void *y)
{
    const struct rt_st_tensor *a = x, *b = y;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Tensors tile the data: each begins where the one before ended, the last ends with the file. */
static rt_status check_tiling(const char *file, struct rt_st_tensor *tensors, int64_t count,
                              uint64_t data_bytes, struct rt_error *err)
{
    uint64_t end = 0;
    qsort(tensors, (size_t)count, sizeof *tensors, by_place);
    for (int64_t i = 0; i < count; i++) {
        const struct where w = { file, tensors[i].name, err };
        if (tensors[i].offset < end)
            return wrong(&w, "overlaps the tensor before it");
        if (tensors[i].offset > end)
            return wrong(&w, "leaves a hole in front of it");
        end += tensors[i].bytes;
    }
    if (end != data_bytes)
        return rt_fail(err, RT_ERR_FILE, "%.500s: tensors end at byte %llu of %llu; the rest belongs to none",
                       file, (unsigned long long)end, (unsigned long long)data_bytes);
    return RT_OK;
}

static rt_status fail_memory(const char *file, struct rt_error *err)
{
    return rt_fail(err, RT_ERR_MEMORY, "%.500s: no memory for its header", file);
}

static rt_status read_entry(const struct where *w, const json_t *info, uint64_t data_bytes,
                            struct rt_st_tensor *t)
{
    int bits = 0;
    if (!json_is_object(info))
        return wrong(w, "its entry is not an object");
    RT_TRY(read_dtype(w, json_object_get(info, "dtype"), t, &bits));
    RT_TRY(read_shape(w, json_object_get(info, "shape"), t));
    RT_TRY(read_place(w, json_object_get(info, "data_offsets"), bits, data_bytes, t));
    t->name = strdup(w->name);
    return t->name != NULL ? RT_OK : fail_memory(w->file, w->err);
}

/* The JSON of a header whose data begins at byte data_at of the file and is data_bytes long. */
static rt_status parse(const char *json, size_t json_bytes, uint64_t data_at, uint64_t data_bytes,
                       const char *file, struct rt_st_tensor **tensors, int64_t *count, struct rt_error *err)
{
    rt_status st = RT_OK;
    json_error_t at;
    struct rt_st_tensor *table = NULL;
    int64_t n = 0;
    json_t *root = json_loadb(json, json_bytes, JSON_REJECT_DUPLICATES, &at), *info;
    const char *name;
    if (root == NULL)
        return rt_fail(err, RT_ERR_FILE, "%.500s: header: byte %d: %s", file, at.position, at.text);
    if (!json_is_object(root)) {
        st = rt_fail(err, RT_ERR_FILE, "%.500s: header is not a JSON object", file);
        goto free_root;
    }
    table = calloc(json_object_size(root) + 1, sizeof *table);
    if (table == NULL) {
        st = fail_memory(file, err);
        goto free_root;
    }
    json_object_foreach (root, name, info) {
        const struct where w = { file, name, err };
        if (strcmp(name, "__metadata__") == 0)
            continue;
        RT_TRY_TO(st, read_entry(&w, info, data_bytes, &table[n]), free_table);
        n++;
    }
    RT_TRY_TO(st, check_tiling(file, table, n, data_bytes, err), free_table);
    for (int64_t i = 0; i < n; i++)
        table[i].offset += data_at;
    *tensors = table;
    *count = n;
    goto free_root;
free_table:
    rt_st_free(table, n);
free_root:
    json_decref(root);
    return st;
}

/* The JSON of an open file's header, malloc'ed: n bytes behind the word that says so. */
static rt_status read_header(int fd, const char *path, uint64_t size, char **json, uint64_t *n,
                             struct rt_error *err)
{
    unsigned char word[WORD];
    if (size < sizeof word)
        return rt_fail(err, RT_ERR_FILE, "%s: %llu bytes are too few for a safetensors file", path,
                       (unsigned long long)size);
    RT_TRY(rt_file_read(fd, path, 0, word, sizeof word, err));
    *n = 0;
    for (int i = WORD - 1; i >= 0; i--)
        *n = *n << 8 | word[i];
    if (*n > RT_ST_HEADER_MAX || *n > size - sizeof word)
        return rt_fail(err, RT_ERR_FILE, "%s: header of %llu bytes in a file of %llu (at most %d are read)",
                       path, (unsigned long long)*n, (unsigned long long)size, RT_ST_HEADER_MAX);
    char *text = malloc((size_t)*n + 1);
    if (text == NULL)
        return fail_memory(path, err);
    const rt_status st = rt_file_read(fd, path, sizeof word, text, (size_t)*n, err);
    if (st == RT_OK)
        *json = text;
    else
        free(text);
    return st;
}

rt_status rt_st_load(const char *path, uint64_t *size, struct rt_st_tensor **tensors, int64_t *count,
                     struct rt_error *err)
{
    char *json = NULL;
    uint64_t n = 0;
    int fd;
    RT_TRY(rt_file_open(&fd, size, path, err));
    rt_status st = read_header(fd, path, *size, &json, &n, err);
    if (st == RT_OK)
        st = parse(json, (size_t)n, WORD + n, *size - WORD - n, path, tensors, count, err);
    free(json);
    close(fd);
    return st;
}

void rt_st_free(struct rt_st_tensor *tensors, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        free((char *)tensors[i].name);
    free(tensors);
}
