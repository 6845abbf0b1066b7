/* local.c - the folder that is filled: partial files, records, the lock. */
#include "config.h"
#include "base/clock.h"
#include "base/file.h"
#include "fetch/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static rt_status no_memory(struct rt_error *err)
{
    return rt_fail(err, RT_ERR_MEMORY, "no memory for a file name");
}

rt_status rt_local_fail(struct rt_error *err, int code, const char *verb, const char *path)
{
    const rt_status st = rt_file_fail_out(err, code, verb, path);
    if (code == ENOSPC || code == EDQUOT || code == EFBIG)
        strncat(err->text, ": the same command goes on from what is here",
                sizeof err->text - strlen(err->text) - 1);
    return st;
}

/* The folders above path. */
static rt_status make_parents(const char *path, struct rt_error *err)
{
    char *parent;
    RT_TRY(rt_file_parent(path, &parent, err));
    const rt_status st = rt_file_make_folder(parent, err);
    free(parent);
    return st;
}

static char *joined(const char *folder, const char *path, const char *tail)
{
    char *name;
    return asprintf(&name, "%s/%s%s", folder, path, tail) < 0 ? NULL : name;
}

char *rt_local_final(const struct rt_local *local, const struct rt_remote *file)
{
    return joined(local->dir, file->path, "");
}

char *rt_local_partial(const struct rt_local *local, const struct rt_remote *file)
{
    return joined(local->records, file->path, ".incomplete");
}

static char *record_name(const struct rt_local *local, const struct rt_remote *file)
{
    return joined(local->records, file->path, ".metadata");
}

/* A file system that has no locks says so, and the digests still hold: only a lock that another holds is an
 * error. */
