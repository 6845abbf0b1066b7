/* host_files.h - the files of a host below its root, /proc and control groups. Private to monitor. */
#ifndef RT_MONITOR_HOST_FILES_H
#define RT_MONITOR_HOST_FILES_H

#include <stdbool.h>

enum { RT_HOST_PATH_BYTES = 4096 };

struct rt_host_files {
    char root[256];
    char *text;      /* the file read last */
    char cpus[4096]; /* a list of the CPUs that the job may use; "" for all */
    char group[RT_HOST_PATH_BYTES], memory_group[RT_HOST_PATH_BYTES];
    bool two; /* the groups are of version 2 */
};

/* Finds the job's control group and CPUs: those that any of its processes may run on, else those of its group.
 * root: NULL for "/" itself. False: no memory. */
bool rt_host_files_open(struct rt_host_files *f, const char *root, const int *pids, int count);
void rt_host_files_close(struct rt_host_files *f);

bool rt_host_has(const struct rt_host_files *f, const char *path); /* below the root */
/* A file's text into f->text; false where it cannot be read. What does not fit is left out. */
bool rt_host_load(struct rt_host_files *f, const char *path); /* as it is */
bool rt_host_load_under(struct rt_host_files *f, const char *path);
bool rt_host_load_of(struct rt_host_files *f, int pid, const char *file);
/* Of a control group; mount: "" or, of version 1, "/cpuacct", ... */
bool rt_host_load_group(struct rt_host_files *f, const char *mount, const char *group, const char *file);
/* The numbers of all files that match a pattern below the root added up; NaN: there is none. */
double rt_host_sum_files(struct rt_host_files *f, const char *pattern);

#endif
