/* cache.c - bytes worth keeping, by number; contract in cache.h. */
#include "config.h"
#include "base/cache.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "processes share these");

/* The life of an entry: EMPTY, WRITING by one process, READY; GONE for good where its bytes are of no use. */
enum state { EMPTY, WRITING, READY, GONE };

/* Written while WRITING, read while READY. */
struct entry {
    _Atomic uint32_t state;
    uint64_t at, bytes, digest; /* in the data file */
    struct rt_file_id file;
};

/* What the processes share, in memory. */
struct index {
    _Atomic uint64_t used_bytes, kept_bytes;
    _Atomic int64_t entries, changed;
    _Atomic int full, error;
    struct entry entry[];
};

struct rt_cache {
    int64_t entries;
    size_t most_bytes, index_bytes;
    int index_fd, data_fd;
    struct index *index;
};

static int in_memory(const char *name)
{
    return memfd_create(name, MFD_CLOEXEC);
}

/* A file without a name, or one that has lost it at once where the file system knows no such thing. */
static int in_folder(const char *folder)
{
    char path[4096];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (fd >= 0 || (size_t)snprintf(path, sizeof path, "%s/ranktune-XXXXXX", folder) >= sizeof path)
        return fd;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static struct rt_cache *start(const struct rt_cache_options *opt, struct rt_error *err)
{
    struct rt_cache *cache = malloc(sizeof *cache);
    if (cache == NULL) {
        rt_fail(err, RT_ERR_MEMORY, "no memory for a cache");
        return NULL;
    }
    *cache = (struct rt_cache){
        .entries = opt->entries, .most_bytes = opt->most_bytes, .index_fd = -1, .data_fd = -1
    };
    cache->index_bytes = sizeof(struct index) + (size_t)opt->entries * sizeof(struct entry);
    return cache;
}

static rt_status map(struct rt_cache *cache, struct rt_error *err)
{
    void *p = mmap(NULL, cache->index_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cache->index_fd, 0);
    if (p == MAP_FAILED)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a list of %lld entries: %s",
                       (long long)cache->entries, strerror(errno));
    cache->index = p;
    return RT_OK;
}

rt_status rt_cache_open(struct rt_cache **cache, const struct rt_cache_options *opt, struct rt_error *err)
{
    struct rt_cache *c = start(opt, err);
    if (c == NULL)
        return RT_ERR_MEMORY;
    rt_status st = RT_OK;
    c->index_fd = in_memory("ranktune-index");
    /* all of it now: a page that is missing later would end the process */
    const int why = c->index_fd < 0 ? errno : posix_fallocate(c->index_fd, 0, (off_t)c->index_bytes);
    if (why != 0)
        st = rt_fail(err, RT_ERR_MEMORY, "no memory for a list of %lld entries: %s", (long long)c->entries,
                     strerror(why));
    if (st == RT_OK)
        st = map(c, err); /* all zeros: every entry EMPTY */
    if (st == RT_OK) {
        c->data_fd = opt->folder == NULL ? in_memory("ranktune-data") : in_folder(opt->folder);
        if (c->data_fd < 0)
            st = rt_fail(err, RT_ERR_OUTPUT, "%s: no file can be made there: %s",
                         opt->folder == NULL ? "memory" : opt->folder, strerror(errno));
    }
    if (st == RT_OK)
        *cache = c;
    else
        rt_cache_close(c);
    return st;
}

void rt_cache_close(struct rt_cache *cache)
{
    if (cache == NULL)
        return;
    if (cache->index != NULL)
        munmap(cache->index, cache->index_bytes);
    if (cache->index_fd >= 0)
        close(cache->index_fd);
    if (cache->data_fd >= 0)
        close(cache->data_fd);
    free(cache);
}

static void name_file(int fd, uint64_t file[2])
{
    struct stat s = { 0 };
    const bool there = fstat(fd, &s) == 0;
    file[0] = there ? (uint64_t)s.st_dev : 0;
    file[1] = there ? (uint64_t)s.st_ino : 0;
}

struct rt_cache_address rt_cache_address(const struct rt_cache *cache)
{
    struct rt_cache_address address;
    memset(&address, 0, sizeof address);
    address.process = getpid();
    address.index = cache->index_fd;
    address.data = cache->data_fd;
    name_file(cache->index_fd, address.index_file);
    name_file(cache->data_fd, address.data_file);
    return address;
}

/* Another process' descriptor through /proc. The number can be another process' here, in a container: so the
 * file is looked at. */
static int reach(int64_t process, int64_t fd, const uint64_t file[2])
{
    char path[64];
    uint64_t found[2];
    snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)process, (long long)fd);
    const int mine = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (mine < 0)
        return -1;
    name_file(mine, found);
    if (found[0] == file[0] && found[1] == file[1])
        return mine;
    close(mine);
    errno = ESRCH;
    return -1;
}

