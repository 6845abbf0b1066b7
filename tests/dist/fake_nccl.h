/* fake_nccl.h - for tests that use the stand-in for NCCL: how it is found, and what it takes for a stream. */
#ifndef RT_TESTS_DIST_FAKE_NCCL_H
#define RT_TESTS_DIST_FAKE_NCCL_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_stream {
    _Atomic int64_t asked, done; /* calls */
};

/* Starts the program anew with the folder in LD_LIBRARY_PATH, where the loader looks for the library as it
 * would for NCCL's; the folder is given from the program's own. Returns in the new one. Before MPI. */
static inline void fake_nccl_use(const char *folder, char **argv)
{
    char here[4096] = "", path[4200];
    if (getenv("FAKE_NCCL_IN_USE") != NULL || readlink("/proc/self/exe", here, sizeof here - 1) < 0)
        return;
    *strrchr(here, '/') = '\0';
    snprintf(path, sizeof path, "%s/%s", here, folder);
    setenv("LD_LIBRARY_PATH", path, 1);
    setenv("FAKE_NCCL_IN_USE", "yes", 1);
    execv("/proc/self/exe", argv);
}

#endif
