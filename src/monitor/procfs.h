/*
 * procfs.h - numbers in the texts of /proc. Private to monitor.
 *
 * Each function takes a whole text and returns false, with nothing set, where it does not hold what is looked
 * for.
 */
#ifndef RT_MONITOR_PROCFS_H
#define RT_MONITOR_PROCFS_H

#include <stdbool.h>
#include <stddef.h>

/* Is n in a list such as "0-3,8"? An empty list holds nothing. */
bool rt_proc_in_list(const char *list, int n);
enum { RT_PROC_CPUS = 8192 };                                 /* most that a kernel is built for */
void rt_proc_mark(const char *list, bool *has);               /* has[RT_PROC_CPUS]: those in the list as well */
void rt_proc_list(const bool *has, char *list, size_t bytes); /* the list; what does not fit is left out */
/* /proc/stat: ticks that the CPUs in `list` (NULL: all) were at work, and ticks in all. Waiting for a disk is
 * no work. */
bool rt_proc_cpus(const char *text, const char *list, double *busy, double *all);
/* /proc/PID/stat: ticks that a process has computed. */
bool rt_proc_process(const char *text, double *ticks);
/* /proc/PID/statm: pages in memory, and how many of them may be shared. */
bool rt_proc_pages(const char *text, double *resident, double *shared);
/* A line "WORD number", as in /proc/meminfo ("MemTotal:", in kB), /proc/PID/io ("rchar:") and cpu.stat. */
bool rt_proc_number(const char *text, const char *word, double *number);
/* What follows WORD and blanks in its line; NULL where there is no such line. */
const char *rt_proc_word(const char *text, const char *word);
/* /proc/net/dev: bytes of all interfaces of which `counts` says so. */
bool rt_proc_network(const char *text, bool (*counts)(const char *name, void *context), void *context,
                     double *received, double *sent);
/* /proc/PID/cgroup: the process's group in the hierarchy of a controller of version 1, or of version 2 for "".
 */
bool rt_proc_group(const char *text, const char *controller, char *group, size_t bytes);

#endif
