/* file_read.c - whole reads: short counts and EINTR are gone on with, an early end is an error. */
#include "config.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { BLOCK_BYTES = 16 << 20 };

rt_status rt_file_fail_in(struct rt_error *err, int code, const char *verb, const char *path)
{
    const bool system = code == EIO || code == ESTALE || code == ENOMEM || code == EMFILE || code == ENFILE;
    return rt_fail(err, system ? RT_ERR_IO : RT_ERR_FILE, "%s: cannot %s: %s", path, verb, strerror(code));
}

rt_status rt_file_open(int *fd, uint64_t *size, const char *path, struct rt_error *err)
{
    struct stat sb;
    /* O_NONBLOCK: a pipe in a file's place must not hold us up; it means nothing to a regular file */
    const int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0)
        return rt_file_fail_in(err, errno, "open", path);
    if (fstat(opened, &sb) != 0) {
        const int code = errno;
        close(opened);
        return rt_file_fail_in(err, code, "stat", path);
    }
    if (!S_ISREG(sb.st_mode)) {
        close(opened);
        return rt_fail(err, RT_ERR_FILE, "%s: is not a regular file", path);
    }
    *fd = opened;
    *size = (uint64_t)sb.st_size;
    return RT_OK;
}

bool rt_file_there(const char *folder, const char *name)
{
    char *path;
    if (rt_file_path(&path, NULL, "%s/%s", folder, name) != RT_OK)
        return false;
    const bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

size_t rt_file_read_some(int fd, void *dst, size_t count, uint64_t offset)
{
    size_t done = 0;
    errno = 0;
    while (done < count) {
        const size_t ask = count - done < BLOCK_BYTES ? count - done : BLOCK_BYTES;
        const ssize_t got = pread(fd, (char *)dst + done, ask, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return done;
        done += (size_t)got;
    }
    return done;
}

rt_status rt_file_read(int fd, const char *path, uint64_t offset, void *dst, size_t count, struct rt_error *err)
{
    const size_t got = rt_file_read_some(fd, dst, count, offset);
    if (got == count)
        return RT_OK;
    if (errno != 0)
        return rt_file_fail_in(err, errno, "read", path);
    return rt_fail(err, RT_ERR_FILE, "%s: ends at byte %llu, %zu bytes too early", path,
                   (unsigned long long)(offset + got), count - got);
}

rt_status rt_file_load(const char *path, size_t limit, char **data, size_t *bytes, struct rt_error *err)
{
    rt_status st = RT_OK;
    char *all = NULL;
    uint64_t size;
    int fd;
    RT_TRY(rt_file_open(&fd, &size, path, err));
    if (size > limit) {
        st = rt_fail(err, RT_ERR_FILE, "%s: %llu bytes; at most %zu are read", path, (unsigned long long)size,
                     limit);
        goto close_file;
    }
    all = malloc((size_t)size + 1);
    if (all == NULL) {
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its %llu bytes", path, (unsigned long long)size);
        goto close_file;
    }
    st = rt_file_read(fd, path, 0, all, (size_t)size, err);
    if (st != RT_OK) {
        free(all);
        goto close_file;
    }
    all[size] = '\0';
    *data = all;
    *bytes = (size_t)size;
close_file:
    close(fd);
    return st;
}

static void hex_of(XXH128_hash_t hash, char hex[RT_DIGEST_CHARS + 1])
{
    static const char digit[] = "0123456789abcdef";
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, hash);
    for (int i = 0; i < RT_DIGEST_CHARS / 2; i++) {
        hex[2 * i] = digit[bytes.digest[i] >> 4];
        hex[2 * i + 1] = digit[bytes.digest[i] & 15];
    }
    hex[RT_DIGEST_CHARS] = '\0';
}

void rt_digest_text(const void *data, size_t bytes, char hex[RT_DIGEST_CHARS + 1])
{
    hex_of(XXH3_128bits(data, bytes), hex);
}

rt_status rt_file_digest(const char *path, bool from_disk, uint64_t *size, char hex[RT_DIGEST_CHARS + 1],
                         struct rt_error *err)
{
    rt_status st = RT_OK;
    uint64_t total;
    int fd;
    RT_TRY(rt_file_open(&fd, &total, path, err));
    const size_t block_bytes = total < BLOCK_BYTES ? (size_t)total : BLOCK_BYTES;
    char *block = malloc(block_bytes + 1); /* no file is too small to have one */
    XXH3_state_t *hash = XXH3_createState();
    if (block == NULL || hash == NULL || XXH3_128bits_reset(hash) != XXH_OK) {
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory to read it back", path);
        goto free_block;
    }
    (void)posix_fadvise(fd, 0, 0, from_disk ? POSIX_FADV_DONTNEED : POSIX_FADV_SEQUENTIAL); /* advice only */
    for (uint64_t at = 0; at < total;) {
        const size_t ask = total - at < block_bytes ? (size_t)(total - at) : block_bytes;
        RT_TRY_TO(st, rt_file_read(fd, path, at, block, ask, err), free_block);
        if (XXH3_128bits_update(hash, block, ask) != XXH_OK) {
            st = rt_fail(err, RT_ERR_INTERNAL, "%s: its digest could not be computed", path);
            goto free_block;
        }
        at += ask;
    }
    hex_of(XXH3_128bits_digest(hash), hex);
    *size = total;
free_block:
    XXH3_freeState(hash);
    free(block);
    close(fd);
    return st;
}
