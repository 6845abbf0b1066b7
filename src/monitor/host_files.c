/* host_files.c - reads files of a host, and finds the job's control group and CPUs. */
#include "config.h"
#include "monitor/host_files.h"
#include "monitor/procfs.h"

#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_BYTES = 1 << 18 }; /* /proc/stat of a host with 1000 CPUs: 150 KB */

bool rt_host_load(struct rt_host_files *f, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    if (fd < 0)
        return false;
    for (ssize_t n = 1; n > 0 && used<TEXT_BYTES - 1; used += n> 0 ? (size_t)n : 0)
        n = read(fd, f->text + used, TEXT_BYTES - 1 - used);
    close(fd);
    f->text[used] = '\0';
    return used > 0;
}

bool rt_host_has(const struct rt_host_files *f, const char *path)
{
    char whole[2 * RT_HOST_PATH_BYTES];
    snprintf(whole, sizeof whole, "%s%s", f->root, path);
    return access(whole, F_OK) == 0;
}

bool rt_host_load_under(struct rt_host_files *f, const char *path)
{
    char whole[2 * RT_HOST_PATH_BYTES];
    snprintf(whole, sizeof whole, "%s%s", f->root, path);
    return rt_host_load(f, whole);
}

bool rt_host_load_of(struct rt_host_files *f, int pid, const char *file)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    return rt_host_load_under(f, path);
}

bool rt_host_load_group(struct rt_host_files *f, const char *mount, const char *group, const char *file)
{
    char path[RT_HOST_PATH_BYTES + 128];
    snprintf(path, sizeof path, "/sys/fs/cgroup%s%s/%s", mount, group, file);
    if (rt_host_load_under(f, path))
        return true;
    /* In a container the path may be the host's, while only its end is to be seen. */
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", mount, file);
    return rt_host_load_under(f, path);
}

double rt_host_sum_files(struct rt_host_files *f, const char *pattern)
{
    char path[RT_HOST_PATH_BYTES];
    double sum = NAN, x;
    glob_t found;
    snprintf(path, sizeof path, "%s%s", f->root, pattern);
    if (glob(path, GLOB_NOSORT, NULL, &found) != 0)
        return sum;
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (rt_host_load(f, found.gl_pathv[i]) && rt_proc_number(f->text, "", &x))
            sum = (isnan(sum) ? 0 : sum) + x;
    globfree(&found);
    return sum;
}

/* The group's path in the hierarchy of a controller of version 1, or of version 2 for ""; "" where there is
 * none. */
static bool group_of(struct rt_host_files *f, const char *controller, char group[RT_HOST_PATH_BYTES])
{
    const bool found = rt_host_load_under(f, "/proc/self/cgroup") &&
                       rt_proc_group(f->text, controller, group, RT_HOST_PATH_BYTES);
    if (!found)
        group[0] = '\0';
    return found;
}

/* The CPUs of the group's cpuset; false where it says none. */
static bool group_cpus(struct rt_host_files *f)
{
    char group[RT_HOST_PATH_BYTES];
    const bool found = f->two ? rt_host_load_group(f, "", f->group, "cpuset.cpus.effective")
                              : group_of(f, "cpuset", group) &&
                                    (rt_host_load_group(f, "/cpuset", group, "cpuset.effective_cpus") ||
                                     rt_host_load_group(f, "/cpuset", group, "cpuset.cpus"));
    if (found)
        snprintf(f->cpus, sizeof f->cpus, "%.*s", (int)strcspn(f->text, "\n"), f->text);
    return found;
}

/* Where a batch system or a launcher has bound the ranks, the job has these CPUs alone, whatever its group may.
 */
static bool bound_cpus(struct rt_host_files *f, const int *pids, int count)
{
    bool *has = calloc(RT_PROC_CPUS, sizeof *has), found = false;
    for (int i = 0; i < count && has != NULL; i++) {
        const char *list;
        if (!rt_host_load_of(f, pids[i], "status") ||
            (list = rt_proc_word(f->text, "Cpus_allowed_list:")) == NULL)
            continue;
        rt_proc_mark(list, has);
        found = true;
    }
    if (found)
        rt_proc_list(has, f->cpus, sizeof f->cpus);
    free(has);
    return found;
}

/* Both versions of control groups may be there; the one that counts is the one that has the files. */
bool rt_host_files_open(struct rt_host_files *f, const char *root, const int *pids, int count)
{
    memset(f, 0, sizeof *f);
    snprintf(f->root, sizeof f->root, "%s", root != NULL ? root : "");
    f->text = malloc(TEXT_BYTES);
    if (f->text == NULL)
        return false;
    f->two = group_of(f, "", f->group) && rt_host_load_group(f, "", f->group, "cpu.stat");
    if (f->two) {
        memcpy(f->memory_group, f->group, sizeof f->group);
    } else {
        group_of(f, "cpuacct", f->group);
        group_of(f, "memory", f->memory_group);
    }
    if (!bound_cpus(f, pids, count))
        group_cpus(f);
    return true;
}

void rt_host_files_close(struct rt_host_files *f)
{
    free(f->text);
}
