/* load.c - base weights from a model folder: each file read once, by rank 0, and broadcast in blocks. */
#include "config.h"
#include "base/bf16.h"
#include "checkpoint/checkpoint.h"
#include "dist/dist.h"
#include "kernels/ops.h"
#include "model/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 32 << 20 };

/* One tensor to read, in file order. */
struct item {
    int64_t weight;  /* index in m->weight */
    int64_t tensor;  /* index in the folder; rank 0 only */
    int32_t dtype;
};

/* Published files say visual.* and model.layers.*; since transformers 4.52 modules are model.visual.* and
 * model.language_model.*. */
static void new_name(char *out, size_t bytes, const char *name)
{
    if (strncmp(name, "visual.", 7) == 0)
        snprintf(out, bytes, "model.%s", name);
    else if (strncmp(name, "model.", 6) == 0 && strncmp(name + 6, "language_model.", 15) != 0 &&
             strncmp(name + 6, "visual.", 7) != 0)
        snprintf(out, bytes, "model.language_model.%s", name + 6);
    else
        snprintf(out, bytes, "%s", name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct rt_weight *)a)->name, ((const struct rt_weight *)b)->name);
}

static bool shape_fits(const struct rt_st_tensor *t, const struct rt_weight *w)
{
    return t->elements == w->rows * w->cols && t->dims > 0 && t->shape[0] == (t->dims == 1 ? w->cols : w->rows);
}

