/* safetensors_write.c - a safetensors file in the very layout of the stock writer. */
#include "config.h"
#include "base/file.h"
#include "base/pyjson.h"
#include "checkpoint/safetensors.h"

#include <stdlib.h>
#include <string.h>

static size_t item_bytes(enum rt_file_dtype dtype)
{
    return dtype == RT_FILE_F32 ? 4 : 2;
}

/* The stock writer's order: its own list of types from the last to the first, then names by byte. */
static int stock_order(const void *x, const void *y)
{
    const struct rt_out_tensor *a = *(const struct rt_out_tensor *const *)x;
    const struct rt_out_tensor *b = *(const struct rt_out_tensor *const *)y;
    if (a->dtype != b->dtype) /* F32, BF16, F16: the order of enum rt_file_dtype */
        return a->dtype < b->dtype ? -1 : 1;
    return strcmp(a->name, b->name);
}

static rt_status tensor_bytes(const char *path, const struct rt_out_tensor *t, size_t *bytes,
                              struct rt_error *err)
{
    size_t n;
    if (t->dtype == RT_FILE_OTHER || t->dims < 0 || t->dims > 8)
        return rt_fail(err, RT_ERR_INTERNAL, "%s: tensor %s: type or dimensions that cannot be written", path,
                       t->name);
    n = item_bytes(t->dtype);
    for (int d = 0; d < t->dims; d++)
        if (t->shape[d] < 0 || __builtin_mul_overflow(n, (size_t)t->shape[d], &n))
            return rt_fail(err, RT_ERR_INTERNAL, "%s: tensor %s: shape that cannot be written", path, t->name);
    *bytes = n;
    return RT_OK;
}

static void put_tensor(FILE *out, const struct rt_out_tensor *t, uint64_t from, uint64_t to)
{
    static const char *const name[] = { [RT_FILE_F32] = "F32", [RT_FILE_BF16] = "BF16", [RT_FILE_F16] = "F16" };
    rt_pyjson_quote(out, t->name, strlen(t->name), true);
    fprintf(out, ":{\"dtype\":\"%s\",\"shape\":[", name[t->dtype]);
    for (int d = 0; d < t->dims; d++)
        fprintf(out, "%s%lld", d > 0 ? "," : "", (long long)t->shape[d]);
    fprintf(out, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)from, (unsigned long long)to);
}

/* parts[0] = length and header (malloc'ed), parts[1 + i] = data of the i-th tensor in order. */
static rt_status lay_out(const char *path, const struct rt_out_tensor **order, int64_t count,
                         struct rt_file_part *parts, struct rt_error *err)
{
    char *head = NULL;
    size_t head_bytes = 0;
    uint64_t at = 0;
    FILE *out = open_memstream(&head, &head_bytes);
    if (out == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its header", path);
    fputs("12345678{\"__metadata__\":{\"format\":\"pt\"}", out); /* the length goes over the digits */
    for (int64_t i = 0; i < count; i++) {
        putc(',', out);
        put_tensor(out, order[i], at, at + parts[1 + i].bytes);
        at += parts[1 + i].bytes;
    }
    putc('}', out);
    while (ftell(out) % 8 != 0 && !ferror(out))
        putc(' ', out);
    const int failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(head);
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its header", path);
    }
    uint64_t n = head_bytes - 8;
    if (n > RT_ST_HEADER_MAX) {
        free(head);
        return rt_fail(err, RT_ERR_INTERNAL, "%s: header of %llu bytes, more than readers take", path,
                       (unsigned long long)n);
    }
    for (int i = 0; i < 8; i++, n >>= 8)
        head[i] = (char)(n & 0xff);
    parts[0] = (struct rt_file_part){ head, head_bytes };
    return RT_OK;
}

rt_status rt_safetensors_write(const char *path, const struct rt_out_tensor *tensors, int64_t count,
                               struct rt_error *err)
{
    rt_status st = RT_OK;
    const struct rt_out_tensor **order = malloc((size_t)(count + 1) * sizeof(struct rt_out_tensor *));
    struct rt_file_part *parts = calloc((size_t)count + 1, sizeof *parts);
    if (order == NULL || parts == NULL) {
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its table of tensors", path);
        goto done;
    }
    for (int64_t i = 0; i < count; i++)
        order[i] = &tensors[i];
    qsort(order, (size_t)count, sizeof *order, stock_order);
    for (int64_t i = 0; i < count; i++) {
        parts[1 + i].data = order[i]->data;
        RT_TRY_TO(st, tensor_bytes(path, order[i], &parts[1 + i].bytes, err), done);
        if (i > 0 && stock_order(&order[i - 1], &order[i]) == 0) {
            st = rt_fail(err, RT_ERR_INTERNAL, "%s: tensor %s comes twice", path, order[i]->name);
            goto done;
        }
    }
    RT_TRY_TO(st, lay_out(path, order, count, parts, err), done);
    st = rt_file_write(path, parts, count + 1, err);
    free((char *)parts[0].data);
done:
    free(parts);
    free(order);
    return st;
}
