/*
 * common.h - what the tests of this folder share: a folder of their own, whole files in and out, seeded
 * numbers.
 *
 * The folder is made under $TMPDIR or here and removed at the end. With RT_KEEP=DIR the test works in DIR and
 * leaves its files there, for tests/peers/check_checkpoint.py.
 */
#ifndef RT_TESTS_CHECKPOINT_COMMON_H
#define RT_TESTS_CHECKPOINT_COMMON_H

#include "tap.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct rt_error err;

__attribute__((noreturn, unused)) static void give_up(const char *what)
{
    printf("Bail out! %s\n", what);
    exit(EXIT_FAILURE);
}

__attribute__((format(printf, 1, 2), unused)) static char *text(const char *fmt, ...)
{
    va_list ap;
    char *made;
    va_start(ap, fmt);
    if (vasprintf(&made, fmt, ap) < 0)
        give_up("memory");
    va_end(ap);
    return made;
}

__attribute__((unused)) static char *folder_make(const char *name)
{
    const char *keep = getenv("RT_KEEP"), *tmp = getenv("TMPDIR");
    char *path = keep != NULL ? text("%s/%s", keep, name)
                              : text("%s/rt-%s-%ld", tmp != NULL ? tmp : ".", name, (long)getpid());
    if (rt_file_remove(path, &err) != RT_OK || rt_file_make_folder(path, &err) != RT_OK)
        give_up(err.text);
    return path;
}

__attribute__((unused)) static void folder_end(char *path)
{
    if (getenv("RT_KEEP") == NULL && rt_file_remove(path, &err) != RT_OK)
        diag("%s", err.text);
    free(path);
}

__attribute__((unused)) static void put_file(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(data, 1, bytes, f) != bytes || fclose(f) != 0)
        give_up(path);
}

__attribute__((unused)) static char *get_file(const char *path, size_t *bytes)
{
    char *data;
    if (rt_file_load(path, (size_t)1 << 30, &data, bytes, &err) != RT_OK)
        give_up(err.text);
    return data;
}

__attribute__((unused)) static bool there(const char *path)
{
    struct stat sb;
    return lstat(path, &sb) == 0;
}

/* Same bytes in both files? */
__attribute__((unused)) static bool same_files(const char *x, const char *y)
{
    size_t n, m;
    char *a = get_file(x, &n), *b = get_file(y, &m);
    const bool same = n == m && memcmp(a, b, n) == 0;
    free(a);
    free(b);
    return same;
}

__attribute__((unused)) static char *golden(const char *name)
{
    const char *root = getenv("RT_SRCDIR");
    return text("%s/tests/golden/checkpoint/%s", root != NULL ? root : ".", name);
}

/* splitmix64: numbers that are the same in every run. */
__attribute__((unused)) static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* -1 to 1 in steps of 2^-23 */
__attribute__((unused)) static float draw_float(uint64_t *state)
{
    return (float)(int64_t)(draw(state) >> 40) * 0x1p-23f - 1.0f;
}

#endif
