/* trainer_log.c - trainer_log.jsonl: lines appended, and cut back to a checkpoint. */
#include "config.h"
#include "base/file.h"
#include "base/pyjson.h"
#include "report/file.h"
#include "report/trainer_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGEST_BYTES = 1 << 20 };

rt_status rt_trainer_log_open(struct rt_trainer_log *log, const char *output_dir, bool overwrite,
                              struct rt_error *err)
{
    *log = (struct rt_trainer_log){ .fd = -1, .start_anew = overwrite };
    RT_TRY(rt_file_path(&log->path, err, "%s/trainer_log.jsonl", output_dir));
    log->fd = open(log->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return log->fd >= 0 ? RT_OK : rt_file_fail_out(err, errno, "write", log->path);
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
        return rt_file_fail_in(err, errno, "read", log->path);
    if (info.st_size == 0 || pread(log->fd, &last, 1, info.st_size - 1) != 1 || last == '\n')
        return RT_OK;
    return rt_report_file_append(log->fd, log->path, "\n", 1, err);
}

rt_status rt_trainer_log_append(struct rt_trainer_log *log, const json_t *line, struct rt_error *err)
{
    if (log->start_anew && ftruncate(log->fd, 0) != 0)
        return rt_file_fail_out(err, errno, "write", log->path);
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
static rt_status digest(const struct rt_trainer_log *log, int64_t bytes, char text[RT_DIGEST_CHARS + 1],
                        bool *whole, struct rt_error *err)
{
    rt_status st = RT_OK;
    const size_t size = bytes < DIGEST_BYTES ? (size_t)bytes : DIGEST_BYTES;
    unsigned char *data = malloc(size + 1);
    if (data == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory to check it", log->path);
    const size_t used = rt_file_read_some(log->fd, data, size, (uint64_t)bytes - size);
    *whole = used == size;
    if (errno != 0)
        st = rt_file_fail_in(err, errno, "read", log->path);
    else
        rt_digest_text(data, used, text);
    free(data);
    return st;
}

rt_status rt_trainer_log_sync(const struct rt_trainer_log *log, struct rt_error *err)
{
    return fsync(log->fd) == 0 || errno == EINVAL ? RT_OK : rt_file_fail_out(err, errno, "write", log->path);
}

rt_status rt_trainer_log_mark(const struct rt_trainer_log *log, struct rt_trainer_mark *mark,
                              struct rt_error *err)
{
    struct stat info;
    if (fstat(log->fd, &info) != 0)
        return rt_file_fail_in(err, errno, "read", log->path);
    struct rt_trainer_mark new = { .bytes = log->start_anew ? 0 : info.st_size };
    bool whole;
    RT_TRY(digest(log, new.bytes, new.digest, &whole, err));
    *mark = new;
    return RT_OK;
}

rt_status rt_trainer_log_return(struct rt_trainer_log *log, const struct rt_trainer_mark *mark, bool *same,
                                struct rt_error *err)
{
    char now[RT_DIGEST_CHARS + 1];
    bool whole;
    RT_TRY(digest(log, mark->bytes, now, &whole, err));
    *same = whole && strcmp(now, mark->digest) == 0;
    if (!*same)
        return RT_OK;
    if (ftruncate(log->fd, mark->bytes) != 0)
        return rt_file_fail_out(err, errno, "cut back to the checkpoint", log->path);
    log->start_anew = false;
    return RT_OK;
}