/* Rank 0: pair the folder's tensors with the model's. */
static rt_status pair(const struct rt_model *m, const struct rt_safetensors *st, const char *folder, struct item *items,
                      int64_t *count, const struct rt_model_notes *notes, struct rt_error *err)
{
    bool *seen = calloc((size_t)m->weights + 1, sizeof *seen);
    if (seen == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of memory reading %s", folder);
    rt_status status = RT_OK;
    *count = 0;
    for (int64_t i = 0; i < rt_safetensors_count(st) && status == RT_OK; i++) {
        const struct rt_st_tensor *t = rt_safetensors_tensor(st, i);
        struct rt_weight key = { 0 };
        new_name(key.name, sizeof key.name, t->name);
        const struct rt_weight *w = bsearch(&key, m->weight, (size_t)m->weights, sizeof key, by_name);
        if (w == NULL) {
            char text[256];
            snprintf(text, sizeof text, "%s: tensor %.160s belongs to no part of this model and is left alone", folder,
                     t->name);
            const bool known = strstr(t->name, "inv_freq") != NULL || (m->config.tied && strcmp(t->name, "lm_head.weight") == 0);
            if (!known && notes != NULL)
                notes->note(text, notes->context);
            continue;
        }
        if (!shape_fits(t, w) || t->dtype == RT_FILE_OTHER)
            status = rt_fail(err, RT_ERR_FILE, "%s: tensor %s has %lld elements of another shape or type than config.json "
                             "asks for (%lld x %lld in F32, BF16 or F16)", folder, t->name, (long long)t->elements,
                             (long long)w->rows, (long long)w->cols);
        else if (seen[w - m->weight])
            status = rt_fail(err, RT_ERR_FILE, "%s: tensor %s is there twice, under its old and its new name", folder, t->name);
        seen[w - m->weight] = true;
        items[(*count)++] = (struct item){ w - m->weight, i, (int32_t)t->dtype };
    }
    for (int64_t i = 0; i < m->weights && status == RT_OK; i++)
        if (!seen[i])
            status = rt_fail(err, RT_ERR_FILE, "%s: tensor %s is missing (%lld of %lld found)", folder, m->weight[i].name,
                             (long long)*count, (long long)m->weights);
    free(seen);
    return status;
}

struct blocks {
    char *raw;           /* as in the file */
    float *wide;
    void *host;          /* in the element type */
    rt_act *staging;     /* where the exec runs, for rows that are not contiguous there */
};

static size_t file_bytes(int32_t dtype)
{
    return dtype == RT_FILE_F32 ? 4 : 2;
}

/* n elements of b->raw to the type of their place; returns where they are. */
static const void *convert(struct blocks *b, int32_t dtype, enum rt_dtype to, int64_t n)
{
    if ((dtype == RT_FILE_F32 && to == RT_F32) || (dtype == RT_FILE_BF16 && to == RT_BF16))
        return b->raw;
    if (to == RT_F32) {
        rt_file_to_f32(b->host, b->raw, (enum rt_file_dtype)dtype, n);
        return b->host;
    }
    rt_file_to_f32(b->wide, b->raw, (enum rt_file_dtype)dtype, n);
    for (int64_t i = 0; i < n; i++)
        ((rt_bf16 *)b->host)[i] = rt_bf16_of_f32(b->wide[i]);
    return b->host;
}

static rt_status place(struct rt_model *m, struct blocks *b, const struct rt_weight *w, int64_t row, int64_t rows,
                       int32_t dtype)
{
    const enum rt_dtype to = w->f32 ? RT_F32 : m->ex->act;
    const void *host = convert(b, dtype, to, rows * w->cols);
    if (w->f32)
        return rt_exec_put(m->ex, (float *)w->dst + row * w->cols, host, (size_t)(rows * w->cols) * sizeof(float));
    const size_t bytes = (size_t)(rows * w->cols) * m->ex->act_bytes;
    rt_act *dst = rt_at(m->ex, w->dst, row * w->ld);
    if (w->ld == w->cols)
        return rt_exec_put(m->ex, dst, host, bytes);
    RT_TRY(rt_exec_put(m->ex, b->staging, host, bytes));
    RT_TRY(m->ex->ops->gather_rows(m->ex, dst, w->ld, b->staging, w->cols, NULL, rows, w->cols));
    return rt_exec_sync(m->ex);
}

static rt_status load_tensor(struct rt_model *m, struct rt_safetensors *st, const struct item *item, struct blocks *b,
                             struct rt_dist *dist, struct rt_error *err)
{
    const struct rt_weight *w = &m->weight[item->weight];
    const size_t row_bytes = (size_t)w->cols * file_bytes(item->dtype);
    const int64_t step = row_bytes >= BLOCK_BYTES ? 1 : (int64_t)(BLOCK_BYTES / row_bytes);
    for (int64_t row = 0; row < w->rows; row += step) {
        const int64_t rows = w->rows - row < step ? w->rows - row : step;
        const size_t bytes = (size_t)rows * row_bytes;
        rt_status mine = RT_OK;
        if (rt_dist_rank(dist) == 0)
            mine = rt_safetensors_read(st, rt_safetensors_tensor(st, item->tensor), (size_t)row * row_bytes, bytes, b->raw,
                                       err);
        RT_TRY(rt_dist_agree(dist, mine, err));
        RT_TRY(rt_dist_bcast(dist, b->raw, bytes, 0, err));
        RT_TRY(place(m, b, w, row, rows, item->dtype));
    }
    return RT_OK;
}

/* The widest row decides how large a block has to be at least. */
static size_t block_elements(const struct rt_model *m)
{
    int64_t most = BLOCK_BYTES / 2;
    for (int64_t i = 0; i < m->weights; i++)
        if (m->weight[i].cols > most)
            most = m->weight[i].cols;
    return (size_t)most;
}

static rt_status load_all(struct rt_model *m, struct rt_safetensors *st, const struct item *items, int64_t count,
                          struct rt_dist *dist, const struct rt_model_notes *notes, struct rt_error *err)
{
    const size_t n = block_elements(m);
    struct blocks b = { malloc(n * 4), malloc(n * 4), malloc(n * 4), NULL };
    rt_status status = RT_OK;
    if (b.raw == NULL || b.wide == NULL || b.host == NULL)
        status = rt_fail(err, RT_ERR_MEMORY, "out of host memory for reading weights");
    else
        status = rt_exec_alloc(m->ex, (void **)&b.staging, n * m->ex->act_bytes);
    status = rt_dist_agree(dist, status, err);
    for (int64_t i = 0; i < count && status == RT_OK; i++) {
        status = load_tensor(m, st, &items[i], &b, dist, err);
        if (notes != NULL && rt_dist_rank(dist) == 0)
            notes->progress("loading weights", i + 1, count, notes->context);
    }
    rt_exec_free(m->ex, b.staging);
    free(b.raw);
    free(b.wide);
    free(b.host);
    return rt_dist_agree(dist, status, err);
}

rt_status rt_model_load(struct rt_model *m, const char *folder, struct rt_dist *dist,
                        const struct rt_model_notes *notes, struct rt_error *err)
{
    struct rt_safetensors *st = NULL;
    int64_t count = 0;
    qsort(m->weight, (size_t)m->weights, sizeof *m->weight, by_name);
    struct item *items = calloc((size_t)m->weights + 1, sizeof *items);
    rt_status status = items == NULL ? rt_fail(err, RT_ERR_MEMORY, "out of memory reading %s", folder) : RT_OK;
    if (status == RT_OK && rt_dist_rank(dist) == 0) {
        status = rt_safetensors_open(&st, folder, "model", err);
        if (status == RT_OK)
            status = pair(m, st, folder, items, &count, notes, err);
    }
    status = rt_dist_agree(dist, status, err);
    if (status == RT_OK)
        status = rt_dist_bcast(dist, &count, sizeof count, 0, err);
    if (status == RT_OK)
        status = rt_dist_bcast(dist, items, (size_t)count * sizeof *items, 0, err);
    if (status == RT_OK)
        status = load_all(m, st, items, count, dist, notes, err);
    rt_safetensors_close(st);
    free(items);
    return status;
}
