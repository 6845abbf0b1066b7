/* peft_read.c - an adapter read from its folder: pairs of A and B by module, as float. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/peft.h"

#include <stdlib.h>
#include <string.h>

struct piece {    /* one tensor of the file */
    char *module; /* new name */
    char *stored; /* as the file spells it */
    char half;    /* 'A' or 'B' */
    const struct rt_st_tensor *tensor;
};

struct rt_peft_in {
    json_t *config;
    struct rt_peft peft;
    struct rt_safetensors *st;
    struct piece *piece; /* [2 * modules], by module, A first */
    int64_t pieces;
    float *values; /* every A and B one after the other */
};

static const char prefix[] = "base_model.model.";

/* base_model.model.MODULE.lora_A[.default].weight into module and half; false when it is nothing of the kind.
 */
static bool split_name(const char *name, size_t *length, char *half)
{
    static const char *const ends[] = { ".weight", ".default.weight" };
    const size_t all = strlen(name);
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        const size_t tail = strlen(ends[i]) + 7; /* ".lora_A" in front of it */
        if (all <= tail + sizeof prefix - 1 || strcmp(name + all - strlen(ends[i]), ends[i]) != 0)
            continue;
        const char *mark = name + all - tail;
        if (strncmp(mark, ".lora_", 6) == 0 && (mark[6] == 'A' || mark[6] == 'B')) {
            *length = (size_t)(mark - name) - (sizeof prefix - 1);
            *half = mark[6];
            return true;
        }
    }
    return false;
}

static rt_status fill_piece(const char *path, const struct rt_st_tensor *t, struct piece *piece,
                            struct rt_error *err)
{
    size_t length;
    if (!split_name(t->name, &length, &piece->half))
        return rt_fail(
            err, RT_ERR_FILE,
            "%.500s: tensor %.300s: only base_model.model.<module>.lora_A.weight and .lora_B.weight are "
            "supported; merge the adapter into its model with PEFT (merge_and_unload)",
            path, t->name);
    if (t->dtype == RT_FILE_OTHER)
        return rt_fail(err, RT_ERR_FILE, "%.500s: tensor %.300s: is %s; F32, BF16 and F16 are read", path,
                       t->name, t->dtype_name);
    if (t->dims != 2 || t->elements == 0)
        return rt_fail(err, RT_ERR_FILE, "%.500s: tensor %.300s: is not a matrix", path, t->name);
    piece->tensor = t;
    RT_TRY(rt_file_path(&piece->stored, err, "%.*s", (int)length, t->name + sizeof prefix - 1));
    return rt_peft_new_name(t->name + sizeof prefix - 1, length, &piece->module, err);
}

static int by_module(const void *x, const void *y)
{
    const struct piece *a = x, *b = y;
    const int order = strcmp(a->module, b->module);
    return order != 0 ? order : (a->half > b->half) - (a->half < b->half);
}

static bool targeted(const json_t *targets, const struct piece *piece)
{
    if (!json_is_array(targets))
        return true; /* a pattern: the tensors themselves say which modules */
    for (size_t i = 0; i < json_array_size(targets); i++) {
        const char *entry = json_string_value(json_array_get(targets, i));
        if (rt_peft_ends(piece->stored, entry) || rt_peft_ends(piece->module, entry))
            return true;
    }
    return false;
}

/* A [r, in] and B [out, r] of one module, listed in target_modules. */
static rt_status check_pair(const char *path, const struct rt_peft_in *in, const struct piece *a,
                            struct rt_error *err)
{
    const struct piece *b = a + 1;
    const long long r = in->peft.r;
    if (b == in->piece + in->pieces || strcmp(a->module, b->module) != 0)
        return rt_fail(err, RT_ERR_FILE, "%.500s: module %.300s: has lora_%c but no lora_%c", path, a->stored,
                       a->half, a->half == 'A' ? 'B' : 'A');
    if (a->half == b->half)
        return rt_fail(err, RT_ERR_FILE, "%.500s: module %.300s: has lora_%c twice (%.300s, %.300s)", path,
                       a->stored, a->half, a->tensor->name, b->tensor->name);
    if (a->tensor->shape[0] != r || b->tensor->shape[1] != r)
        return rt_fail(
            err, RT_ERR_FILE,
            "%.500s: module %.300s: lora_A is [%lld, %lld] and lora_B [%lld, %lld], but adapter_config.json "
            "says r is %lld",
            path, a->stored, (long long)a->tensor->shape[0], (long long)a->tensor->shape[1],
            (long long)b->tensor->shape[0], (long long)b->tensor->shape[1], r);
    if (!targeted(json_object_get(in->config, "target_modules"), a))
        return rt_fail(err, RT_ERR_FILE,
                       "%.500s: module %.300s: target_modules of adapter_config.json do not name it", path,
                       a->stored);
    return RT_OK;
}

