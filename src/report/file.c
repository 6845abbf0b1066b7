/* file.c - records appended whole; bytes that are no UTF-8. */
#include "config.h"
#include "base/file.h"
#include "report/file.h"

#include <errno.h>
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

rt_status rt_report_file_append(int fd, const char *path, const void *data, size_t bytes, struct rt_error *err)
{
    ssize_t n;
    do
        n = write(fd, data, bytes);
    while (n < 0 && errno == EINTR);
    if (n >= 0 && (size_t)n == bytes)
        return RT_OK;
    if (n < 0)
        return rt_file_fail_out(err, errno, "write", path);
    struct stat info; /* a part of the record is there: without it the file stays readable */
    if (fstat(fd, &info) != 0 || ftruncate(fd, info.st_size - n) != 0)
        return rt_fail(err, RT_ERR_IO, "%s: wrote %zd of %zu bytes and could not cut them off: %s", path, n,
                       bytes, strerror(errno));
    return rt_file_fail_out(err, ENOSPC, "write", path);
}
