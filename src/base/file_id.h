/*
 * file_id.h - which bytes stand behind a path: enough to notice that a file was changed or replaced.
 *
 * Size, inode and the times of the last change. ctime is set by the kernel on every change and cannot be set
 * back, so a file rewritten with the same size and its mtime restored shows too. What cannot show is a change
 * within one tick of the file system's clock after the file was looked at: hence rt_file_id_settled.
 */
#ifndef RT_BASE_FILE_ID_H
#define RT_BASE_FILE_ID_H

#include <stdbool.h>
#include <stdint.h>

struct rt_file_id {
    int64_t size; /* bytes; 0: not known */
    uint64_t inode;
    int64_t mtime_ns, ctime_ns;
};

/* Of the file at path now; all zeros where there is none. */
struct rt_file_id rt_file_id_of(const char *path);
/* Known, and the same. */
bool rt_file_id_same(const struct rt_file_id *a, const struct rt_file_id *b);
/* The last change lies more than 2 s back: one that is still to come will show. (The coarsest clocks in use,
 * FAT's, tick every 2 s.) */
bool rt_file_id_settled(const struct rt_file_id *id);

#endif
