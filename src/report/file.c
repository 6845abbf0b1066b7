/* file.c - whole files written aside and renamed, records appended, failures with path and reason. */
#include "config.h"
#include "report/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>

char *rt_utf8_only(char *text)
{
    for (char *c = text; *c != '\0';) {
        utf8proc_int32_t point;
        const utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)c, -1, &point);
        if (length < 1)
            *c = '?';
        c += length < 1 ? 1 : length;
    }
    return text;
}

char *rt_report_path(const char *folder, const char *name)
{
    const size_t room = strlen(folder) + strlen(name) + 2;
    char *path = malloc(room);
    if (path != NULL)
        snprintf(path, room, "%s/%s", folder, name);
    return path;
}

rt_status rt_fail_errno(struct rt_error *err, const char *path, const char *what, int number)
{
    char reason[128];
    const char *text = strerror_r(number, reason, sizeof reason);
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return rt_fail(err, RT_ERR_IO, "%s: %s: %s; free some space", path, what, text);
    case ENOMEM: return rt_fail(err, RT_ERR_MEMORY, "%s: %s: %s", path, what, text);
    case EACCES:
    case EPERM:
    case EROFS:
        return rt_fail(err, RT_ERR_OUTPUT, "%s: %s: %s; give write access or choose another output_dir", path,
                       what, text);
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return rt_fail(err, RT_ERR_OUTPUT, "%s: %s: %s; choose another output_dir", path, what, text);
    default: return rt_fail(err, RT_ERR_IO, "%s: %s: %s", path, what, text);
    }
}

rt_status rt_folder_make(const char *path, struct rt_error *err)
{
    char *part = strdup(path);
    if (part == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its name", path);
    rt_status st = RT_OK;
    for (char *at = part + (part[0] == '/'); st == RT_OK; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        const char end = *at;
        *at = '\0';
        struct stat info;
        if (part[0] != '\0' && mkdir(part, 0777) != 0 && (errno != EEXIST && stat(part, &info) != 0))
            st = rt_fail_errno(err, part, "cannot make this folder", errno);
        *at = end;
        if (end == '\0')
            break;
    }
    struct stat info;
    if (st == RT_OK && stat(path, &info) != 0)
        st = rt_fail_errno(err, path, "cannot make this folder", errno);
    else if (st == RT_OK && !S_ISDIR(info.st_mode))
        st = rt_fail_errno(err, path, "cannot make this folder", ENOTDIR);
    free(part);
    return st;
}

static int write_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENOSPC;
        data += n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* A rename lasts through a crash only when its folder is on disk too; some file systems cannot sync one. */
static int sync_folder(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    const int failed = fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP ? errno : 0;
    close(fd);
    return failed;
}

rt_status rt_report_file_write(const char *folder, const char *name, const void *data, size_t bytes,
                               struct rt_error *err)
{
    rt_status st = RT_OK;
    char aside_name[300];
    snprintf(aside_name, sizeof aside_name, ".%.200s.tmp-%ld", name, (long)getpid());
    char *path = rt_report_path(folder, name), *aside = rt_report_path(folder, aside_name);
    if (path == NULL || aside == NULL) {
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory for a file name", name);
        goto err_free_paths;
    }
    unlink(aside); /* what a killed process with our number may have left */
    const int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        st = rt_fail_errno(err, path, "cannot write", errno);
        goto err_free_paths;
    }
    int failed = write_all(fd, data, bytes);
    if (failed == 0 && fsync(fd) != 0)
        failed = errno;
    if (close(fd) != 0 && failed == 0)
        failed = errno;
    if (failed == 0 && rename(aside, path) != 0)
        failed = errno;
    if (failed != 0)
        unlink(aside);
    else
        failed = sync_folder(folder);
    if (failed != 0)
        st = rt_fail_errno(err, path, "cannot write", failed);
err_free_paths:
    free(aside);
    free(path);
    return st;
}

static rt_status read_open(int fd, const char *path, size_t max_bytes, char **data, size_t *bytes,
                           struct rt_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return rt_fail(err, RT_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode) || (uintmax_t)info.st_size > max_bytes)
        return rt_fail(err, RT_ERR_FILE, "%s: not a file of at most %zu bytes; remove it", path, max_bytes);
    const size_t room = (size_t)info.st_size;
    char *text = malloc(room + 1);
    if (text == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory to read it", path);
    size_t used = 0;
    while (used < room) {
        const ssize_t n = read(fd, text + used, room - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(text);
            return rt_fail(err, RT_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
        }
        if (n == 0)
            break;
        used += (size_t)n;
    }
    text[used] = '\0';
    *data = text;
    *bytes = used;
    return RT_OK;
}

rt_status rt_report_file_read(const char *path, size_t max_bytes, char **data, size_t *bytes,
                              struct rt_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        *data = NULL;
        *bytes = 0;
        return RT_OK;
    }
    if (fd < 0)
        return rt_fail(err, RT_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    const rt_status st = read_open(fd, path, max_bytes, data, bytes, err);
    close(fd);
    return st;
}

rt_status rt_report_file_append(int fd, const char *path, const void *data, size_t bytes, struct rt_error *err)
{
    ssize_t n;
    do
        n = write(fd, data, bytes);
    while (n < 0 && errno == EINTR);
    if (n >= 0 && (size_t)n == bytes)
        return RT_OK;
    if (n < 0)
        return rt_fail_errno(err, path, "cannot write", errno);
    struct stat info; /* a part of the record is there: without it the file stays readable */
    if (fstat(fd, &info) != 0 || ftruncate(fd, info.st_size - n) != 0)
        return rt_fail(err, RT_ERR_IO, "%s: wrote %zd of %zu bytes and could not cut them off: %s", path, n,
                       bytes, strerror(errno));
    return rt_fail_errno(err, path, "cannot write", ENOSPC);
}
