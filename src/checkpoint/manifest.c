/* manifest.c - MANIFEST.json: what a checkpoint folder holds, so that every changed bit in it is noticed. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/folder.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "MANIFEST.json"
enum { MANIFEST_MAX = 16 << 20 };
/* The file begins with its own digest: HEAD, 32 hex digits, NECK, then the bytes that the digest is of. */
#define HEAD "{\n  \"digest\": \""
#define NECK "\",\n"

bool rt_manifest_there(const char *folder)
{
    return rt_file_there(folder, NAME);
}

static rt_status add_file(json_t *files, const char *folder, const char *name, struct rt_error *err)
{
    rt_status st;
    struct stat sb;
    uint64_t size;
    char hex[RT_DIGEST_CHARS + 1], *path;
    RT_TRY(rt_file_path(&path, err, "%s/%s", folder, name));
    if (lstat(path, &sb) != 0) {
        st = rt_file_fail_out(err, errno, "stat", path);
        goto free_path;
    }
    if (!S_ISREG(sb.st_mode)) {
        st = rt_fail(err, RT_ERR_INTERNAL, "%s: a checkpoint holds plain files only", path);
        goto free_path;
    }
    RT_TRY_TO(st, rt_file_sync(path, false, err), free_path);
    RT_TRY_TO(st, rt_file_digest(path, false, &size, hex, err), free_path);
    if (json_object_set_new(files, name, json_pack("{s:I, s:s}", "size", (json_int_t)size, "xxh3_128", hex)) !=
        0)
        st = rt_fail(err, RT_ERR_INTERNAL, "%s: cannot be listed in " NAME " (is its name UTF-8?)", path);
free_path:
    free(path);
    return st;
}

static rt_status add_files(json_t *files, const char *folder, struct rt_error *err)
{
    rt_status st = RT_OK;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return rt_file_fail_out(err, errno, "open", folder);
    for (errno = 0; st == RT_OK; errno = 0) {
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            if (errno != 0)
                st = rt_file_fail_out(err, errno, "list", folder);
            break;
        }
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, NAME) != 0)
            st = add_file(files, folder, name, err);
    }
    closedir(dir);
    return st;
}

