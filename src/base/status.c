/* status.c - failure texts and the one table of exit codes. */
#include "config.h"
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

rt_status rt_fail(struct rt_error *err, rt_status code, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        err->status = code;
        err->exit_code = 0;
        err->lasting = 0;
    }
    return code;
}

rt_status rt_fail_in(struct rt_error *err, const char *fmt, ...)
{
    if (err == NULL)
        return RT_ERR_INTERNAL;
    char rest[sizeof err->text];
    memcpy(rest, err->text, sizeof rest);
    va_list ap;
    va_start(ap, fmt);
    int used = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (used >= 0 && (size_t)used < sizeof err->text)
        snprintf(err->text + used, sizeof err->text - (size_t)used, "%s", rest);
    return err->status;
}

int rt_exit_code(rt_status status)
{
    switch (status) {
    case RT_OK: return 0;
    case RT_ERR_USAGE: return 64;
    case RT_ERR_DATA: return 65;
    case RT_ERR_FILE: return 66;
    case RT_ERR_DEVICE: return 69;
    case RT_ERR_INTERNAL: return 70;
    case RT_ERR_MEMORY: return 71;
    case RT_ERR_OUTPUT: return 73;
    case RT_ERR_IO: return 74;
    case RT_STOPPED: return 75;
    case RT_ERR_COMM: return 76;
    case RT_ERR_JOB: return 78;
    case RT_ERR_NUMBERS: return 79;
    case RT_ERR_HARDWARE: return 80;
    }
    return 70;
}
