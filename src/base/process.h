/* process.h - what the system tells of a process of this host. */
#ifndef RT_BASE_PROCESS_H
#define RT_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct rt_process {
    char state;    /* as ps shows it: 'R', 'S', 'T', 'Z', ... */
    int parent;    /* 0: not known */
    int64_t start; /* clock ticks from the system's start to its own; 0: not known */
};

/* false with errno where nothing is told: ENOENT where there is no such process. *process is then all 0. */
bool rt_process_look(int64_t pid, struct rt_process *process);

#endif
