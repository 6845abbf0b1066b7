/* trainer_log.c - trainer_log.jsonl: lines appended, and cut back to a checkpoint. */
#include "config.h"
#include "report/trainer_log.h"
#include "base/pyjson.h"
#include "report/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { DIGEST_BYTES = 1 << 20 };

rt_status rt_trainer_log_open(struct rt_trainer_log *log, const char *output_dir, bool overwrite,
                              struct rt_error *err)
{
    *log = (struct rt_trainer_log){ .fd = -1, .start_anew = overwrite };
    log->path = rt_report_path(output_dir, "trainer_log.jsonl");
    if (log->path == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a file name");
    log->fd = open(log->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return log->fd >= 0 ? RT_OK : rt_fail_errno(err, log->path, "cannot write", errno);
}

bool rt_trainer_log_anew(struct rt_trainer_log *log)
{
    struct stat info;
    const bool unasked = !log->start_anew && fstat(log->fd, &info) == 0 && info.st_size > 0;
    log->start_anew = true;
    return unasked;
}

void rt_trainer_log_close(struct rt_trainer_log *log)
{
    if (log->fd >= 0) {
        fsync(log->fd);
        close(log->fd);
    }
    free(log->path);
    *log = (struct rt_trainer_log){ .fd = -1 };
}

/* A process that was killed while it wrote may have left half a line: the next one must not join it. */
static rt_status end_old_line(struct rt_trainer_log *log, struct rt_error *err)
{
    struct stat info;
    char last;
    if (fstat(log->fd, &info) != 0)
        return rt_fail_errno(err, log->path, "cannot read", errno);
    if (info.st_size == 0 || pread(log->fd, &last, 1, info.st_size - 1) != 1 || last == '\n')
        return RT_OK;
    return rt_report_file_append(log->fd, log->path, "\n", 1, err);
}

rt_status rt_trainer_log_append(struct rt_trainer_log *log, const json_t *line, struct rt_error *err)
{
    if (log->start_anew && ftruncate(log->fd, 0) != 0)
        return rt_fail_errno(err, log->path, "cannot write", errno);
    log->start_anew = false;
    RT_TRY(end_old_line(log, err));
    char *text;
    size_t bytes;
    RT_TRY(rt_pyjson_text(line, (struct rt_pyjson_style){ 0 }, &text, &bytes, err));
    text[bytes] = '\n'; /* in the place of the NUL */
    const rt_status st = rt_report_file_append(log->fd, log->path, text, bytes + 1, err);
    free(text);
    return st;
}

/* The digest of the last MiB before `bytes`; *whole is false if the file is shorter. */
static rt_status digest(const struct rt_trainer_log *log, int64_t bytes, char text[33], bool *whole,
                        struct rt_error *err)
{
    static const char hex[] = "0123456789abcdef";
    const size_t size = bytes < DIGEST_BYTES ? (size_t)bytes : DIGEST_BYTES;
    unsigned char *data = malloc(size + 1);
    if (data == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory to check it", log->path);
    size_t used = 0;
    while (used < size) {
        const ssize_t n =
            pread(log->fd, data + used, size - used, (off_t)(bytes - (int64_t)size + (int64_t)used));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(data);
            return rt_fail_errno(err, log->path, "cannot read", errno);
        }
        if (n == 0)
            break;
        used += (size_t)n;
    }
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits(data, used));
    free(data);
    for (size_t i = 0; i < sizeof c.digest; i++) {
        text[2 * i] = hex[c.digest[i] >> 4];
        text[2 * i + 1] = hex[c.digest[i] & 15];
    }
    text[32] = '\0';
    *whole = used == size;
    return RT_OK;
}

rt_status rt_trainer_log_mark(const struct rt_trainer_log *log, struct rt_trainer_mark *mark,
                              struct rt_error *err)
{
    struct stat info;
    if (fsync(log->fd) != 0 && errno != EINVAL)
        return rt_fail_errno(err, log->path, "cannot write", errno);
    if (fstat(log->fd, &info) != 0)
        return rt_fail_errno(err, log->path, "cannot read", errno);
    struct rt_trainer_mark new = { .bytes = log->start_anew ? 0 : info.st_size };
    bool whole;
    RT_TRY(digest(log, new.bytes, new.digest, &whole, err));
    *mark = new;
    return RT_OK;
}

rt_status rt_trainer_log_return(struct rt_trainer_log *log, const struct rt_trainer_mark *mark, bool *same,
                                struct rt_error *err)
{
    char now[33];
    bool whole;
    RT_TRY(digest(log, mark->bytes, now, &whole, err));
    *same = whole && strcmp(now, mark->digest) == 0;
    if (!*same)
        return RT_OK;
    if (ftruncate(log->fd, mark->bytes) != 0)
        return rt_fail_errno(err, log->path, "cannot cut it back to the checkpoint", errno);
    log->start_anew = false;
    return RT_OK;
}
