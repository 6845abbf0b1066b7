/* fake_nvml.h - for tests that use the stand-in for NVML: how it is found. */
#ifndef RT_TESTS_MONITOR_FAKE_NVML_H
#define RT_TESTS_MONITOR_FAKE_NVML_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Starts the program anew with the folder (given from the program's own) alone in LD_LIBRARY_PATH and `asked`
 * in FAKE_NVML, and returns in the new one. */
static inline void fake_nvml_use(const char *folder, const char *asked, char **argv)
{
    char here[4096] = "", path[4200];
    if (getenv("FAKE_NVML_IN_USE") != NULL || readlink("/proc/self/exe", here, sizeof here - 1) < 0)
        return;
    *strrchr(here, '/') = '\0';
    snprintf(path, sizeof path, "%s/%s", here, folder);
    setenv("LD_LIBRARY_PATH", path, 1);
    setenv("FAKE_NVML", asked, 1);
    setenv("FAKE_NVML_IN_USE", "yes", 1);
    execv("/proc/self/exe", argv);
}

#endif
