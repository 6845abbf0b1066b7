/* hub.c - what is asked of the hub, and what its answers mean. */
#include "config.h"
#include "fetch/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The list in the repository's description is cut off somewhere from here on; the tree comes in pages and is
 * whole. */
enum { LONG_LIST = 1000, MOST_PAGES = 10000 };

static const char *kind_word(const struct rt_fetch_options *opt)
{
    return opt->dataset ? "data set" : "model";
}

rt_status rt_hub_check_repo(const struct rt_fetch_options *opt, struct rt_error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *name = opt->repo, *slash = strchr(name, '/');
    const size_t first = strspn(name, allowed), second = slash != NULL ? strspn(slash + 1, allowed) : 0;
    const bool one = slash == NULL && first > 0 && name[first] == '\0';
    const bool two = slash == name + first && first > 0 && second > 0 && slash[1 + second] == '\0';
    if ((!one && !two) || strstr(name, "..") != NULL || strlen(name) > 200)
        return rt_fail(err, RT_ERR_USAGE,
                       "\"%.200s\" is no name of a repository; write it as it stands at the top of its "
                       "page, org/name (a data set with --repo-type dataset)",
                       name);
    return RT_OK;
}

/* text with everything but letters, digits, "-._~" and the characters of `keep` as %XX; malloc'ed, NULL without
 * memory. */
static char *escape(const char *text, const char *keep)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    char *out = malloc(3 * strlen(text) + 1), *to = out;
    for (; out != NULL && *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL || strchr(keep, *text) != NULL)
            *to++ = *text;
        else
            to += sprintf(to, "%%%02X", (unsigned char)*text);
    }
    if (out != NULL)
        *to = '\0';
    return out;
}

/* format has two %s: for the two escaped texts. */
static rt_status address(char **url, const struct rt_fetch_options *opt, const char *folder, const char *word,
                         const char *revision, const char *tail, struct rt_error *err)
{
    char *rev = escape(revision, ""), *end = escape(tail, "/?=&");
    const int n = rev == NULL || end == NULL
                      ? -1
                      : asprintf(url, "%s%s%s/%s/%s%s", opt->endpoint, folder, opt->repo, word, rev, end);
    free(rev);
    free(end);
    return n < 0 ? rt_fail(err, RT_ERR_MEMORY, "no memory for an address") : RT_OK;
}

rt_status rt_hub_file_url(char **url, const struct rt_fetch_options *opt, const char *commit, const char *path,
                          struct rt_error *err)
{
    char *escaped = escape(path, "/"), *rev = escape(commit, "");
    const int n = escaped == NULL || rev == NULL
                      ? -1
                      : asprintf(url, "%s/%s%s/resolve/%s/%s", opt->endpoint, opt->dataset ? "datasets/" : "",
                                 opt->repo, rev, escaped);
    free(escaped);
    free(rev);
    return n < 0 ? rt_fail(err, RT_ERR_MEMORY, "no memory for an address") : RT_OK;
}

