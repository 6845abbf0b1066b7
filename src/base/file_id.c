/* file_id.c - which bytes stand behind a path; contract in file_id.h. */
#include "config.h"
#include "base/file_id.h"

#include "base/clock.h"

#include <sys/stat.h>

static const double tick_s = 2.0;

static int64_t ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct rt_file_id rt_file_id_of(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0 || !S_ISREG(s.st_mode))
        return (struct rt_file_id){ 0 };
    return (struct rt_file_id){
        .size = s.st_size, .inode = (uint64_t)s.st_ino, .mtime_ns = ns(s.st_mtim), .ctime_ns = ns(s.st_ctim)
    };
}

bool rt_file_id_same(const struct rt_file_id *a, const struct rt_file_id *b)
{
    return a->size > 0 && a->size == b->size && a->inode == b->inode && a->mtime_ns == b->mtime_ns &&
           a->ctime_ns == b->ctime_ns;
}

bool rt_file_id_settled(const struct rt_file_id *id)
{
    return id->size > 0 && rt_wall_s() - 1e-9 * (double)id->ctime_ns > tick_s;
}
