/* rows.c - opens data sets: entry, files, places of the rows, which of them are used; contract in rows.h. */
#include "config.h"
#include "base/rng.h"
#include "data/files.h"
#include "data/row.h"
#include "data/template.h"
#include "dist/dist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A placeholder for media, which the environment may rename. */
static rt_status read_word(struct rt_str *word, const char *variable, const char *usual, struct rt_error *err)
{
    const char *set = getenv(variable);
    const char *text = set != NULL ? set : usual;
    *word = (struct rt_str){ text, strlen(text) };
    if (word->n == 0 || strstr(RT_VISION_TEXT, text) != NULL)
        return rt_fail(err, RT_ERR_JOB,
                       "environment: %s: \"%s\" cannot mark a place in the text; unset it for \"%s\"", variable,
                       text, usual);
    return RT_OK;
}

static rt_status new_file(struct rt_rows *rows, const char *path, struct rt_error *err)
{
    struct rt_rows_file *grown = realloc(rows->file, ((size_t)rows->files + 1) * sizeof *grown);
    if (grown != NULL) {
        rows->file = grown;
        struct rt_rows_file *f = &grown[rows->files];
        *f = (struct rt_rows_file){ .path = strdup(path),
                                    .first = rows->spans.count,
                                    .set = (int32_t)rows->sets - 1 };
        if (f->path != NULL) {
            rows->files++;
            return RT_OK;
        }
    }
    return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its name", path);
}

/* Collective. Append the rows of one file of a set. What one rank alone can run into is agreed on before the
 * next collective call. */
static rt_status add_file(struct rt_rows *rows, const char *path, struct rt_dist *dist, struct rt_error *err)
{
    RT_TRY(rt_dist_agree(dist, new_file(rows, path, err), err));
    struct rt_rows_file *f = &rows->file[rows->files - 1];
    RT_TRY(rt_dist_read_file(dist, path, &f->text, &f->bytes, err));
    return rt_dist_agree(dist, rt_scan_rows(&rows->spans, rows->files - 1, path, f->text, f->bytes, err), err);
}

/* The rows [first, first + n) of the spans that are used: num_samples drawn, then at most max_samples of them.
 */
static rt_status choose(struct rt_rows *rows, int64_t first, int64_t n, int64_t num_samples,
                        int64_t max_samples, struct rt_error *err)
{
    int64_t used = num_samples >= 0 ? num_samples : n;
    const int64_t most = used > n ? used : n;
    int64_t *order = realloc(rows->order, (size_t)(rows->count + most) * sizeof *order);
    if (order == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the order of %lld rows",
                       (long long)(rows->count + most));
    rows->order = order;
    order += rows->count;
    if (num_samples >= 0)
        rt_numpy_permutation(&rows->sampler, order, n);
    for (int64_t i = 0; i < n && num_samples < 0; i++)
        order[i] = i;
    for (int64_t i = n; i < used; i++)
        order[i] = (int64_t)rt_numpy_interval(&rows->sampler, (uint64_t)n - 1);
    if (max_samples >= 0 && used > max_samples)
        used = max_samples;
    for (int64_t i = 0; i < used; i++)
        order[i] += first;
    rows->count += used;
    return RT_OK;
}

static rt_status open_set(struct rt_rows *rows, const struct rt_data_options *opt, const char *info_path,
                          struct rt_str json, const char *name, struct rt_dist *dist, struct rt_error *err)
{
    struct rt_dataset_info *info = &rows->info[rows->sets];
    RT_TRY(rt_dist_agree(dist, rt_dataset_info_read(info, &rows->pool, info_path, json, name, err), err));
    rows->sets++;
    const int64_t first = rows->spans.count;
    struct rt_file_list list = { 0 };
    RT_TRY(rt_files_find(&list, opt->dataset_dir, info->file_name, dist, err));
    rt_status st = RT_OK;
    for (int64_t i = 0; i < list.count && st == RT_OK; i++)
        st = add_file(rows, list.path[i], dist, err);
    rt_files_free(&list);
    RT_TRY(st);
    st = choose(rows, first, rows->spans.count - first, info->num_samples, opt->max_samples, err);
    return rt_dist_agree(dist, st, err);
}

