/* safetensors_read.c - a folder's tensors: one file, or the shards that its index names. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SHARDS = 100000 };

struct shard {
    char *path;
    uint64_t size;
};

struct rt_safetensors {
    struct shard *shard;
    int shards;
    struct rt_st_tensor *tensor; /* by shard, then place */
    int64_t count;
    struct rt_st_tensor **named; /* by name */
    int fd, open_shard;          /* the one file kept open; -1: none */
};

static rt_status no_memory(const char *path, struct rt_error *err)
{
    return rt_fail(err, RT_ERR_MEMORY, "%.500s: no memory for its table of tensors", path);
}

/* One shard's tensors go behind those already there; the table of them is taken over. */
static rt_status append(struct rt_safetensors *st, int s, struct rt_st_tensor *part, int64_t count,
                        struct rt_error *err)
{
    struct rt_st_tensor *both = realloc(st->tensor, (size_t)(st->count + count + 1) * sizeof *both);
    if (both == NULL) {
        rt_st_free(part, count);
        return no_memory(st->shard[s].path, err);
    }
    for (int64_t i = 0; i < count; i++) {
        both[st->count + i] = part[i];
        both[st->count + i].shard = s;
    }
    free(part);
    st->tensor = both;
    st->count += count;
    return RT_OK;
}

static rt_status add_shard(struct rt_safetensors *st, int s, struct rt_error *err)
{
    struct rt_st_tensor *part;
    int64_t count;
    RT_TRY(rt_st_load(st->shard[s].path, &st->shard[s].size, &part, &count, err));
    return append(st, s, part, count, err);
}

static int by_name(const void *x, const void *y)
{
    return strcmp((*(struct rt_st_tensor *const *)x)->name, (*(struct rt_st_tensor *const *)y)->name);
}

/* The table by name, in which no name may come twice. */
static rt_status sort_names(struct rt_safetensors *st, const char *path, struct rt_error *err)
{
    st->named = malloc((size_t)(st->count + 1) * sizeof(struct rt_st_tensor *));
    if (st->named == NULL)
        return no_memory(path, err);
    for (int64_t i = 0; i < st->count; i++)
        st->named[i] = &st->tensor[i];
    qsort(st->named, (size_t)st->count, sizeof *st->named, by_name);
    for (int64_t i = 1; i < st->count; i++)
        if (by_name(&st->named[i - 1], &st->named[i]) == 0)
            return rt_fail(err, RT_ERR_FILE, "%.500s: tensor %.300s stands here and in %.500s too",
                           st->shard[st->named[i - 1]->shard].path, st->named[i]->name,
                           st->shard[st->named[i]->shard].path);
    return RT_OK;
}

static int text_order(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Shard paths from the index: each name once, in order. */
static rt_status list_shards(struct rt_safetensors *st, const char *folder, const char *index,
                             const json_t *map, struct rt_error *err)
{
    rt_status status = RT_OK;
    const char *name;
    json_t *value;
    size_t n = 0;
    const char **file = malloc((json_object_size(map) + 1) * sizeof(const char *));
    if (file == NULL)
        return no_memory(index, err);
    json_object_foreach ((json_t *)map, name, value) {
        const char *text = json_string_value(value);
        if (text == NULL || *text == '\0' || strchr(text, '/') != NULL || strcmp(text, "..") == 0) {
            status = rt_fail(err, RT_ERR_FILE, "%.500s: weight_map: %.300s: its shard is not a file name",
                             index, name);
            goto free_list;
        }
        file[n++] = text;
    }
    qsort(file, n, sizeof *file, text_order);
    st->shard = calloc(n + 1, sizeof *st->shard);
    if (st->shard == NULL) {
        status = no_memory(index, err);
        goto free_list;
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(file[i - 1], file[i]) == 0)
            continue;
        if (st->shards == MAX_SHARDS) {
            status = rt_fail(err, RT_ERR_FILE, "%.500s: names more than %d shards", index, MAX_SHARDS);
            goto free_list;
        }
        RT_TRY_TO(status, rt_file_path(&st->shard[st->shards].path, err, "%s/%s", folder, file[i]), free_list);
        st->shards++;
    }
free_list:
    free(file);
    return status;
}

/* Every name of the index stands in the shard it gives; a tensor that no entry names is marked. */
static rt_status match_index(struct rt_safetensors *st, const char *index, const json_t *map,
                             struct rt_error *err)
{
    const char *name;
    json_t *value;
    for (int64_t i = 0; i < st->count; i++)
        st->tensor[i].listed = false;
    json_object_foreach ((json_t *)map, name, value) {
        const struct rt_st_tensor key = { .name = name }, *at = &key;
        struct rt_st_tensor **found = bsearch(&at, st->named, (size_t)st->count, sizeof *st->named, by_name);
        const char *shard = json_string_value(value);
        if (found == NULL)
            return rt_fail(err, RT_ERR_FILE, "%.500s: weight_map: %.300s: %.300s does not hold it", index, name,
                           shard);
        const char *path = st->shard[(*found)->shard].path;
        if (strcmp(strrchr(path, '/') + 1, shard) != 0)
            return rt_fail(err, RT_ERR_FILE, "%.500s: weight_map: %.300s: stands in %.300s and not in %.300s",
                           index, name, strrchr(path, '/') + 1, shard);
        (*found)->listed = true;
    }
    return RT_OK;
}

