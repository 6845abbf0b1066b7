/* read_file.h - a whole file into memory. Private to tools. */
#ifndef RT_TOOLS_READ_FILE_H
#define RT_TOOLS_READ_FILE_H

#include "base/status.h"

#include <stddef.h>

/* *text is malloc'ed and NUL-terminated. Fails: RT_ERR_FILE with path and reason. */
rt_status rt_read_file(const char *path, char **text, size_t *bytes, struct rt_error *err);

#endif