static rt_status sort_pieces(const char *path, struct rt_peft_in *in, struct rt_error *err)
{
    const int64_t count = rt_safetensors_count(in->st);
    in->piece = calloc((size_t)count + 1, sizeof *in->piece);
    if (in->piece == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%.500s: no memory for its table of tensors", path);
    in->pieces = count;
    for (int64_t i = 0; i < count; i++)
        RT_TRY(fill_piece(path, rt_safetensors_tensor(in->st, i), &in->piece[i], err));
    if (count == 0)
        return rt_fail(err, RT_ERR_FILE, "%.500s: holds no tensor", path);
    qsort(in->piece, (size_t)count, sizeof *in->piece, by_module);
    for (int64_t i = 0; i < count; i += 2)
        RT_TRY(check_pair(path, in, &in->piece[i], err));
    return RT_OK;
}

static rt_status read_matrix(struct rt_peft_in *in, const struct rt_st_tensor *t, float *to,
                             struct rt_error *err)
{
    if (t->dtype == RT_FILE_F32)
        return rt_safetensors_read(in->st, t, 0, t->bytes, to, err);
    void *raw = malloc(t->bytes);
    if (raw == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "tensor %.300s: no memory for its %zu bytes", t->name, t->bytes);
    const rt_status st = rt_safetensors_read(in->st, t, 0, t->bytes, raw, err);
    if (st == RT_OK)
        rt_file_to_f32(to, raw, t->dtype, t->elements);
    free(raw);
    return st;
}

static rt_status read_values(const char *path, struct rt_peft_in *in, struct rt_error *err)
{
    struct rt_peft *p = &in->peft;
    const size_t n = (size_t)(in->pieces / 2);
    size_t elements = 0;
    for (int64_t i = 0; i < in->pieces; i++)
        elements += (size_t)in->piece[i].tensor->elements;
    const char **module = malloc(n * sizeof *module);
    const float **a = malloc(n * sizeof *a), **b = malloc(n * sizeof *b);
    int64_t *cols = malloc(n * sizeof *cols), *rows = malloc(n * sizeof *rows);
    float *to = in->values = malloc(elements * sizeof *to);
    p->module = module, p->a = a, p->b = b, p->in = cols, p->out = rows;
    if (module == NULL || a == NULL || b == NULL || cols == NULL || rows == NULL || to == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%.500s: no memory for %zu numbers", path, elements);
    for (size_t m = 0; m < n; m++) {
        const struct piece *half = &in->piece[2 * m];
        module[m] = half[0].module;
        cols[m] = half[0].tensor->shape[1];
        rows[m] = half[1].tensor->shape[0];
        a[m] = to;
        RT_TRY(read_matrix(in, half[0].tensor, to, err));
        to += half[0].tensor->elements;
        b[m] = to;
        RT_TRY(read_matrix(in, half[1].tensor, to, err));
        to += half[1].tensor->elements;
    }
    p->modules = (int64_t)n;
    return RT_OK;
}

rt_status rt_peft_open(struct rt_peft_in **in, const char *folder, struct rt_error *err)
{
    rt_status st;
    char *path = NULL, *config = NULL;
    struct rt_peft_in *made = calloc(1, sizeof *made);
    if (made == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory to read it", folder);
    RT_TRY_TO(st, rt_file_path(&config, err, "%s/adapter_config.json", folder), done);
    RT_TRY_TO(st, rt_file_path(&path, err, "%s/adapter_model.safetensors", folder), done);
    RT_TRY_TO(st, rt_peft_config(config, &made->config, &made->peft, err), done);
    RT_TRY_TO(st, rt_safetensors_open(&made->st, folder, "adapter_model", err), done);
    RT_TRY_TO(st, sort_pieces(path, made, err), done);
    st = read_values(path, made, err);
done:
    free(path);
    free(config);
    if (st == RT_OK)
        *in = made;
    else
        rt_peft_close(made);
    return st;
}

const struct rt_peft *rt_peft_get(const struct rt_peft_in *in)
{
    return &in->peft;
}

void rt_peft_close(struct rt_peft_in *in)
{
    if (in == NULL)
        return;
    for (int64_t i = 0; i < in->pieces; i++) {
        free(in->piece[i].module);
        free(in->piece[i].stored);
    }
    free(in->piece);
    free(in->peft.module);
    free(in->peft.a);
    free(in->peft.b);
    free((int64_t *)in->peft.in);
    free((int64_t *)in->peft.out);
    free(in->values);
    rt_safetensors_close(in->st);
    if (in->config != NULL)
        json_decref(in->config);
    free(in);
}
