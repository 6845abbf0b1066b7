/* folder.c - a checkpoint's life: begun aside, committed by rename, read back, found again. */
#include "config.h"
#include "base/batch_job.h"
#include "base/file.h"
#include "checkpoint/folder.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum { NFS_WAIT_S = 60 };

/* What a killed writer left: unfinished folders go, an old checkpoint that nothing replaced takes its name
 * again. */
rt_status rt_checkpoint_tidy(const char *output_dir, struct rt_error *err)
{
    rt_status st = RT_OK;
    struct rt_entry *entry, *named = NULL; /* the last one with a final name */
    int64_t count;
    RT_TRY(rt_entries_list(output_dir, &entry, &count, err));
    for (int64_t i = 0; i < count && st == RT_OK; i++) {
        const bool replaced = named != NULL && named->step == entry[i].step;
        if (entry[i].kind == RT_ENTRY_CHECKPOINT) {
            named = &entry[i];
        } else if (entry[i].kind == RT_ENTRY_LEFTOVER) {
            (void)rt_file_remove(entry[i].path, NULL); /* or by the next one that begins */
        } else if (replaced) {
            if (rt_manifest_check(named->path, named->step, false, NULL) == RT_OK)
                (void)rt_file_remove(entry[i].path, NULL);
        } else {
            char *path;
            RT_TRY_TO(st, rt_file_path(&path, err, "%s/checkpoint-%lld", output_dir, (long long)entry[i].step),
                      free_entries);
            st = rt_file_rename(entry[i].path, path, err);
            free(entry[i].path);
            entry[i].path = path;
            named = &entry[i];
        }
    }
free_entries:
    rt_entries_free(entry, count);
    return st;
}

rt_status rt_checkpoint_begin(const char *output_dir, int64_t step, char **folder, struct rt_error *err)
{
    char *path, job[RT_BATCH_ID_CHARS];
    RT_TRY(rt_file_make_folder(output_dir, err));
    RT_TRY(rt_checkpoint_tidy(output_dir, err));
    RT_TRY(rt_file_path(&path, err, "%s/.tmp-checkpoint-%lld-%s", output_dir, (long long)step,
                        rt_batch_name(job)));
    rt_status st = rt_file_remove(path, err);
    if (st == RT_OK && mkdir(path, 0777) != 0)
        st = rt_file_fail_out(err, errno, "make the folder", path);
    if (st == RT_OK)
        *folder = path;
    else
        free(path);
    return st;
}

/* folder is now at path, and what stood there at old. A failure puts both back. */
static rt_status swap_in(const char *output_dir, const char *folder, const char *path, const char *old,
                         int64_t step, struct rt_error *err)
{
    rt_status st;
    struct stat sb;
    const bool replaces = lstat(path, &sb) == 0;
    if (replaces) {
        RT_TRY(rt_file_remove(old, err));
        RT_TRY(rt_file_rename(path, old, err));
    }
    RT_TRY_TO(st, rt_file_rename(folder, path, err), err_put_old_back);
    RT_TRY_TO(st, rt_file_sync(output_dir, true, err), err_put_new_back);
    st = rt_manifest_check(path, step, true, err);
    if (st == RT_OK)
        return RT_OK;
    rt_fail_in(err, "read back after writing: ");
err_put_new_back:
    (void)rt_file_rename(path, folder, NULL); /* the first error is the one to tell */
err_put_old_back:
    if (replaces)
        (void)rt_file_rename(old, path, NULL);
    (void)rt_file_sync(output_dir, true, NULL);
    return st;
}

/* For people and scripts; what goes on from a checkpoint looks for itself. */
static rt_status name_latest(const char *output_dir, int64_t step, struct rt_error *err)
{
    char text[64];
    const int n = snprintf(text, sizeof text, "checkpoint-%lld\n", (long long)step);
    return rt_file_put(output_dir, "latest", text, (size_t)n, err);
}

