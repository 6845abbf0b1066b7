/* load.c - base weights from a model folder: rank 0 reads the headers and pairs the folder's tensors with the
 * model's. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "dist/dist.h"
#include "model/load.h"
#include "model/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static rt_status pair(const struct rt_model *m, const struct rt_safetensors *st, const char *folder,
                      struct rt_load_item *items, int64_t *count, const struct rt_notes *notes,
                      struct rt_error *err)
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
            snprintf(text, sizeof text, "%s: tensor %.160s belongs to no part of this model and is left alone",
                     folder, t->name);
            const bool known = strstr(t->name, "inv_freq") != NULL ||
                               (m->config.tied && strcmp(t->name, "lm_head.weight") == 0);
            if (!known)
                rt_tell(notes, text);
            continue;
        }
        if (!shape_fits(t, w) || t->dtype == RT_FILE_OTHER)
            status = rt_fail(err, RT_ERR_FILE,
                             "%s: tensor %s has %lld elements of another shape or type than config.json "
                             "asks for (%lld x %lld in F32, BF16 or F16)",
                             folder, t->name, (long long)t->elements, (long long)w->rows, (long long)w->cols);
        else if (seen[w - m->weight])
            status = rt_fail(err, RT_ERR_FILE, "%s: tensor %s is there twice, under its old and its new name",
                             folder, t->name);
        seen[w - m->weight] = true;
        items[(*count)++] = (struct rt_load_item){ w - m->weight, t->offset, t->shard, (int32_t)t->dtype };
    }
    for (int64_t i = 0; i < m->weights && status == RT_OK; i++)
        if (!seen[i])
            status = rt_fail(err, RT_ERR_FILE, "%s: tensor %s is missing (%lld of %lld found)", folder,
                             m->weight[i].name, (long long)*count, (long long)m->weights);
    free(seen);
    return status;
}

static void sort_weights(struct rt_model *m)
{
    qsort(m->weight, (size_t)m->weights, sizeof *m->weight, by_name);
}

/* Paths and sizes of the folder's files, from rank 0 to all. */
struct table {
    struct rt_files files;
    char *names; /* the paths, one after the other, with their zero bytes */
    uint64_t *size;
};

static void free_table(struct table *t)
{
    free(t->names);
    free(t->size);
    free(t->files.path);
}

/* For t->files.count files. */
static rt_status make_table(struct table *t, struct rt_error *err)
{
    t->files.size = t->size = calloc((size_t)t->files.count + 1, sizeof *t->size);
    t->files.path = calloc((size_t)t->files.count + 1, sizeof *t->files.path);
    if (t->size != NULL && t->files.path != NULL)
        return RT_OK;
    return rt_fail(err, RT_ERR_MEMORY, "out of memory for the names of files");
}

static rt_status count_files(const struct rt_safetensors *st, struct rt_model_files *found,
                             struct rt_error *err)
{
    struct table t = { .files.count = rt_safetensors_shards(st) };
    const rt_status status = make_table(&t, err);
    for (int s = 0; s < t.files.count && status == RT_OK; s++) {
        t.files.path[s] = rt_safetensors_shard(st, s, &t.size[s]);
        found->bytes += t.size[s];
    }
    found->files = t.files.count;
    if (status == RT_OK)
        (void)rt_files_look(&t.files, found->digest); /* "" of files that go while they are looked at */
    free_table(&t);
    return status;
}

rt_status rt_model_look_at_files(struct rt_model *m, const char *folder, const struct rt_notes *notes,
                                 struct rt_model_files *found, struct rt_error *err)
{
    struct rt_safetensors *st = NULL;
    *found = (struct rt_model_files){ 0 };
    sort_weights(m);
    RT_TRY(rt_safetensors_open(&st, folder, "model", err));
    struct rt_load_item *items = calloc((size_t)m->weights + 1, sizeof *items);
    rt_status status = items == NULL ? rt_fail(err, RT_ERR_MEMORY, "out of memory reading %s", folder) : RT_OK;
    if (status == RT_OK)
        status = pair(m, st, folder, items, &found->tensors, notes, err);
    if (status == RT_OK)
        status = count_files(st, found, err);
    free(items);
    rt_safetensors_close(st);
    return status;
}

static rt_status fill_table(struct table *t, const struct rt_safetensors *st, size_t *names_bytes,
                            struct rt_error *err)
{
    size_t bytes = 0, at = 0;
    uint64_t size;
    for (int s = 0; s < t->files.count; s++)
        bytes += strlen(rt_safetensors_shard(st, s, &size)) + 1;
    t->names = malloc(bytes + 1);
    if (t->names == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of memory for the names of files");
    for (int s = 0; s < t->files.count; s++) {
        const char *path = rt_safetensors_shard(st, s, &t->size[s]);
        memcpy(t->names + at, path, strlen(path) + 1);
        at += strlen(path) + 1;
    }
    *names_bytes = bytes;
    return RT_OK;
}

static rt_status share_table(struct table *t, const struct rt_safetensors *st, struct rt_dist *dist,
                             struct rt_error *err)
{
    size_t bytes = 0;
    rt_status status;
    if (rt_dist_rank(dist) == 0)
        t->files.count = rt_safetensors_shards(st);
    RT_TRY(rt_dist_bcast(dist, &t->files.count, sizeof t->files.count, 0, err));
    status = make_table(t, err);
    if (status == RT_OK && rt_dist_rank(dist) == 0)
        status = fill_table(t, st, &bytes, err);
    RT_TRY(rt_dist_agree(dist, status, err));
    RT_TRY(rt_dist_bcast(dist, &bytes, sizeof bytes, 0, err));
    if (rt_dist_rank(dist) != 0 && (t->names = malloc(bytes + 1)) == NULL)
        status = rt_fail(err, RT_ERR_MEMORY, "out of memory for the names of files");
    RT_TRY(rt_dist_agree(dist, status, err));
    RT_TRY(rt_dist_bcast(dist, t->names, bytes, 0, err));
    RT_TRY(rt_dist_bcast(dist, t->size, (size_t)t->files.count * sizeof *t->size, 0, err));
    const char *at = t->names;
    for (int s = 0; s < t->files.count; s++, at += strlen(at) + 1)
        t->files.path[s] = at;
    return RT_OK;
}

rt_status rt_model_load(struct rt_model *m, const char *folder, struct rt_dist *dist,
                        const struct rt_notes *notes, struct rt_error *err)
{
    struct rt_safetensors *st = NULL;
    struct table table = { .names = NULL };
    int64_t count = 0;
    sort_weights(m);
    struct rt_load_item *items = calloc((size_t)m->weights + 1, sizeof *items);
    rt_status status = items == NULL ? rt_fail(err, RT_ERR_MEMORY, "out of memory reading %s", folder) : RT_OK;
    if (status == RT_OK && rt_dist_rank(dist) == 0) {
        status = rt_safetensors_open(&st, folder, "model", err);
        if (status == RT_OK)
            status = pair(m, st, folder, items, &count, notes, err);
    }
    RT_TRY_TO(status, rt_dist_agree(dist, status, err), done);
    RT_TRY_TO(status, rt_dist_bcast(dist, &count, sizeof count, 0, err), done);
    RT_TRY_TO(status, rt_dist_bcast(dist, items, (size_t)count * sizeof *items, 0, err), done);
    RT_TRY_TO(status, share_table(&table, st, dist, err), done);
    status = rt_load_items(m, &table.files, items, count, dist, notes, err);
done:
    free_table(&table);
    rt_safetensors_close(st);
    free(items);
    return status;
}
