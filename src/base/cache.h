/*
 * cache.h - bytes worth keeping, by number: what was computed from a file, for as long as that file stays as it
 * was.
 *
 * Kept in host memory or on a disk, in both cases in a file without a name, so that nothing is left behind
 * however the process ends. Processes of a host can share one: what one puts, all get. It is bounded, and what
 * is in it stays: work that comes round in epochs wants everything equally often, so throwing out would gain
 * nothing. A cache never fails the work: where it cannot keep or give back, it says so in rt_cache_tell and the
 * caller computes again. Thread-safe, but for open, join and close.
 */
#ifndef RT_BASE_CACHE_H
#define RT_BASE_CACHE_H

#include "base/file_id.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_cache;

struct rt_cache_options {
    const char *folder; /* where the file lies; NULL: in memory */
    int64_t entries;    /* numbers are below this */
    size_t most_bytes;
};

/* A new one. Fails: RT_ERR_OUTPUT (no file can be made in the folder), RT_ERR_MEMORY. */
rt_status rt_cache_open(struct rt_cache **cache, const struct rt_cache_options *opt, struct rt_error *err);
/* The last process closes the file for good. NULL is fine. */
void rt_cache_close(struct rt_cache *cache);

/* By which another process of this host, of the same user, can join: plain bytes. The cache must stay open
 * until it has. */
struct rt_cache_address {
    int64_t process, index, data;         /* and its descriptors */
    uint64_t index_file[2], data_file[2]; /* device and inode */
};
struct rt_cache_address rt_cache_address(const struct rt_cache *cache);
/* Another process' cache. Fails: RT_ERR_IO where it cannot be reached, as between containers. */
rt_status rt_cache_join(struct rt_cache **cache, const struct rt_cache_options *opt,
                        const struct rt_cache_address *address, struct rt_error *err);

/* Is there an entry of that number? */
bool rt_cache_has(struct rt_cache *cache, int64_t number);
/* The bytes of an entry, if they were computed from this file and are whole; else the entry is not used any
 * more. */
bool rt_cache_get(struct rt_cache *cache, int64_t number, const struct rt_file_id *file, void *bytes,
                  size_t count);
/* Keep them, unless the entry is there, the file is not known, or there is no room. */
void rt_cache_put(struct rt_cache *cache, int64_t number, const struct rt_file_id *file, const void *bytes,
                  size_t count);

struct rt_cache_news {
    int64_t entries;
    size_t bytes;
    int64_t changed; /* entries given up as their files are others now */
    bool full;       /* something found no room within most_bytes */
    int error; /* errno of the write or read that ended its growth; EBADMSG: bytes came back others; 0: none */
};
void rt_cache_tell(struct rt_cache *cache, struct rt_cache_news *news);

#endif