static rt_status open_sharded(struct rt_safetensors *st, const char *folder, const char *index,
                              struct rt_error *err)
{
    rt_status status;
    json_error_t at;
    size_t bytes;
    char *text;
    RT_TRY(rt_file_load(index, RT_ST_HEADER_MAX, &text, &bytes, err));
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &at);
    free(text);
    if (root == NULL)
        return rt_fail(err, RT_ERR_FILE, "%.500s:%d: %s", index, at.line, at.text);
    const json_t *map = json_object_get(root, "weight_map"); /* metadata.total_size: nothing hangs on it */
    if (!json_is_object(map) || json_object_size(map) == 0) {
        status = rt_fail(err, RT_ERR_FILE, "%.500s: has no weight_map of tensor names and shard files", index);
        goto free_root;
    }
    RT_TRY_TO(status, list_shards(st, folder, index, map, err), free_root);
    for (int s = 0; s < st->shards; s++) {
        status = add_shard(st, s, err);
        if (status == RT_ERR_FILE)
            rt_fail_in(err, "%.300s: ", index);
        RT_TRY_TO(status, status, free_root);
    }
    RT_TRY_TO(status, sort_names(st, index, err), free_root);
    status = match_index(st, index, map, err);
free_root:
    json_decref(root);
    return status;
}

static rt_status open_single(struct rt_safetensors *st, const char *path, struct rt_error *err)
{
    st->shard = calloc(1, sizeof *st->shard);
    if (st->shard == NULL)
        return no_memory(path, err);
    RT_TRY(rt_file_path(&st->shard[0].path, err, "%s", path));
    st->shards = 1;
    RT_TRY(add_shard(st, 0, err));
    for (int64_t i = 0; i < st->count; i++)
        st->tensor[i].listed = true;
    return sort_names(st, path, err);
}

rt_status rt_safetensors_open(struct rt_safetensors **st, const char *folder, const char *stem,
                              struct rt_error *err)
{
    rt_status status;
    char *single = NULL, *index = NULL;
    struct rt_safetensors *made = calloc(1, sizeof *made);
    if (made == NULL)
        return no_memory(folder, err);
    made->fd = made->open_shard = -1;
    RT_TRY_TO(status, rt_file_path(&single, err, "%s/%s.safetensors", folder, stem), done);
    RT_TRY_TO(status, rt_file_path(&index, err, "%s/%s.safetensors.index.json", folder, stem), done);
    if (access(single, F_OK) == 0) /* transformers, too, takes the single file where both are */
        status = open_single(made, single, err);
    else if (access(index, F_OK) == 0)
        status = open_sharded(made, folder, index, err);
    else
        status = rt_fail(err, RT_ERR_FILE, "%s: holds neither %s.safetensors nor %s.safetensors.index.json",
                         folder, stem, stem);
done:
    free(single);
    free(index);
    if (status == RT_OK)
        *st = made;
    else
        rt_safetensors_close(made);
    return status;
}

void rt_safetensors_close(struct rt_safetensors *st)
{
    if (st == NULL)
        return;
    if (st->fd >= 0)
        close(st->fd);
    for (int s = 0; s < st->shards; s++)
        free(st->shard[s].path);
    free(st->shard);
    rt_st_free(st->tensor, st->count);
    free(st->named);
    free(st);
}

int64_t rt_safetensors_count(const struct rt_safetensors *st)
{
    return st->count;
}

const struct rt_st_tensor *rt_safetensors_tensor(const struct rt_safetensors *st, int64_t i)
{
    return i >= 0 && i < st->count ? &st->tensor[i] : NULL;
}

const char *rt_safetensors_path(const struct rt_safetensors *st, const struct rt_st_tensor *t)
{
    return st->shard[t->shard].path;
}

int rt_safetensors_shards(const struct rt_safetensors *st)
{
    return st->shards;
}

const char *rt_safetensors_shard(const struct rt_safetensors *st, int s, uint64_t *size)
{
    *size = st->shard[s].size;
    return st->shard[s].path;
}

rt_status rt_safetensors_read(struct rt_safetensors *st, const struct rt_st_tensor *t, size_t from,
                              size_t count, void *dst, struct rt_error *err)
{
    const char *path = st->shard[t->shard].path;
    if (from > t->bytes || count > t->bytes - from)
        return rt_fail(err, RT_ERR_INTERNAL, "%s: tensor %s: bytes %zu and %zu on asked of %zu", path, t->name,
                       from, count, t->bytes);
    if (st->open_shard != t->shard) {
        uint64_t size;
        int fd;
        RT_TRY(rt_file_open(&fd, &size, path, err));
        if (size != st->shard[t->shard].size) {
            close(fd);
            return rt_fail(err, RT_ERR_FILE, "%s: its size changed while it was in use", path);
        }
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* advice only */
        if (st->fd >= 0)
            close(st->fd);
        st->fd = fd;
        st->open_shard = t->shard;
    }
    return rt_file_read(st->fd, path, t->offset + from, dst, count, err);
}
