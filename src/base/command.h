/* command.h - a short answer from another program, within a time limit. */
#ifndef RT_BASE_COMMAND_H
#define RT_BASE_COMMAND_H

#include <stddef.h>

/* Runs argv (NULL at its end, argv[0] looked for in PATH) and puts the start of what it says on standard output
 * and error into text, NUL-terminated. Returns its exit code, or -1: it cannot be started, was killed, or did
 * not end within limit_s seconds and was killed here. */
int rt_command(const char *const argv[], double limit_s, char *text, size_t bytes);

#endif
