/* listing.c - the hub's JSON to names, sizes and digests. */
#include "config.h"
#include "fetch/listing.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FILES = 5000000 };

void rt_listing_free(struct rt_listing *list)
{
    for (int64_t i = 0; i < list->files; i++)
        free(list->file[i].path);
    free(list->file);
    *list = (struct rt_listing){ 0 };
}

static rt_status parse(json_t **root, const char *text, size_t bytes, const char *from, struct rt_error *err)
{
    json_error_t at;
    *root = json_loadb(text, bytes, 0, &at);
    return *root != NULL ? RT_OK
                         : rt_fail(err, RT_ERR_FILE,
                                   "%.300s: the answer is not JSON (line %d: %s); is this a hub, and no "
                                   "page to log in at?",
                                   from, at.line, at.text);
}

/* Small hex of one of git's or SHA-256's lengths. */
static enum rt_digest_kind hex_kind(const char *text, size_t bytes)
{
    if (bytes != 40 && bytes != 64)
        return RT_DIGEST_NONE;
    for (size_t i = 0; i < bytes; i++)
        if (strchr("0123456789abcdefABCDEF", text[i]) == NULL || text[i] == '\0')
            return RT_DIGEST_NONE;
    return bytes == 40 ? RT_DIGEST_SHA1 : RT_DIGEST_SHA256;
}

static void set_digest(struct rt_remote *file, enum rt_digest_kind kind, const char *text, size_t bytes)
{
    if (bytes >= sizeof file->digest)
        bytes = sizeof file->digest - 1;
    for (size_t i = 0; i < bytes; i++) {
        const char c = text[i];
        file->digest[i] = c;
        if (kind != RT_DIGEST_NONE && c >= 'A' && c <= 'F')
            file->digest[i] = (char)(c - 'A' + 'a');
        else if ((unsigned char)c <= 0x20 || c == 0x7f) /* it becomes a line of a record */
            file->digest[i] = '_';
    }
    file->digest[bytes] = '\0';
    file->kind = kind;
}

void rt_listing_tag(struct rt_remote *file, const char *tag)
{
    if (strncmp(tag, "W/", 2) == 0)
        tag += 2;
    size_t bytes = strlen(tag);
    if (bytes >= 2 && tag[0] == '"' && tag[bytes - 1] == '"') {
        tag++;
        bytes -= 2;
    }
    set_digest(file, hex_kind(tag, bytes), tag, bytes);
}

/* A digest in a list: absent, null or anything that is none is no digest. */
static void take_digest(struct rt_remote *file, const json_t *value, enum rt_digest_kind kind)
{
    const char *text = json_string_value(value);
    if (text != NULL && hex_kind(text, strlen(text)) == kind)
        set_digest(file, kind, text, strlen(text));
}

static rt_status take_size(struct rt_remote *file, const json_t *value, const char *from, struct rt_error *err)
{
    if (value == NULL || json_is_null(value))
        return RT_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > INT64_C(1) << 50)
        return rt_fail(err, RT_ERR_FILE, "%.300s: the size of %.200s is no number of bytes", from, file->path);
    file->size = (int64_t)json_integer_value(value);
    return RT_OK;
}

/* A new file at the end of the list. */
static rt_status add(struct rt_listing *list, const json_t *name, const char *from, struct rt_error *err)
{
    const char *path = json_string_value(name);
    if (path == NULL)
        return rt_fail(err, RT_ERR_FILE, "%.300s: a file in the list has no name", from);
    if (!rt_listing_name_good(path, json_string_length(name)))
        return rt_fail(err, RT_ERR_FILE,
                       "%.300s: lists a file \"%.200s\", which would not stay inside the folder or would "
                       "change records there; nothing was fetched",
                       from, path);
    if (list->files >= MOST_FILES)
        return rt_fail(err, RT_ERR_FILE, "%.300s: lists more than %d files", from, (int)MOST_FILES);
    if (list->files == list->room) {
        const int64_t room = list->room == 0 ? 64 : 2 * list->room;
        struct rt_remote *longer = realloc(list->file, (size_t)room * sizeof *longer);
        if (longer == NULL)
            return rt_fail(err, RT_ERR_MEMORY, "no memory for a list of files");
        list->file = longer;
        list->room = room;
    }
    struct rt_remote *file = &list->file[list->files];
    *file = (struct rt_remote){ .path = strdup(path), .size = -1 };
    if (file->path == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a list of files");
    list->files++;
    return RT_OK;
}

/* In siblings an LFS file has lfs.sha256, in a tree lfs.oid; other files have the git blob's name. */
static rt_status add_described(struct rt_listing *list, const json_t *entry, const char *name, const char *blob,
                               const char *sha256, const char *from, struct rt_error *err)
{
    if (!json_is_object(entry))
        return rt_fail(err, RT_ERR_FILE, "%.300s: an entry in the list of files is no object", from);
    RT_TRY(add(list, json_object_get(entry, name), from, err));
    struct rt_remote *file = &list->file[list->files - 1];
    const json_t *lfs = json_object_get(entry, "lfs");
    RT_TRY(take_size(file, json_object_get(entry, "size"), from, err));
    if (json_is_object(lfs)) {
        RT_TRY(take_size(file, json_object_get(lfs, "size"), from, err));
        take_digest(file, json_object_get(lfs, sha256), RT_DIGEST_SHA256);
    } else {
        take_digest(file, json_object_get(entry, blob), RT_DIGEST_SHA1);
    }
    return RT_OK;
}

rt_status rt_listing_info(struct rt_listing *list, const char *text, size_t bytes, const char *from,
                          struct rt_error *err)
{
    json_t *root;
    RT_TRY(parse(&root, text, bytes, from, err));
    rt_status st = RT_OK;
    const json_t *siblings = json_object_get(root, "siblings");
    const char *sha = json_string_value(json_object_get(root, "sha"));
    if (sha == NULL || hex_kind(sha, strlen(sha)) == RT_DIGEST_NONE)
        st = rt_fail(err, RT_ERR_FILE, "%.300s: the answer names no commit (sha)", from);
    else if (siblings != NULL && !json_is_array(siblings))
        st = rt_fail(err, RT_ERR_FILE, "%.300s: siblings, the list of files, is no list", from);
    else
        memcpy(list->commit, sha, strlen(sha) + 1);
    for (size_t i = 0; st == RT_OK && i < json_array_size(siblings); i++)
        st = add_described(list, json_array_get(siblings, i), "rfilename", "blobId", "sha256", from, err);
    json_decref(root);
    return st;
}

rt_status rt_listing_tree(struct rt_listing *list, const char *text, size_t bytes, const char *from,
                          struct rt_error *err)
{
    json_t *root;
    RT_TRY(parse(&root, text, bytes, from, err));
    rt_status st = RT_OK;
    if (!json_is_array(root))
        st = rt_fail(err, RT_ERR_FILE, "%.300s: the answer is no list of files", from);
    for (size_t i = 0; st == RT_OK && i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        const char *type = json_string_value(json_object_get(entry, "type"));
        if (type == NULL || strcmp(type, "directory") != 0)
            st = add_described(list, entry, "path", "oid", "oid", from, err);
    }
    json_decref(root);
    return st;
}