rt_status rt_checkpoint_commit(const char *output_dir, int64_t step, const char *folder, int world_size,
                               int64_t save_total_limit, const char *note_json, struct rt_error *err)
{
    rt_status st;
    char *path, *old;
    RT_TRY_TO(st, rt_manifest_write(folder, step, world_size, note_json, err), err_not_input);
    RT_TRY(rt_file_path(&path, err, "%s/checkpoint-%lld", output_dir, (long long)step));
    RT_TRY_TO(
        st, rt_file_path(&old, err, "%s/.old-checkpoint-%lld-%ld", output_dir, (long long)step, (long)getpid()),
        free_path);
    st = swap_in(output_dir, folder, path, old, step, err);
    if (st == RT_OK) { /* the checkpoint stands; what is left to delete can wait for the next one */
        (void)rt_file_remove(old, NULL);
        (void)name_latest(output_dir, step, NULL);
        rt_checkpoint_rotate(output_dir, step, save_total_limit);
    }
    free(old);
free_path:
    free(path);
err_not_input:
    if (st == RT_ERR_FILE) { /* what we wrote ourselves and cannot read is no bad input */
        st = RT_ERR_IO;
        if (err != NULL)
            err->status = st;
    }
    return st;
}

rt_status rt_checkpoint_room(const char *output_dir, uint64_t bytes, int64_t save_total_limit,
                             struct rt_error *err)
{
    char *newest = NULL;
    int64_t step = -1;
    if (rt_file_room(output_dir, bytes, NULL) == RT_OK)
        return RT_OK;
    if (save_total_limit > 1 && rt_checkpoint_newest(output_dir, &newest, &step, NULL, NULL, NULL) == RT_OK &&
        newest != NULL)
        rt_checkpoint_rotate(output_dir, step, save_total_limit > 2 ? save_total_limit - 1 : save_total_limit);
    free(newest);
    return rt_file_room(output_dir, bytes, err);
}

void rt_checkpoint_abandon(const char *folder)
{
    (void)rt_file_remove(folder, NULL); /* or by the next one that begins */
}

/* On NFS another host can see a folder that was just renamed before its files: a minute is given to the newest.
 */
static void wait_for_manifest(const struct rt_entry *entry)
{
    const struct timespec nap = { .tv_sec = 1 };
    struct statfs fs;
    for (int s = 0; s < NFS_WAIT_S && !rt_manifest_there(entry->path) && !rt_checkpoint_foreign(entry->path);
         s++) {
        if (statfs(entry->path, &fs) != 0 || fs.f_type != NFS_SUPER_MAGIC)
            return;
        nanosleep(&nap, NULL);
    }
}

/* Is it good? One of ours by its manifest, not from the disk; one of LLaMA-Factory, of which all is read. */
static rt_status check(const char *folder, int64_t step, struct rt_error *err)
{
    struct rt_foreign *f;
    if (!rt_checkpoint_foreign(folder))
        return rt_manifest_check(folder, step, false, err);
    RT_TRY(rt_foreign_open(&f, folder, err));
    rt_foreign_close(f);
    return RT_OK;
}

rt_status rt_checkpoint_verify(const char *folder, struct rt_error *err)
{
    return check(folder, rt_entry_step_of(folder), err);
}

rt_status rt_checkpoint_newest(const char *output_dir, char **folder, int64_t *step,
                               void (*note)(const char *text, void *context), void *context,
                               struct rt_error *err)
{
    rt_status st = RT_OK;
    struct rt_entry *entry;
    struct rt_error bad;
    int64_t count;
    RT_TRY(rt_entries_list(output_dir, &entry, &count, err));
    *folder = NULL;
    if (count > 0 && entry[0].kind == RT_ENTRY_CHECKPOINT)
        wait_for_manifest(&entry[0]);
    for (int64_t i = 0; i < count && entry[i].kind != RT_ENTRY_LEFTOVER; i++) {
        st = check(entry[i].path, entry[i].step, &bad);
        if (st == RT_OK) {
            *step = entry[i].step;
            *folder = entry[i].path;
            entry[i].path = NULL;
            break;
        }
        if (st == RT_ERR_MEMORY) {
            rt_fail(err, st, "%s", bad.text);
            break;
        }
        if (note != NULL)
            note(bad.text, context);
        st = RT_OK;
    }
    rt_entries_free(entry, count);
    return st;
}
