/* file.h - private to report: whole files written aside and renamed, and failures with path and reason. */
#ifndef RT_REPORT_FILE_H
#define RT_REPORT_FILE_H

#include "base/status.h"

#include <stddef.h>

/* Bytes that are no UTF-8 become "?": a path on its way into JSON or a picture. Returns text. */
char *rt_utf8_only(char *text);
/* folder/name, malloc'ed; NULL without memory. */
char *rt_report_path(const char *folder, const char *name);
/* "path: what: reason" for errno `number`: RT_ERR_IO for a full disk or a failing one, RT_ERR_OUTPUT for the
 * rest. */
rt_status rt_fail_errno(struct rt_error *err, const char *path, const char *what, int number);
/* mkdir -p. */
rt_status rt_folder_make(const char *path, struct rt_error *err);
/* folder/name with these bytes: whole under its name, or not there; fsync'ed. */
rt_status rt_report_file_write(const char *folder, const char *name, const void *data, size_t bytes,
                               struct rt_error *err);
/* All of a file, malloc'ed and with a NUL behind it. A file that is not there: RT_OK and *data NULL.
 * Fails: RT_ERR_IO, RT_ERR_FILE (more than max_bytes), RT_ERR_MEMORY. */
rt_status rt_report_file_read(const char *path, size_t max_bytes, char **data, size_t *bytes,
                              struct rt_error *err);
/* One write(2) at the end of an O_APPEND file; what a full disk let through of it is cut off again. */
rt_status rt_report_file_append(int fd, const char *path, const void *data, size_t bytes, struct rt_error *err);

#endif
