/* hub.h - private to fetch: the hub's addresses, its list of a repository, and its refusals in words. */
#ifndef RT_FETCH_HUB_H
#define RT_FETCH_HUB_H

#include "fetch/fetch.h"
#include "fetch/http.h"
#include "fetch/listing.h"

/* A name that a repository can have: "org/name", or "name" of the early ones. Fails: RT_ERR_USAGE. */
rt_status rt_hub_check_repo(const struct rt_fetch_options *opt, struct rt_error *err);

/* Where a file is, malloc'ed. */
rt_status rt_hub_file_url(char **url, const struct rt_fetch_options *opt, const char *commit, const char *path,
                          struct rt_error *err);

/* Why the hub refused and what to do: RT_ERR_FILE. path is the file's, or NULL for the repository itself. */
rt_status rt_hub_refusal(const struct rt_fetch_options *opt, const struct rt_reply *reply, const char *path,
                         struct rt_error *err);

/* Every file of the revision, sorted. Sizes and digests are missing where this hub's lists do not have them. */
rt_status rt_hub_list(struct rt_listing *list, const struct rt_fetch_options *opt, const struct rt_http *http,
                      struct rt_error *err);

#endif
