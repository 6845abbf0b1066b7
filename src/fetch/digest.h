/* digest.h - private to fetch: files compared with their digests, on threads of their own. */
#ifndef RT_FETCH_DIGEST_H
#define RT_FETCH_DIGEST_H

#include "base/status.h"
#include "fetch/listing.h"

#include <stdatomic.h>

/* One comparison. The caller fills the first part and keeps it until it is taken back. */
struct rt_compare {
    const char *path;
    const struct rt_remote *want;
    bool sync; /* fsync it first: what takes its name afterwards is on the disk */
    void *owner;

    rt_status status; /* RT_OK: same is set; else error */
    bool same;
    char found[65]; /* the digest that it has; of kind SHA1 the git blob's */
    struct rt_error error;
    struct rt_compare *next;
};

struct rt_comparer;

rt_status rt_comparer_open(struct rt_comparer **c, int threads, struct rt_error *err);
/* Waits for what is being read to notice, drops the rest. */
void rt_comparer_close(struct rt_comparer *c);
void rt_comparer_put(struct rt_comparer *c, struct rt_compare *compare);
/* One that is done, or NULL. Does not wait. */
struct rt_compare *rt_comparer_take(struct rt_comparer *c);
/* Bytes read since it was opened. */
int64_t rt_comparer_bytes(struct rt_comparer *c);

/* What the threads do, on this one. `quit` ends it with RT_STOPPED; bytes read are added to *bytes. */
void rt_compare_file(struct rt_compare *compare, const atomic_bool *quit, atomic_llong *bytes);

#endif
