/* names.c - which names of a list are safe, which are asked for, and that no two are in each other's way. */
#include "config.h"
#include "fetch/listing.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool part_good(const char *part, size_t bytes)
{
    if (bytes == 0 || bytes > 255 || (bytes == 1 && part[0] == '.') ||
        (bytes == 2 && memcmp(part, "..", 2) == 0))
        return false;
    return !(bytes == 4 && strncasecmp(part, ".git", 4) == 0); /* a hook in there would be run by git */
}

bool rt_listing_name_good(const char *path, size_t bytes)
{
    static const char ours[] = ".cache/huggingface";
    if (bytes == 0 || bytes > 2048 || strlen(path) != bytes || path[bytes - 1] == '/')
        return false;
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f || path[i] == '\\')
            return false;
    if (strncasecmp(path, ours, sizeof ours - 1) == 0 &&
        (path[sizeof ours - 1] == '\0' || path[sizeof ours - 1] == '/'))
        return false;
    for (const char *part = path;; part++) {
        const size_t length = strcspn(part, "/");
        if (!part_good(part, length))
            return false;
        part += length;
        if (*part == '\0')
            return true;
    }
}

static bool any_match(const char *path, const char *const *globs, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const size_t bytes = strlen(globs[i]);
        if (fnmatch(globs[i], path, FNM_NOESCAPE) == 0 ||
            (bytes > 0 && globs[i][bytes - 1] == '/' && strncmp(path, globs[i], bytes) == 0))
            return true;
    }
    return false;
}

bool rt_listing_wanted(const char *path, const char *const *include, int64_t includes,
                       const char *const *exclude, int64_t excludes)
{
    return (includes == 0 || any_match(path, include, includes)) && !any_match(path, exclude, excludes);
}

/* Parts in order, so that a name stands right before those that have it as their folder. */
static int by_name(const void *a, const void *b)
{
    const unsigned char *x = (const unsigned char *)((const struct rt_remote *)a)->path,
                        *y = (const unsigned char *)((const struct rt_remote *)b)->path;
    while (*x == *y && *x != '\0')
        x++, y++;
    return (*x == '/' ? 1 : *x == '\0' ? 0 : *x + 1) - (*y == '/' ? 1 : *y == '\0' ? 0 : *y + 1);
}

rt_status rt_listing_sort(struct rt_listing *list, const char *from, struct rt_error *err)
{
    if (list->files > 1)
        qsort(list->file, (size_t)list->files, sizeof *list->file, by_name);
    for (int64_t i = 1; i < list->files; i++) {
        const char *before = list->file[i - 1].path, *path = list->file[i].path;
        const size_t bytes = strlen(before);
        if (strncmp(path, before, bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '/'))
            return rt_fail(err, RT_ERR_FILE, "%.300s: lists \"%.200s\" twice, or as a file and as a folder",
                           from, before);
    }
    return RT_OK;
}

bool rt_listing_whole(const struct rt_listing *list)
{
    for (int64_t i = 0; i < list->files; i++)
        if (list->file[i].size < 0 || list->file[i].digest[0] == '\0')
            return false;
    return true;
}
