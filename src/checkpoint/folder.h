/* folder.h - manifests and the list of checkpoints in an output folder: private to this folder. */
#ifndef RT_CHECKPOINT_FOLDER_H
#define RT_CHECKPOINT_FOLDER_H

#include "checkpoint/checkpoint.h"

/* fsync of every file in folder, then MANIFEST.json with their sizes and digests, then fsync of the folder.
 * Fails: RT_ERR_IO, RT_ERR_OUTPUT; RT_ERR_INTERNAL when folder holds anything but plain files or note_json is
 * no object. */
rt_status rt_manifest_write(const char *folder, int64_t step, int world_size, const char *note_json,
                            struct rt_error *err);
/* The manifest and every file it names; step is the one it must hold, or -1. from_disk reads past the page
 * cache. */
rt_status rt_manifest_check(const char *folder, int64_t step, bool from_disk, struct rt_error *err);
bool rt_manifest_there(const char *folder);

enum rt_entry_kind {
    RT_ENTRY_CHECKPOINT, /* checkpoint-N */
    RT_ENTRY_OLD,        /* .old-checkpoint-N-PID: stepped aside for a new one of the same step */
    RT_ENTRY_LEFTOVER    /* .tmp-..., .NAME.tmp-..., .trash-checkpoint-...: to be removed */
};
struct rt_entry {
    enum rt_entry_kind kind;
    int64_t step; /* not of a leftover */
    char *path;
};
/* What of ours stands in output_dir, newest step first, a checkpoint before an old one of its step; leftovers
 * last. A folder that is not there holds nothing. */
rt_status rt_entries_list(const char *output_dir, struct rt_entry **entries, int64_t *count,
                          struct rt_error *err);
void rt_entries_free(struct rt_entry *entries, int64_t count);
/* N of "checkpoint-N", or -1 for any other name; and of the last part of a path. */
int64_t rt_entry_step(const char *name);
int64_t rt_entry_step_of(const char *path);

/* Delete the oldest checkpoints beyond limit; `newest`, which has been verified, stays. See
 * rt_checkpoint_commit. */
void rt_checkpoint_rotate(const char *output_dir, int64_t newest, int64_t limit);

#endif