static rt_status take_lock(struct rt_local *local, struct rt_error *err)
{
    char *name = joined(local->records, "", ".ranktune.lock");
    if (name == NULL)
        return no_memory(err);
    rt_status st = RT_OK;
    local->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (local->lock_fd < 0)
        st = rt_local_fail(err, errno, "write", name);
    else if (flock(local->lock_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        st = rt_fail(err, RT_ERR_OUTPUT,
                     "--local-dir %s: another ranktune download is at work there; wait for it, or write "
                     "another folder",
                     local->dir);
    free(name);
    return st;
}

rt_status rt_local_open(struct rt_local *local, const char *dir, struct rt_error *err)
{
    *local = (struct rt_local){ .dir = dir, .lock_fd = -1 };
    if (asprintf(&local->records, "%s/.cache/huggingface/download", dir) < 0) {
        local->records = NULL;
        return no_memory(err);
    }
    char *below = joined(local->records, "", "");
    rt_status st = below == NULL ? no_memory(err) : make_parents(below, err);
    free(below);
    if (st == RT_OK)
        st = take_lock(local, err);
    if (st != RT_OK)
        rt_local_close(local);
    return st;
}

void rt_local_close(struct rt_local *local)
{
    if (local->lock_fd >= 0)
        close(local->lock_fd);
    free(local->records);
    *local = (struct rt_local){ .lock_fd = -1 };
}

/* Three lines: commit, digest, seconds since 1970 when the file was right; 0 while it is being fetched. */
static bool record_read(const struct rt_local *local, const struct rt_remote *file, double *time_s)
{
    char *name = record_name(local, file), commit[80], digest[RT_DIGEST_ROOM + 2], time[64];
    FILE *in = name != NULL ? fopen(name, "r") : NULL;
    free(name);
    if (in == NULL)
        return false;
    const bool whole = fgets(commit, sizeof commit, in) != NULL && fgets(digest, sizeof digest, in) != NULL &&
                       fgets(time, sizeof time, in) != NULL;
    fclose(in);
    if (!whole)
        return false;
    digest[strcspn(digest, "\r\n")] = '\0';
    *time_s = strtod(time, NULL);
    return digest[0] != '\0' && strcmp(digest, file->digest) == 0;
}

static rt_status record_write(const struct rt_local *local, const struct rt_remote *file, const char *commit,
                              double time_s, struct rt_error *err)
{
    char *name = record_name(local, file);
    if (name == NULL)
        return no_memory(err);
    rt_status st = make_parents(name, err);
    if (st == RT_OK) {
        FILE *out = fopen(name, "w");
        if (out == NULL || fprintf(out, "%s\n%s\n%.6f\n", commit, file->digest, time_s) < 0)
            st = rt_local_fail(err, errno, "write", name);
        if (out != NULL && fclose(out) != 0 && st == RT_OK)
            st = rt_local_fail(err, errno, "write", name);
    }
    free(name);
    return st;
}

rt_status rt_local_look(const struct rt_local *local, const struct rt_remote *file, enum rt_presence *presence,
                        struct rt_error *err)
{
    struct stat info;
    double time_s;
    char *name = rt_local_final(local, file);
    if (name == NULL)
        return no_memory(err);
    rt_status st = RT_OK;
    *presence = RT_ABSENT;
    if (stat(name, &info) != 0) {
        if (errno != ENOENT)
            st = rt_local_fail(err, errno, "look at", name);
    } else if (!S_ISREG(info.st_mode)) {
        st = rt_fail(err, RT_ERR_OUTPUT,
                     "%s: is no file, and the repository has a file of that name; write another "
                     "--local-dir",
                     name);
    } else if (file->size < 0 || info.st_size == file->size) {
        /* A second to spare: file systems keep times in coarser steps than the clock. */
        if (record_read(local, file, &time_s) && (double)info.st_mtime <= time_s + 1)
            *presence = RT_PRESENT;
        else if (file->size >= 0 && file->kind != RT_DIGEST_NONE)
            *presence = RT_DOUBTFUL;
    }
    free(name);
    return st;
}

int64_t rt_local_held(const struct rt_local *local, const struct rt_remote *file)
{
    struct stat info;
    double time_s;
    char *name = rt_local_partial(local, file);
    const bool there = name != NULL && stat(name, &info) == 0 && S_ISREG(info.st_mode);
    free(name);
    return there && file->size >= 0 && info.st_size <= file->size && record_read(local, file, &time_s)
               ? info.st_size
               : 0;
}

rt_status rt_local_begin(const struct rt_local *local, const struct rt_remote *file, const char *commit,
                         int64_t *held, struct rt_error *err)
{
    *held = rt_local_held(local, file);
    if (*held > 0)
        return RT_OK;
    char *name = rt_local_partial(local, file);
    if (name == NULL)
        return no_memory(err);
    rt_status st = unlink(name) == 0 || errno == ENOENT || errno == ENOTDIR
                       ? RT_OK
                       : rt_local_fail(err, errno, "remove", name);
    free(name);
    return st == RT_OK ? record_write(local, file, commit, 0, err) : st;
}

rt_status rt_local_finish(const struct rt_local *local, const struct rt_remote *file, const char *commit,
                          struct rt_error *err)
{
    char *from = rt_local_partial(local, file), *to = rt_local_final(local, file), *folder = NULL;
    rt_status st = from == NULL || to == NULL ? no_memory(err) : rt_file_parent(to, &folder, err);
    if (st == RT_OK)
        st = rt_file_make_folder(folder, err);
    if (st == RT_OK)
        st = rt_file_rename(from, to, err);
    if (st == RT_OK)
        st = rt_file_sync(folder, true, err);
    free(folder);
    free(from);
    free(to);
    return st == RT_OK ? rt_local_record(local, file, commit, err) : st;
}

rt_status rt_local_record(const struct rt_local *local, const struct rt_remote *file, const char *commit,
                          struct rt_error *err)
{
    return record_write(local, file, commit, rt_wall_s(), err);
}

rt_status rt_local_room(const struct rt_local *local, int64_t bytes, struct rt_error *err)
{
    struct statvfs fs;
    while (statvfs(local->dir, &fs) != 0)
        if (errno != EINTR)
            return rt_local_fail(err, errno, "ask for the free space of", local->dir);
    const double need = (double)bytes * 1.01, have = (double)fs.f_bavail * (double)fs.f_frsize;
    if (fs.f_blocks == 0 || have >= need)
        return RT_OK;
    return rt_fail(err, RT_ERR_IO,
                   "--local-dir %s: %.1f MB are free there and %.1f MB are needed; make room, write another "
                   "folder, or leave files out with --exclude",
                   local->dir, have / 1e6, need / 1e6);
}