static rt_status read_options(struct rt_rows *rows, const struct rt_data_options *opt, int64_t sets,
                              struct rt_error *err)
{
    RT_TRY(read_word(&rows->image_word, "IMAGE_PLACEHOLDER", "<image>", err));
    RT_TRY(read_word(&rows->video_word, "VIDEO_PLACEHOLDER", "<video>", err));
    RT_TRY(read_word(&rows->audio_word, "AUDIO_PLACEHOLDER", "<audio>", err));
    if (opt->template_name == NULL || strcmp(opt->template_name, "qwen2_vl") != 0)
        return rt_fail(err, RT_ERR_JOB, "template: \"%s\" is not known here; write template: qwen2_vl",
                       opt->template_name != NULL ? opt->template_name : "");
    rows->media_dir = opt->media_dir != NULL ? opt->media_dir : opt->dataset_dir;
    rows->info = calloc((size_t)sets + 1, sizeof *rows->info);
    return rows->info != NULL ? RT_OK
                              : rt_fail(err, RT_ERR_MEMORY, "no memory for %lld data sets", (long long)sets);
}

/* Collective. */
static rt_status open_sets(struct rt_rows *rows, const struct rt_data_options *opt, const char *const *names,
                           int64_t count, struct rt_dist *dist, struct rt_error *err)
{
    char *path = rt_data_join(opt->dataset_dir, "dataset_info.json"), *text = NULL;
    size_t bytes;
    rt_status st = path != NULL ? RT_OK : rt_fail(err, RT_ERR_MEMORY, "no memory for a path");
    st = rt_dist_agree(dist, st, err);
    if (st == RT_OK)
        st = rt_dist_read_file(dist, path, &text, &bytes, err);
    for (int64_t i = 0; i < count && st == RT_OK; i++)
        st = open_set(rows, opt, path, (struct rt_str){ text, bytes }, names[i], dist, err);
    free(text);
    free(path);
    return st;
}

rt_status rt_rows_open_after(struct rt_rows **result, const struct rt_rows *before,
                             const struct rt_data_options *opt, const char *const *names, int64_t count,
                             struct rt_dist *dist, struct rt_error *err)
{
    struct rt_rows *rows = calloc(1, sizeof *rows);
    rt_status st = rows != NULL ? read_options(rows, opt, count, err)
                                : rt_fail(err, RT_ERR_MEMORY, "no memory for data sets");
    if (st == RT_OK && before != NULL)
        rows->sampler = before->sampler;
    else if (st == RT_OK)
        rt_mt19937_seed(&rows->sampler, (uint64_t)opt->seed);
    st = rt_dist_agree(dist, st, err);
    if (st == RT_OK)
        st = open_sets(rows, opt, names, count, dist, err);
    if (st != RT_OK) {
        rt_rows_close(rows);
        return st;
    }
    *result = rows;
    return RT_OK;
}

rt_status rt_rows_open(struct rt_rows **rows, const struct rt_data_options *opt, const char *const *names,
                       int64_t count, struct rt_dist *dist, struct rt_error *err)
{
    return rt_rows_open_after(rows, NULL, opt, names, count, dist, err);
}

void rt_rows_close(struct rt_rows *rows)
{
    if (rows == NULL)
        return;
    for (int32_t i = 0; i < rows->files; i++) {
        free(rows->file[i].path);
        free(rows->file[i].text);
    }
    free(rows->file);
    free(rows->info);
    free(rows->spans.span);
    free(rows->order);
    rt_pool_free(&rows->pool);
    free(rows);
}

int64_t rt_rows_count(const struct rt_rows *rows)
{
    return rows->count;
}

void rt_rows_where(const struct rt_rows *rows, int64_t i, char *text, size_t bytes)
{
    const struct rt_span *span = &rows->spans.span[rows->order[i]];
    const struct rt_rows_file *f = &rows->file[span->file];
    snprintf(text, bytes, "%s row %lld (line %lld)", f->path, (long long)(rows->order[i] - f->first) + 1,
             (long long)span->line);
}