rt_status rt_hub_refusal(const struct rt_fetch_options *opt, const struct rt_reply *reply, const char *path,
                         struct rt_error *err)
{
    const char *folder = opt->dataset ? "datasets/" : "";
    const bool gated = strcmp(reply->error_code, "GatedRepo") == 0;
    if (gated && opt->token == NULL)
        return rt_fail(err, RT_ERR_FILE,
                       "%s is given only to those who accepted its terms (%ld): open %s/%s%s in a browser, "
                       "accept them, then set HF_TOKEN to a token of that account",
                       opt->repo, reply->status, opt->endpoint, folder, opt->repo);
    if (gated)
        return rt_fail(err, RT_ERR_FILE,
                       "%s is given only to those who accepted its terms, and the token's account has not "
                       "or waits to be let in (%ld%s%s): open %s/%s%s in a browser with that account",
                       opt->repo, reply->status, reply->error_message[0] != '\0' ? ", " : "",
                       reply->error_message, opt->endpoint, folder, opt->repo);
    if (strcmp(reply->error_code, "RevisionNotFound") == 0)
        return rt_fail(err, RT_ERR_FILE,
                       "%s has no revision \"%s\" at %s; write a branch, a tag or a commit, or leave "
                       "--revision out",
                       opt->repo, opt->revision, opt->endpoint);
    if (path != NULL && reply->status == 404)
        return rt_fail(err, RT_ERR_FILE, "%s: %s lists it, but does not have it (404)", path, opt->endpoint);
    if (reply->status == 401 && opt->token != NULL)
        return rt_fail(err, RT_ERR_FILE,
                       "%s does not take the token (401%s%s): it is wrong, has ended, or may not read %s; "
                       "set HF_TOKEN to another, or unset it for what everyone may read",
                       opt->endpoint, reply->error_message[0] != '\0' ? ", " : "", reply->error_message,
                       opt->repo);
    if (reply->status == 401)
        return rt_fail(err, RT_ERR_FILE,
                       "there is no %s %s at %s that everyone may read (401): see that the name is right; if "
                       "it is private, set HF_TOKEN",
                       kind_word(opt), opt->repo, opt->endpoint);
    if (reply->status == 404)
        return rt_fail(err, RT_ERR_FILE,
                       "there is no %s %s at %s (404): see that the name is right%s; if it is private, set "
                       "HF_TOKEN",
                       kind_word(opt), opt->repo, opt->endpoint,
                       opt->dataset ? ", and leave --repo-type dataset out if it is a model"
                                    : ", and add --repo-type dataset if it is a data set");
    if (reply->status == 403)
        return rt_fail(err, RT_ERR_FILE, "%s: %s forbids it (403%s%s); %s", path != NULL ? path : opt->repo,
                       opt->endpoint, reply->error_message[0] != '\0' ? ", " : "", reply->error_message,
                       opt->token != NULL ? "the token may not read this repository" : "set HF_TOKEN");
    return rt_fail(err, RT_ERR_FILE, "%s: %s answers %ld%s%s", path != NULL ? path : opt->repo, opt->endpoint,
                   reply->status, reply->error_message[0] != '\0' ? ": " : "", reply->error_message);
}

static rt_status read_info(struct rt_listing *list, const struct rt_fetch_options *opt, struct rt_exchange *x,
                           struct rt_error *err)
{
    char *url, *text = NULL;
    size_t bytes = 0;
    RT_TRY(address(&url, opt, opt->dataset ? "/api/datasets/" : "/api/models/", "revision", opt->revision,
                   "?blobs=true", err));
    rt_status st = rt_http_text(x, url, &text, &bytes, err);
    if (st == RT_OK && x->reply.status != 200)
        st = rt_hub_refusal(opt, &x->reply, NULL, err);
    if (st == RT_OK)
        st = rt_listing_info(list, text, bytes, url, err);
    free(text);
    free(url);
    return st;
}

/* All pages of the tree; *there is false if this hub has no such list. */
static rt_status read_tree(struct rt_listing *tree, bool *there, const char *commit,
                           const struct rt_fetch_options *opt, struct rt_exchange *x, struct rt_error *err)
{
    char *url = NULL;
    rt_status st = address(&url, opt, opt->dataset ? "/api/datasets/" : "/api/models/", "tree", commit,
                           "?recursive=true", err);
    *there = true;
    for (int page = 0; st == RT_OK && url != NULL && page < MOST_PAGES; page++) {
        char *text = NULL;
        size_t bytes = 0;
        st = rt_http_text(x, url, &text, &bytes, err);
        if (st == RT_OK && x->reply.status == 200)
            st = rt_listing_tree(tree, text, bytes, url, err);
        else if (st == RT_OK && page == 0 && x->reply.status >= 400 && x->reply.status < 500)
            *there = false;
        else if (st == RT_OK)
            st = rt_hub_refusal(opt, &x->reply, NULL, err);
        free(text);
        free(url);
        url = x->reply.next != NULL && st == RT_OK && *there ? strdup(x->reply.next) : NULL;
    }
    free(url);
    return st;
}

rt_status rt_hub_list(struct rt_listing *list, const struct rt_fetch_options *opt, const struct rt_http *http,
                      struct rt_error *err)
{
    struct rt_exchange x;
    struct rt_listing tree = { 0 };
    bool there = false;
    RT_TRY(rt_exchange_open(&x, http, err));
    rt_status st = read_info(list, opt, &x, err);
    if (st == RT_OK && (list->files == 0 || list->files >= LONG_LIST || !rt_listing_whole(list)))
        st = read_tree(&tree, &there, list->commit, opt, &x, err);
    if (st == RT_OK && there && tree.files >= list->files) {
        memcpy(tree.commit, list->commit, sizeof tree.commit);
        rt_listing_free(list);
        *list = tree;
        tree = (struct rt_listing){ 0 };
    }
    if (st == RT_OK)
        st = rt_listing_sort(list, opt->endpoint, err);
    rt_listing_free(&tree);
    rt_exchange_close(&x);
    return st;
}
