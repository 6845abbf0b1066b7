/* file.h - private to report: records appended whole; bytes that are no UTF-8. */
#ifndef RT_REPORT_FILE_H
#define RT_REPORT_FILE_H

#include "base/status.h"

#include <stddef.h>

/* Bytes that are no UTF-8 become "?": a path on its way into JSON or a picture. Returns text. */
char *rt_utf8_only(char *text);
/* One write(2) at the end of an O_APPEND file; what a full disk let through of it is cut off again. */
rt_status rt_report_file_append(int fd, const char *path, const void *data, size_t bytes, struct rt_error *err);

#endif
