/* file.c - files written aside, forced to disk and renamed, so that what stands under a final name is whole. */
#include "config.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { WRITE_BYTES = 64 << 20, SPARE_BYTES = 64 << 20 };

rt_status rt_file_path(char **path, struct rt_error *err, const char *fmt, ...)
{
    va_list ap;
    char *text;
    va_start(ap, fmt);
    const int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a file name");
    *path = text;
    return RT_OK;
}

rt_status rt_file_fail_out(struct rt_error *err, int code, const char *verb, const char *path)
{
    rt_status st = RT_ERR_IO;
    const char *advice = "";
    switch (code) {
    case ENOSPC:
    case EDQUOT: advice = "; make room"; break;
    case EFBIG: advice = "; raise the limit on file size or write elsewhere"; break;
    case EACCES:
    case EPERM:
    case EROFS:
        st = RT_ERR_OUTPUT;
        advice = "; give write access or choose another folder";
        break;
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EEXIST:
    case ELOOP:
    case ENAMETOOLONG:
        st = RT_ERR_OUTPUT;
        advice = "; choose another folder";
        break;
    case ENOTEMPTY:
    case EXDEV: st = RT_ERR_OUTPUT; break;
    default: break;
    }
    rt_fail(err, st, "%s: cannot %s: %s%s", path, verb, strerror(code), advice);
    if (err != NULL)
        err->lasting = code == EFBIG; /* the limit is this process's own, or the file system's */
    return st;
}