rt_status rt_cache_join(struct rt_cache **cache, const struct rt_cache_options *opt,
                        const struct rt_cache_address *address, struct rt_error *err)
{
    struct rt_cache *c = start(opt, err);
    if (c == NULL)
        return RT_ERR_MEMORY;
    rt_status st = RT_OK;
    c->index_fd = reach(address->process, address->index, address->index_file);
    c->data_fd = c->index_fd < 0 ? -1 : reach(address->process, address->data, address->data_file);
    if (c->data_fd < 0)
        st = rt_fail(err, RT_ERR_IO, "process %lld's cache cannot be reached: %s", (long long)address->process,
                     strerror(errno));
    if (st == RT_OK)
        st = map(c, err);
    if (st == RT_OK)
        *cache = c;
    else
        rt_cache_close(c);
    return st;
}

bool rt_cache_has(struct rt_cache *cache, int64_t number)
{
    return atomic_load_explicit(&cache->index->entry[number].state, memory_order_acquire) == READY;
}

static void stop_growing(struct rt_cache *cache, int why)
{
    int none = 0;
    atomic_compare_exchange_strong(&cache->index->error, &none, why);
}

/* An entry is not used any more; true for the one who says so first. */
static bool give_up(struct rt_cache *cache, int64_t number)
{
    uint32_t ready = READY;
    struct entry *e = &cache->index->entry[number];
    if (!atomic_compare_exchange_strong(&e->state, &ready, GONE))
        return false;
    atomic_fetch_sub(&cache->index->entries, 1);
    atomic_fetch_sub(&cache->index->kept_bytes, e->bytes);
    return true;
}

/* 0, or why not all of it could be read. */
static int read_at(int fd, void *bytes, size_t count, uint64_t at)
{
    if (rt_file_read_some(fd, bytes, count, at) == count)
        return 0;
    return errno != 0 ? errno : EBADMSG;
}

static int write_at(int fd, const void *bytes, size_t count, uint64_t at)
{
    for (size_t done = 0; done < count;) {
        const ssize_t n = pwrite(fd, (const char *)bytes + done, count - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        done += (size_t)n;
    }
    return 0;
}

bool rt_cache_get(struct rt_cache *cache, int64_t number, const struct rt_file_id *file, void *bytes,
                  size_t count)
{
    const struct entry *e = &cache->index->entry[number];
    if (!rt_cache_has(cache, number))
        return false;
    if (!rt_file_id_same(&e->file, file)) {
        if (give_up(cache, number))
            atomic_fetch_add(&cache->index->changed, 1);
        return false;
    }
    int why = e->bytes == count ? read_at(cache->data_fd, bytes, count, e->at) : EBADMSG;
    if (why == 0 && XXH3_64bits(bytes, count) != e->digest)
        why = EBADMSG; /* a disk that failed to write says so to nobody */
    if (why == 0)
        return true;
    stop_growing(cache, why);
    give_up(cache, number);
    return false;
}

/* Room in the data file; false where the bound allows no more. */
static bool reserve(struct rt_cache *cache, size_t count, uint64_t *at)
{
    struct index *x = cache->index;
    *at = atomic_load(&x->used_bytes);
    do {
        if (count > cache->most_bytes - *at) {
            atomic_store(&x->full, 1);
            return false;
        }
    } while (!atomic_compare_exchange_weak(&x->used_bytes, at, *at + count));
    return true;
}

void rt_cache_put(struct rt_cache *cache, int64_t number, const struct rt_file_id *file, const void *bytes,
                  size_t count)
{
    struct index *x = cache->index;
    struct entry *e = &x->entry[number];
    uint32_t empty = EMPTY;
    uint64_t at = 0;
    if (file->size == 0 || atomic_load(&x->error) != 0 ||
        !atomic_compare_exchange_strong(&e->state, &empty, WRITING))
        return;
    if (!reserve(cache, count, &at)) {
        atomic_store(&e->state, EMPTY);
        return;
    }
    const int why = write_at(cache->data_fd, bytes, count, at);
    if (why != 0) {
        stop_growing(cache, why);
        atomic_store(&e->state, GONE);
        return;
    }
    e->at = at;
    e->bytes = count;
    e->digest = XXH3_64bits(bytes, count);
    e->file = *file;
    atomic_fetch_add(&x->entries, 1);
    atomic_fetch_add(&x->kept_bytes, count);
    atomic_store_explicit(&e->state, READY, memory_order_release);
}

void rt_cache_tell(struct rt_cache *cache, struct rt_cache_news *news)
{
    struct index *x = cache->index;
    *news = (struct rt_cache_news){ .entries = atomic_load(&x->entries),
                                    .bytes = atomic_load(&x->kept_bytes),
                                    .changed = atomic_load(&x->changed),
                                    .full = atomic_load(&x->full) != 0,
                                    .error = atomic_load(&x->error) };
}
