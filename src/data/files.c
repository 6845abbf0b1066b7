/* files.c - rank 0 looks at the file system, the others are told; contract in files.h. */
#include "config.h"
#include "data/files.h"
#include "dist/dist.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *rt_data_join(const char *folder, const char *name)
{
    const size_t n = name[0] == '/' ? 0 : strlen(folder), m = strlen(name);
    char *path = malloc(n + m + 2), *p = path;
    if (path == NULL)
        return NULL;
    memcpy(p, folder, n);
    p += n;
    if (n > 0 && p[-1] != '/')
        *p++ = '/';
    memcpy(p, name, m + 1);
    return path;
}

void rt_files_free(struct rt_file_list *list)
{
    for (int64_t i = 0; i < list->count; i++)
        free(list->path[i]);
    free(list->path);
    *list = (struct rt_file_list){ 0 };
}

/* Takes path over. */
static rt_status append(struct rt_file_list *list, char *path, struct rt_error *err)
{
    char **grown = path == NULL ? NULL : realloc(list->path, ((size_t)list->count + 1) * sizeof *grown);
    if (grown == NULL) {
        free(path);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the names of %lld files", (long long)list->count + 1);
    }
    list->path = grown;
    list->path[list->count++] = path;
    return RT_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static rt_status read_folder(struct rt_file_list *list, const char *folder, struct rt_error *err)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return rt_fail(err, RT_ERR_FILE, "%s: %s", folder, strerror(errno));
    rt_status st = RT_OK;
    for (const struct dirent *e = readdir(dir); e != NULL && st == RT_OK; e = readdir(dir))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            st = append(list, rt_data_join(folder, e->d_name), err);
    closedir(dir);
    if (st == RT_OK && list->count == 0)
        st = rt_fail(err, RT_ERR_FILE, "%s: the folder of this data set is empty", folder);
    if (list->count > 0)
        qsort(list->path, (size_t)list->count, sizeof *list->path, by_name);
    return st;
}

/* Only JSON is read; the reference tells kinds by the last extension. */
static rt_status check_kind(const char *path, struct rt_error *err)
{
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    const char *dot = strrchr(name, '.');
    const char *kind = dot != NULL && dot != name ? dot : "";
    if (strcmp(kind, ".json") == 0 || strcmp(kind, ".jsonl") == 0)
        return RT_OK;
    if (strcmp(kind, ".csv") == 0 || strcmp(kind, ".parquet") == 0 || strcmp(kind, ".arrow") == 0 ||
        strcmp(kind, ".txt") == 0)
        return rt_fail(err, RT_ERR_JOB,
                       "%s: files of this kind are not read; convert it to JSON lines (.jsonl), a row an "
                       "object a line, and name that in file_name",
                       path);
    return rt_fail(err, RT_ERR_JOB, "%s: not a .json or .jsonl file; a data set's folder may hold nothing else",
                   path);
}

static rt_status look(struct rt_file_list *list, const char *path, struct rt_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return rt_fail(err, RT_ERR_FILE, "%s: %s; correct file_name or dataset_dir", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        RT_TRY(read_folder(list, path, err));
    else
        RT_TRY(append(list, strdup(path), err));
    for (int64_t i = 0; i < list->count; i++)
        RT_TRY(check_kind(list->path[i], err));
    return RT_OK;
}

/* The list of rank 0 as names that end in NUL, one behind the other. */
static rt_status share(struct rt_file_list *list, struct rt_dist *dist, struct rt_error *err)
{
    uint64_t bytes = 0;
    for (int64_t i = 0; i < list->count; i++)
        bytes += strlen(list->path[i]) + 1;
    RT_TRY(rt_dist_bcast(dist, &bytes, sizeof bytes, 0, err));
    char *names = malloc(bytes), *p = names;
    rt_status st = names != NULL ? RT_OK : rt_fail(err, RT_ERR_MEMORY, "no memory for file names");
    st = rt_dist_agree(dist, st, err);
    for (int64_t i = 0; i < list->count && st == RT_OK; i++) {
        memcpy(p, list->path[i], strlen(list->path[i]) + 1);
        p += strlen(p) + 1;
    }
    const bool told = list->count == 0;
    if (st == RT_OK)
        st = rt_dist_bcast(dist, names, bytes, 0, err);
    for (p = names; told && st == RT_OK && p < names + bytes; p += strlen(p) + 1)
        st = append(list, strdup(p), err);
    free(names);
    return rt_dist_agree(dist, st, err);
}

rt_status rt_files_find(struct rt_file_list *list, const char *folder, const char *name, struct rt_dist *dist,
                        struct rt_error *err)
{
    struct rt_file_list found = { 0 };
    rt_status st = RT_OK;
    if (rt_dist_rank(dist) == 0) {
        char *path = rt_data_join(folder, name);
        st = path != NULL ? look(&found, path, err) : rt_fail(err, RT_ERR_MEMORY, "no memory for a path");
        free(path);
    }
    st = rt_dist_agree(dist, st, err);
    if (st == RT_OK)
        st = share(&found, dist, err);
    if (st != RT_OK) {
        rt_files_free(&found);
        return st;
    }
    *list = found;
    return RT_OK;
}
