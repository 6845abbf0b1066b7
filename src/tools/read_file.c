/* read_file.c - a whole file into memory. */
#include "config.h"
#include "tools/read_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rt_status rt_read_file(const char *path, char **text, size_t *bytes, struct rt_error *err)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return rt_fail(err, RT_ERR_FILE, "%s: %s", path, strerror(errno));
    char *buffer = NULL;
    size_t used = 0, room = 0;
    for (;;) {
        if (room - used < 2) {
            char *grown = realloc(buffer, room = room == 0 ? 1 << 16 : 2 * room);
            if (grown == NULL) {
                free(buffer);
                fclose(f);
                return rt_fail(err, RT_ERR_MEMORY, "%s: out of memory after %zu bytes", path, used);
            }
            buffer = grown;
        }
        const size_t got = fread(buffer + used, 1, room - used - 1, f);
        if (got == 0)
            break;
        used += got;
    }
    const int failed = ferror(f), reason = errno;
    fclose(f);
    if (failed) {
        free(buffer);
        return rt_fail(err, RT_ERR_FILE, "%s: %s", path, strerror(reason));
    }
    buffer[used] = '\0';
    *text = buffer;
    *bytes = used;
    return RT_OK;
}
