/*
 * file.h - bytes to and from files with every short count, EINTR and error seen.
 *
 * Reading fails with RT_ERR_FILE when the file is missing, unreadable or too short and with RT_ERR_IO when the
 * system could not deliver. Writing fails with RT_ERR_OUTPUT when the place cannot be written to and with
 * RT_ERR_IO when the write itself failed.
 */
#ifndef RT_BASE_FILE_H
#define RT_BASE_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RT_DIGEST_CHARS = 32 }; /* of an xxh3-128 in hex, without the NUL behind it */

struct rt_file_part {
    const void *data;
    size_t bytes;
};

/* *path = the formatted text, malloc'ed. Fails: RT_ERR_MEMORY. */
rt_status rt_file_path(char **path, struct rt_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "path: cannot <verb>: <reason of errno code>", with the status that fits a failed read or a failed write, and
 * for a write with what to do. */
rt_status rt_file_fail_in(struct rt_error *err, int code, const char *verb, const char *path);
rt_status rt_file_fail_out(struct rt_error *err, int code, const char *verb, const char *path);

/* ---- in (file_read.c) ---- */

/* A regular file opened for reading and its size; exactly count bytes from offset, with path for the message.
 * Any number of threads may read from one fd. Fail: RT_ERR_FILE (missing, unreadable, too short), RT_ERR_IO. */
rt_status rt_file_open(int *fd, uint64_t *size, const char *path, struct rt_error *err);
rt_status rt_file_read(int fd, const char *path, uint64_t offset, void *dst, size_t count,
                       struct rt_error *err);
/* Is there a folder/name, of whatever kind? false where that cannot be told. */
bool rt_file_there(const char *folder, const char *name);
/* The whole file, malloc'ed, with a zero byte behind it; larger than limit is RT_ERR_FILE. */
rt_status rt_file_load(const char *path, size_t limit, char **data, size_t *bytes, struct rt_error *err);
/* Size and xxh3-128 of a file; from_disk drops its cached pages first, so that what is read is what is stored.
 */
rt_status rt_file_digest(const char *path, bool from_disk, uint64_t *size, char hex[RT_DIGEST_CHARS + 1],
                         struct rt_error *err);
/* As many of count bytes from offset as there are, whatever interrupts: fewer, with errno 0, at the end of the
 * file, and with another errno where reading failed. */
size_t rt_file_read_some(int fd, void *dst, size_t count, uint64_t offset);
/* xxh3-128 of bytes. */
void rt_digest_text(const void *data, size_t bytes, char hex[RT_DIGEST_CHARS + 1]);

/* ---- out (file.c) ---- */

/* Room for bytes and a tenth more and 64 MiB on the file system that holds folder. */
rt_status rt_file_room(const char *folder, uint64_t bytes, struct rt_error *err);
/* The parts one after the other into a name beside path; fsync, rename to path, fsync of the folder. Asks for
 * rt_file_room first. */
rt_status rt_file_write(const char *path, const struct rt_file_part *parts, int64_t count,
                        struct rt_error *err);
/* The same for folder/name, a small file that takes the last bytes of a disk if it has to. */
rt_status rt_file_put(const char *folder, const char *name, const void *data, size_t bytes,
                      struct rt_error *err);
/* fsync of a file or folder by name. A folder's EINVAL and ENOTSUP are ignored, nothing else is. */
rt_status rt_file_sync(const char *path, bool folder, struct rt_error *err);
rt_status rt_file_rename(const char *from, const char *to, struct rt_error *err);
/* The folder that holds path, malloc'ed. */
rt_status rt_file_parent(const char *path, char **parent, struct rt_error *err);
/* path and every folder above it, the names of new ones forced to disk; one that is there is fine. A failure
 * names path and the folder that it is about. */
rt_status rt_file_make_folder(const char *path, struct rt_error *err);
/* path and all below it; one that is not there is fine. Links are removed, not followed. */
rt_status rt_file_remove(const char *path, struct rt_error *err);

#endif
