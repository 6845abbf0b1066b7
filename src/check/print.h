/* print.h - findings as lines for people or as one JSON object for scripts. Private to check. */
#ifndef RT_CHECK_PRINT_H
#define RT_CHECK_PRINT_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct json_t;

struct rt_print {
    bool json, silent; /* silent: any rank but 0 */
    struct json_t *checks;
    bool failed; /* no memory for one */
};

struct rt_print_finding {
    int code;                      /* RT_OK, RT_WARNING or a failure */
    const char *what, *text, *who; /* text: behind a newline what to do; who "": all ranks, or the job */
};

struct rt_print_sums {
    int64_t fine, warnings, failures;
    int exit_code;
};

void rt_print_open(struct rt_print *print, bool json, bool silent);
void rt_print_close(struct rt_print *print);
void rt_print_line(struct rt_print *print, const struct rt_print_finding *finding);
/* Fails: RT_ERR_IO where standard output does not take it, RT_ERR_MEMORY. */
rt_status rt_print_end(struct rt_print *print, const struct rt_print_sums *sums, struct rt_error *err);

#endif
