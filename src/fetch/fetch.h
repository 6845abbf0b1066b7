/*
 * fetch.h - a repository of a Hugging Face compatible hub into a folder.
 *
 * What has come is never lost: a file grows under DIR/.cache/huggingface/download/PATH.incomplete, is compared
 * with the digest that the hub lists, and only then takes its name. A second call asks for the rest with a
 * range. The records beside the partial files (PATH.metadata) are those of the hub's own tool, so either can go
 * on from the other.
 */
#ifndef RT_FETCH_FETCH_H
#define RT_FETCH_FETCH_H

#include "base/status.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct rt_fetch_options {
    const char *endpoint; /* "https://huggingface.co", HF_ENDPOINT */
    const char *token;    /* HF_TOKEN, or NULL; sent to the endpoint's host alone */
    const char *ca_file;  /* certificates to trust instead of the system's, or NULL */
    const char *repo;     /* "org/name" */
    const char *revision; /* branch, tag or commit: "main" */
    bool dataset;         /* --repo-type dataset */
    const char *local_dir;
    const char *const *include, *const
                                    *exclude; /* globs over whole paths, "*" also over "/"; no include: all */
    int64_t includes, excludes;
    int max_workers; /* files at once, 1 to 64 */
    int retries;     /* tries one after the other that brought nothing, then it is given up */
    double stall_s;  /* a connection on which nothing came for so long is cut, HF_HUB_DOWNLOAD_TIMEOUT */
    bool verify;     /* digests of files too that the records call right */
};

struct rt_fetch_count {
    int64_t files, files_right;            /* of those asked for */
    int64_t bytes, bytes_held;             /* of those of known size: the sum, and what is here */
    int64_t fetched, cuts;                 /* bytes that came over the wire; connections that ended early */
    int64_t bytes_checked, bytes_to_check; /* of files that were here before */
};

/* For whoever looks on; each may be NULL. All are called by the thread that called rt_fetch. */
struct rt_fetch_watch {
    void (*check)(void *context,
                  const struct rt_fetch_count *count);               /* while digests of files here are taken */
    void (*move)(void *context, const struct rt_fetch_count *count); /* while files come */
    void (*say)(void *context, bool warning, const char *text);
    void *context;
};

struct rt_fetch_result {
    char commit[65];
    struct rt_fetch_count count;
};

/* All files asked for are in local_dir and right, or an error. *stop not 0 ends it with RT_STOPPED.
 * Fails: RT_ERR_USAGE (no such repository name, no file matches), RT_ERR_FILE (missing, refused, or not what
 * the hub lists: the other files are fetched first), RT_ERR_COMM (the network), RT_ERR_IO and RT_ERR_OUTPUT
 * (local_dir), RT_ERR_MEMORY. *result is set in every case. */
rt_status rt_fetch(const struct rt_fetch_options *opt, const struct rt_fetch_watch *watch,
                   const volatile sig_atomic_t *stop, struct rt_fetch_result *result, struct rt_error *err);

#endif
