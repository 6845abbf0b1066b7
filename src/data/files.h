/*
 * files.h - which files a data set is made of, found once by rank 0; joining of paths as Python does it.
 */
#ifndef RT_DATA_FILES_H
#define RT_DATA_FILES_H

#include "base/status.h"

#include <stdint.h>

struct rt_dist;

struct rt_file_list { /* starts as all zeros */
    char **path;
    int64_t count;
};

/* Collective. A file, or the files of a folder sorted by name; all have to be .json or .jsonl. Fails alike
 * everywhere: RT_ERR_FILE (missing, empty folder), RT_ERR_JOB (a kind that is not read: says what to convert it
 * to), RT_ERR_MEMORY. */
rt_status rt_files_find(struct rt_file_list *list, const char *folder, const char *name, struct rt_dist *dist,
                        struct rt_error *err);
void rt_files_free(struct rt_file_list *list);

/* os.path.join: name alone if it is absolute. malloc'ed; NULL without memory. */
char *rt_data_join(const char *folder, const char *name);

#endif
