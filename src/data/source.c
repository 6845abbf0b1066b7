/* source.c - a picture file from the disk or in memory; contract in source.h. */
#include "config.h"
#include "base/file.h"
#include "data/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Larger files than this are no pictures that fit the pixel limit. */
static const uint64_t max_bytes = (uint64_t)1 << 32;

static rt_status read_whole(struct rt_source *src, struct rt_error *err)
{
    src->data = malloc((size_t)src->size);
    if (src->data == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for a file of %llu bytes", src->path,
                       (unsigned long long)src->size);
    if (rt_file_read_some(src->fd, src->data, (size_t)src->size, 0) == src->size)
        return RT_OK;
    free(src->data);
    src->data = NULL;
    return rt_fail(err, RT_ERR_FILE, "%s: cannot be read: %s", src->path,
                   errno != 0 ? strerror(errno) : "it became shorter meanwhile");
}

rt_status rt_source_open(struct rt_source *src, const char *path, int whole, struct rt_error *err)
{
    struct stat info;
    *src = (struct rt_source){ .path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
    if (src->fd < 0)
        return rt_fail(err, RT_ERR_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    rt_status st = RT_OK;
    if (fstat(src->fd, &info) != 0)
        st = rt_fail(err, RT_ERR_FILE, "%s: cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        st = rt_fail(err, RT_ERR_FILE, "%s: is not a file", path);
    else if (info.st_size == 0)
        st = rt_fail(err, RT_ERR_FILE, "%s: is empty; fetch it again", path);
    else if ((uint64_t)info.st_size > max_bytes)
        st = rt_fail(err, RT_ERR_FILE, "%s: has %lld bytes, over the limit for a picture", path,
                     (long long)info.st_size);
    else
        src->size = (uint64_t)info.st_size;
    if (st == RT_OK && whole)
        st = read_whole(src, err);
    if (st != RT_OK || whole) {
        close(src->fd);
        src->fd = -1;
    }
    return st;
}

void rt_source_close(struct rt_source *src)
{
    if (src->fd >= 0)
        close(src->fd);
    free(src->data);
    src->fd = -1;
    src->data = NULL;
}

static void move_window(struct rt_source *src, uint64_t at)
{
    src->window_at = at;
    src->window_bytes = at < src->size ? rt_file_read_some(src->fd, src->window, sizeof src->window, at) : 0;
}

const uint8_t *rt_source_at(struct rt_source *src, uint64_t at, size_t bytes)
{
    if (at > src->size || bytes > src->size - at || bytes > RT_SOURCE_WINDOW)
        return NULL;
    if (src->data != NULL)
        return src->data + at;
    if (at < src->window_at || at + bytes > src->window_at + src->window_bytes)
        move_window(src, at);
    return at + bytes <= src->window_at + src->window_bytes ? src->window + (at - src->window_at) : NULL;
}

const uint8_t *rt_source_run(struct rt_source *src, uint64_t at, size_t *bytes)
{
    const uint64_t left = at < src->size ? src->size - at : 0;
    *bytes = left < RT_SOURCE_WINDOW ? (size_t)left : RT_SOURCE_WINDOW;
    const uint8_t *run = rt_source_at(src, at, *bytes);
    *bytes = run != NULL ? *bytes : 0;
    return run;
}