rt_status rt_file_parent(const char *path, char **parent, struct rt_error *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return rt_file_path(parent, err, ".");
    return rt_file_path(parent, err, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

rt_status rt_file_room(const char *folder, uint64_t bytes, struct rt_error *err)
{
    struct statvfs fs;
    while (statvfs(folder, &fs) != 0)
        if (errno != EINTR)
            return rt_file_fail_out(err, errno, "ask for the free space of", folder);
    if (fs.f_blocks == 0)
        return RT_OK; /* a file system that does not count: the write will tell */
    const double need = 1.1 * (double)bytes + SPARE_BYTES, have = (double)fs.f_bavail * (double)fs.f_frsize;
    if (have < need)
        return rt_fail(err, RT_ERR_IO, "%s: %.0f MiB free and %.0f MiB needed; make room or write elsewhere",
                       folder, have / 0x1p20, need / 0x1p20);
    return RT_OK;
}

static rt_status sync_fd(int fd, const char *path, bool folder, struct rt_error *err)
{
    while (fsync(fd) != 0) {
        if (folder && (errno == EINVAL || errno == ENOTSUP))
            return RT_OK; /* this file system has nothing to force for a folder */
        if (errno != EINTR)
            return rt_file_fail_out(err, errno, "fsync", path);
    }
    return RT_OK;
}

static rt_status close_fd(int fd, const char *path, struct rt_error *err)
{
    if (close(fd) != 0 && errno != EINTR) /* Linux has closed it when it says EINTR */
        return rt_file_fail_out(err, errno, "close", path);
    return RT_OK;
}

rt_status rt_file_sync(const char *path, bool folder, struct rt_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | (folder ? O_DIRECTORY : 0));
    if (fd < 0)
        return rt_file_fail_out(err, errno, "open", path);
    rt_status st = sync_fd(fd, path, folder, err);
    const rt_status closed = close_fd(fd, path, st == RT_OK ? err : NULL);
    return st != RT_OK ? st : closed;
}

rt_status rt_file_rename(const char *from, const char *to, struct rt_error *err)
{
    return rename(from, to) == 0 ? RT_OK : rt_file_fail_out(err, errno, "rename into place", to);
}

/* *aside (malloc'ed): a free name beside path. */
static rt_status name_aside(const char *path, char **aside, struct rt_error *err)
{
    const char *slash = strrchr(path, '/');
    const int dir = slash == NULL ? 0 : (int)(slash - path) + 1;
    RT_TRY(rt_file_path(aside, err, "%.*s.tmp-%s-%ld", dir, path, path + dir, (long)getpid()));
    if (unlink(*aside) != 0 && errno != ENOENT) { /* left by an earlier process of this number */
        const rt_status st = rt_file_fail_out(err, errno, "write", path);
        free(*aside);
        return st;
    }
    return RT_OK;
}

static rt_status write_parts(int fd, const char *path, const struct rt_file_part *parts, int64_t count,
                             struct rt_error *err)
{
    for (int64_t i = 0; i < count; i++) {
        const char *from = parts[i].data;
        for (size_t left = parts[i].bytes; left > 0;) {
            const ssize_t put = write(fd, from, left < WRITE_BYTES ? left : WRITE_BYTES);
            if (put < 0 && errno == EINTR)
                continue;
            if (put <= 0)
                return rt_file_fail_out(err, put < 0 ? errno : EIO, "write", path);
            from += put;
            left -= (size_t)put;
        }
    }
    return RT_OK;
}

/* aside, forced to disk, takes its final name; on failure before that it is removed. */
static rt_status take_name(const char *aside, const char *path, struct rt_error *err)
{
    char *parent;
    rt_status st = rt_file_parent(path, &parent, err);
    if (st == RT_OK) {
        st = rt_file_rename(aside, path, err);
        if (st == RT_OK) {
            st = rt_file_sync(parent, true, err);
            free(parent);
            return st;
        }
        free(parent);
    }
    (void)unlink(aside); /* the first error is the one to tell */
    return st;
}

static rt_status write_aside(const char *aside, const char *path, const struct rt_file_part *parts,
                             int64_t count, struct rt_error *err)
{
    const int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return rt_file_fail_out(err, errno, "create", path);
    rt_status st = write_parts(fd, path, parts, count, err);
    if (st == RT_OK)
        st = sync_fd(fd, path, false, err);
    const rt_status closed = close_fd(fd, path, st == RT_OK ? err : NULL);
    if (st == RT_OK)
        st = closed;
    if (st != RT_OK)
        (void)unlink(aside);
    return st;
}

/* As rt_file_write, whether there is room or not. */
static rt_status write_anyway(const char *path, const struct rt_file_part *parts, int64_t count,
                              struct rt_error *err)
{
    char *aside;
    RT_TRY(name_aside(path, &aside, err));
    rt_status st = write_aside(aside, path, parts, count, err);
    if (st == RT_OK)
        st = take_name(aside, path, err);
    free(aside);
    return st;
}

rt_status rt_file_write(const char *path, const struct rt_file_part *parts, int64_t count, struct rt_error *err)
{
    rt_status st;
    char *parent;
    uint64_t total = 0;
    for (int64_t i = 0; i < count; i++)
        total += parts[i].bytes;
    RT_TRY(rt_file_parent(path, &parent, err));
    st = rt_file_room(parent, total, err);
    free(parent);
    RT_TRY(st);
    return write_anyway(path, parts, count, err);
}

rt_status rt_file_put(const char *folder, const char *name, const void *data, size_t bytes,
                      struct rt_error *err)
{
    const struct rt_file_part part = { data, bytes };
    char *path;
    RT_TRY(rt_file_path(&path, err, "%s/%s", folder, name));
    const rt_status st = write_anyway(path, &part, 1, err);
    free(path);
    return st;
}

/* mkdir of at, a folder on the way to path or path itself, said code. */
static rt_status fail_folder(int code, const char *at, const char *path, struct rt_error *err)
{
    struct stat sb;
    if (code == EEXIST && stat(at, &sb) == 0)
        return rt_fail(err, RT_ERR_OUTPUT, "%s: cannot make the folder: %s is a file; choose another folder",
                       path, at);
    rt_status st = rt_file_fail_out(err, code, "make the folder", at);
    if (strcmp(at, path) != 0)
        rt_fail_in(err, "%s: ", path);
    return st;
}

/* The new folder's name onto the disk; where the one that holds it may be written to but not read, fsync cannot
 * be asked for. */
static rt_status sync_parent(const char *path, struct rt_error *err)
{
    char *parent;
    RT_TRY(rt_file_parent(path, &parent, err));
    const rt_status st = access(parent, R_OK) == 0 ? rt_file_sync(parent, true, err) : RT_OK;
    free(parent);
    return st;
}

rt_status rt_file_make_folder(const char *path, struct rt_error *err)
{
    rt_status st = RT_OK;
    struct stat sb;
    char *copy;
    RT_TRY(rt_file_path(&copy, err, "%s", path));
    for (char *at = copy; *at != '\0' && st == RT_OK;) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        const char kept = *at;
        *at = '\0';
        if (*copy != '\0' && mkdir(copy, 0777) == 0) {
            st = sync_parent(copy, err);
        } else if (*copy != '\0') {
            const int code = errno;
            if (code != EEXIST || stat(copy, &sb) != 0 || !S_ISDIR(sb.st_mode))
                st = fail_folder(code, copy, path, err);
        }
        *at = kept;
    }
    free(copy);
    return st;
}

static rt_status remove_entries(const char *path, struct rt_error *err)
{
    rt_status st = RT_OK;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return rt_file_fail_out(err, errno, "open", path);
    for (errno = 0;; errno = 0) {
        const struct dirent *entry = readdir(dir);
        char *inner;
        if (entry == NULL) {
            if (errno != 0)
                st = rt_file_fail_out(err, errno, "list", path);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        RT_TRY_TO(st, rt_file_path(&inner, err, "%s/%s", path, entry->d_name), close_dir);
        st = rt_file_remove(inner, err);
        free(inner);
        if (st != RT_OK)
            break;
    }
close_dir:
    closedir(dir);
    return st;
}

rt_status rt_file_remove(const char *path, struct rt_error *err)
{
    struct stat sb;
    if (lstat(path, &sb) != 0)
        return errno == ENOENT ? RT_OK : rt_file_fail_out(err, errno, "remove", path);
    if (S_ISDIR(sb.st_mode)) {
        RT_TRY(remove_entries(path, err));
        return rmdir(path) == 0 ? RT_OK : rt_file_fail_out(err, errno, "remove", path);
    }
    return unlink(path) == 0 ? RT_OK : rt_file_fail_out(err, errno, "remove", path);
}
