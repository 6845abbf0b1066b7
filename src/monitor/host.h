/* host.h - what a host and the ranks on it do: CPU, memory, files, network, from /proc, /sys and control
 * groups. */
#ifndef RT_MONITOR_HOST_H
#define RT_MONITOR_HOST_H

#include <stdbool.h>

struct rt_host_options {
    const char *root; /* what /proc and /sys are read under, or NULL for "/" itself; for tests */
    const int *pids;  /* [count] processes of the ranks of this host; copied */
    const int *ranks; /* [count] their numbers; NULL: 0, 1, ...; copied */
    int count;
};
enum { RT_HOST_RANKS = 16 }; /* most that are told one by one */

/* NaN: not known; rates are those since the call before, so NaN in the first. */
struct rt_host_use {
    double cpu_percent;       /* of the CPUs that this job may use (its cpuset, else all) */
    double ranks_cores;       /* CPUs that the ranks kept busy */
    double group_cores;       /* that the job's control group did, with whatever else it started */
    double throttled_percent; /* of the periods of its CPU quota those in which it had used it up */
    double memory_bytes, memory_all_bytes;          /* used by all of the host; what the host has */
    double memory_percent;                          /* of what the job may have */
    double memory_limit_bytes;                      /* that: of its control groups, or all of the host */
    double group_bytes;                             /* that its control group has, kept files included */
    double ranks_bytes;                             /* in memory, of the ranks; what they share counts once */
    double ranks_pss_bytes;                         /* the same with shared pages by parts */
    double read_bytes_s, written_bytes_s;           /* by the ranks' calls, whatever served them */
    double disk_read_bytes_s, disk_written_bytes_s; /* of these, what storage served */
    double received_bytes_s, sent_bytes_s;          /* network interfaces of the host */
    double fabric_received_bytes_s, fabric_sent_bytes_s; /* InfiniBand */
    double fabric_errors;                                /* of its ports since their counters began */
    int ranks;
    struct {
        int rank;
        double cores;      /* CPUs that it kept busy */
    } rank[RT_HOST_RANKS]; /* [ranks] */
};

struct rt_host;
struct rt_host *rt_host_open(const struct rt_host_options *opt); /* NULL: no memory */
void rt_host_close(struct rt_host *host);
/* now_s: monotonic seconds. Some 0.5 ms, more where a host has hundreds of CPUs. The pages of the ranks are
 * counted (ranks_pss_bytes), and the errors of the fabric, as often as that takes 1/2000 of the time, and are
 * the same in between: the kernel looks at each page, and a rank that asks it for memory meanwhile may wait. */
void rt_host_use(struct rt_host *host, double now_s, struct rt_host_use *use);

#endif
