/* cores.c - how many of the machine's cores this process may use. */
#include "config.h"
#include "base/cores.h"

#include <sched.h>

int rt_cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    const int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return cores < 1 ? 1 : cores;
}