static rt_status put_manifest(const char *folder, const json_t *root, struct rt_error *err)
{
    rt_status st;
    char hex[RT_DIGEST_CHARS + 1], *path = NULL, *text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (text == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for " NAME, folder);
    const char *body = text + 2; /* behind "{\n" */
    rt_digest_text(body, strlen(body), hex);
    RT_TRY_TO(st, rt_file_path(&path, err, "%s/" NAME, folder), free_text);
    const struct rt_file_part parts[] = {
        { HEAD, sizeof HEAD - 1 }, { hex, RT_DIGEST_CHARS }, { NECK, sizeof NECK - 1 }, { body, strlen(body) }
    };
    st = rt_file_write(path, parts, sizeof parts / sizeof *parts, err);
    free(path);
free_text:
    free(text);
    return st;
}

rt_status rt_manifest_write(const char *folder, int64_t step, int world_size, const char *note_json,
                            struct rt_error *err)
{
    rt_status st;
    json_error_t at;
    json_t *run = note_json == NULL ? json_object() : json_loads(note_json, JSON_REJECT_DUPLICATES, &at);
    json_t *files = json_object();
    json_t *root = json_pack("{s:o?, s:s, s:o?, s:I, s:i}", "files", files, "program", PACKAGE_STRING, "run",
                             run, "step", (json_int_t)step, "world_size", world_size);
    if (files == NULL || root == NULL) {
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory for " NAME, folder);
        goto free_root;
    }
    if (!json_is_object(run)) {
        st = rt_fail(err, RT_ERR_INTERNAL, "%s: the caller's part of " NAME " is not a JSON object", folder);
        goto free_root;
    }
    RT_TRY_TO(st, add_files(files, folder, err), free_root);
    RT_TRY_TO(st, put_manifest(folder, root, err), free_root);
    st = rt_file_sync(folder, true, err);
free_root:
    json_decref(root);
    return st;
}

/* The manifest's text and its parsed form, after its own digest held. */
static rt_status load(const char *folder, char **text, json_t **root, struct rt_error *err)
{
    rt_status st;
    json_error_t at;
    size_t bytes;
    char hex[RT_DIGEST_CHARS + 1], *path, *all = NULL;
    const size_t body = sizeof HEAD - 1 + RT_DIGEST_CHARS + sizeof NECK - 1;
    if (!rt_manifest_there(folder))
        return rt_fail(err, RT_ERR_FILE, "%s: has no " NAME " (unfinished, or made by another program)",
                       folder);
    RT_TRY(rt_file_path(&path, err, "%s/" NAME, folder));
    RT_TRY_TO(st, rt_file_load(path, MANIFEST_MAX, &all, &bytes, err), free_path);
    if (bytes >= body)
        rt_digest_text(all + body, bytes - body, hex);
    if (bytes < body || memcmp(all, HEAD, sizeof HEAD - 1) != 0 ||
        memcmp(all + sizeof HEAD - 1, hex, RT_DIGEST_CHARS) != 0 ||
        memcmp(all + body - (sizeof NECK - 1), NECK, sizeof NECK - 1) != 0) {
        st = rt_fail(err, RT_ERR_FILE, "%s: is damaged: its digest does not hold", path);
        goto free_path;
    }
    *root = json_loadb(all, bytes, JSON_REJECT_DUPLICATES, &at);
    if (*root == NULL) {
        st = rt_fail(err, RT_ERR_FILE, "%s:%d: %s", path, at.line, at.text);
        goto free_path;
    }
    *text = all;
    all = NULL;
free_path:
    free(all);
    free(path);
    return st;
}

static rt_status check_file(const char *folder, const char *name, const json_t *entry, bool from_disk,
                            struct rt_error *err)
{
    rt_status st;
    uint64_t size;
    char hex[RT_DIGEST_CHARS + 1], *path;
    const json_t *want_size = json_object_get(entry, "size"), *want_hex = json_object_get(entry, "xxh3_128");
    if (!json_is_integer(want_size) || !json_is_string(want_hex) || strchr(name, '/') != NULL || *name == '\0')
        return rt_fail(err, RT_ERR_FILE, "%s/" NAME ": files: %s: is not a name with size and xxh3_128", folder,
                       name);
    RT_TRY(rt_file_path(&path, err, "%s/%s", folder, name));
    RT_TRY_TO(st, rt_file_digest(path, from_disk, &size, hex, err), free_path);
    if (size != (uint64_t)json_integer_value(want_size))
        st = rt_fail(err, RT_ERR_FILE, "%s: is %llu bytes long and %lld were written", path,
                     (unsigned long long)size, (long long)json_integer_value(want_size));
    else if (strcmp(hex, json_string_value(want_hex)) != 0)
        st = rt_fail(err, RT_ERR_FILE, "%s: is damaged: its digest is not the one in " NAME, path);
free_path:
    free(path);
    return st;
}

rt_status rt_manifest_check(const char *folder, int64_t step, bool from_disk, struct rt_error *err)
{
    rt_status st = RT_OK;
    const char *name;
    char *text;
    json_t *root, *entry;
    RT_TRY(load(folder, &text, &root, err));
    free(text);
    const json_t *files = json_object_get(root, "files"), *held = json_object_get(root, "step");
    if (!json_is_object(files) || !json_is_integer(held))
        st = rt_fail(err, RT_ERR_FILE, "%s/" NAME ": lacks files or step", folder);
    else if (step >= 0 && json_integer_value(held) != step)
        st = rt_fail(err, RT_ERR_FILE, "%s: holds step %lld; the folder was renamed", folder,
                     (long long)json_integer_value(held));
    else
        json_object_foreach ((json_t *)files, name, entry)
            RT_TRY_TO(st, check_file(folder, name, entry, from_disk, err), free_root);
free_root:
    json_decref(root);
    return st;
}

rt_status rt_checkpoint_manifest(const char *folder, char **json, struct rt_error *err)
{
    json_t *root;
    RT_TRY(load(folder, json, &root, err));
    json_decref(root);
    return RT_OK;
}
