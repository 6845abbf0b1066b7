/* listing.h - private to fetch: the hub's lists of a repository's files. What they say is not believed: a name
 * that would leave the folder is refused, and sizes and digests are only what the files are compared with. */
#ifndef RT_FETCH_LISTING_H
#define RT_FETCH_LISTING_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rt_digest_kind {
    RT_DIGEST_NONE, /* only a tag of the server's, that tells versions apart */
    RT_DIGEST_SHA1, /* of a git blob, or plain as some mirrors have it */
    RT_DIGEST_SHA256
};
enum { RT_DIGEST_ROOM = 160 };

struct rt_remote {
    char *path;   /* as in the repository */
    int64_t size; /* -1: not listed */
    enum rt_digest_kind kind;
    char digest[RT_DIGEST_ROOM]; /* in small hex; "" if not known */
};

struct rt_listing {
    char commit[65];
    struct rt_remote *file;
    int64_t files, room;
};

/* Empty (all zero) before the first call. */
void rt_listing_free(struct rt_listing *list);

/* The answer of /api/models/ID/revision/REV: commit and "siblings", with sizes and digests where the hub gave
 * them. `from` names the answer in messages. Fails: RT_ERR_FILE, RT_ERR_MEMORY. */
rt_status rt_listing_info(struct rt_listing *list, const char *text, size_t bytes, const char *from,
                          struct rt_error *err);
/* One page of /api/models/ID/tree/COMMIT?recursive=true, added. */
rt_status rt_listing_tree(struct rt_listing *list, const char *text, size_t bytes, const char *from,
                          struct rt_error *err);
/* Sorted by name. A name that stands twice, or is a folder in another, is RT_ERR_FILE. */
rt_status rt_listing_sort(struct rt_listing *list, const char *from, struct rt_error *err);
/* Whether every file has a size and a digest. */
bool rt_listing_whole(const struct rt_listing *list);

/* A relative path without empty, "." and ".." parts, control characters, and parts that git or our own records
 * use. */
bool rt_listing_name_good(const char *path, size_t bytes);
/* The digest that an entity tag holds ("\"abc...\"", W/ before it or not): kind and hex, or the tag's own text.
 */
void rt_listing_tag(struct rt_remote *file, const char *tag);
/* Whether path is asked for: globs over the whole path in which * is anything, / too; "dir/" is "dir/" and a
 * star. */
bool rt_listing_wanted(const char *path, const char *const *include, int64_t includes,
                       const char *const *exclude, int64_t excludes);

#endif
