/* process.c - the fields of /proc/PID/stat. */
#include "config.h"
#include "base/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number, counted as proc(5) does; at is where the second field ends. 0: there are not so many. */
static int64_t field(const char *at, int number)
{
    for (int i = 2; at != NULL && i < number; i++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoll(at + 1, NULL, 10);
}

bool rt_process_look(int64_t pid, struct rt_process *process)
{
    char path[64], text[1024];
    *process = (struct rt_process){ .parent = 0 };
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return false;
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    const char *at = strrchr(text, ')'); /* behind the second field, a name that may hold anything */
    if (at == NULL || at[1] != ' ') {
        errno = EIO;
        return false;
    }
    process->state = at[2];
    process->parent = (int)field(at, 4);
    process->start = field(at, 22);
    return true;
}
