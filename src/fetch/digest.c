/* digest.c - a file's digest: SHA-256 of its bytes, or the SHA-1 under which git keeps it. */
#include "config.h"
#include "fetch/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4 << 20 };

/* Up to two digests of the same bytes. */
struct sums {
    EVP_MD_CTX *git, *plain;
};

static bool sums_init(struct sums *s, enum rt_digest_kind kind, int64_t size)
{
    char head[40];
    *s = (struct sums){ 0 };
    if (kind == RT_DIGEST_NONE)
        return true;
    s->plain = EVP_MD_CTX_new();
    if (kind == RT_DIGEST_SHA256)
        return s->plain != NULL && EVP_DigestInit_ex(s->plain, EVP_sha256(), NULL) == 1;
    s->git = EVP_MD_CTX_new();
    const int bytes = snprintf(head, sizeof head, "blob %lld", (long long)size) + 1; /* with the NUL */
    return s->plain != NULL && s->git != NULL && EVP_DigestInit_ex(s->plain, EVP_sha1(), NULL) == 1 &&
           EVP_DigestInit_ex(s->git, EVP_sha1(), NULL) == 1 &&
           EVP_DigestUpdate(s->git, head, (size_t)bytes) == 1;
}

static bool sums_add(struct sums *s, const void *data, size_t bytes)
{
    return (s->plain == NULL || EVP_DigestUpdate(s->plain, data, bytes) == 1) &&
           (s->git == NULL || EVP_DigestUpdate(s->git, data, bytes) == 1);
}

static bool sum_end(EVP_MD_CTX *sum, char hex[65])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    hex[0] = '\0';
    if (sum == NULL)
        return true;
    if (EVP_DigestFinal_ex(sum, raw, &bytes) != 1 || bytes > 32)
        return false;
    for (unsigned i = 0; i < bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
    return true;
}

static void sums_free(struct sums *s)
{
    EVP_MD_CTX_free(s->git);
    EVP_MD_CTX_free(s->plain);
}

static rt_status fail_read(struct rt_compare *c, const char *verb, int code)
{
    return rt_fail(&c->error, RT_ERR_IO, "%s: cannot %s: %s", c->path, verb, strerror(code));
}

static rt_status read_all(struct rt_compare *c, int fd, struct sums *s, int64_t *size, const atomic_bool *quit,
                          atomic_llong *counter)
{
    unsigned char *block = malloc(BLOCK_BYTES);
    if (block == NULL)
        return rt_fail(&c->error, RT_ERR_MEMORY, "no memory to take a digest");
    rt_status st = RT_OK;
    for (*size = 0; st == RT_OK;) {
        const ssize_t got = read(fd, block, BLOCK_BYTES);
        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            st = fail_read(c, "read", errno);
        else if (atomic_load(quit))
            st = rt_fail(&c->error, RT_STOPPED, "stopped");
        else if (!sums_add(s, block, (size_t)got))
            st = rt_fail(&c->error, RT_ERR_INTERNAL, "%s: libcrypto takes no digest", c->path);
        else
            *size += got;
        if (got > 0)
            atomic_fetch_add(counter, got);
    }
    free(block);
    return st;
}

static rt_status compare_open(struct rt_compare *c, int fd, const atomic_bool *quit, atomic_llong *counter)
{
    struct stat info;
    struct sums s = { 0 };
    char git[65], plain[65];
    int64_t size = 0;
    if (c->sync)
        while (fsync(fd) != 0)
            if (errno != EINTR)
                return fail_read(c, "fsync", errno);
    if (fstat(fd, &info) != 0)
        return fail_read(c, "look at", errno);
    c->same = false;
    c->found[0] = '\0';
    if (c->want->size >= 0 && info.st_size != c->want->size)
        return RT_OK;
    rt_status st = RT_OK;
    if (!sums_init(&s, c->want->kind, info.st_size))
        st = rt_fail(&c->error, RT_ERR_INTERNAL, "%s: libcrypto takes no digest", c->path);
    if (st == RT_OK && c->want->kind != RT_DIGEST_NONE)
        st = read_all(c, fd, &s, &size, quit, counter);
    if (st == RT_OK && (!sum_end(s.git, git) || !sum_end(s.plain, plain)))
        st = rt_fail(&c->error, RT_ERR_INTERNAL, "%s: libcrypto takes no digest", c->path);
    sums_free(&s);
    RT_TRY(st);
    snprintf(c->found, sizeof c->found, "%s", git[0] != '\0' ? git : plain);
    c->same = c->want->kind == RT_DIGEST_NONE || strcmp(git, c->want->digest) == 0 ||
              strcmp(plain, c->want->digest) == 0;
    return RT_OK;
}

void rt_compare_file(struct rt_compare *c, const atomic_bool *quit, atomic_llong *bytes)
{
    const int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        c->status = fail_read(c, "open", errno);
        return;
    }
    c->status = compare_open(c, fd, quit, bytes);
    close(fd);
}
