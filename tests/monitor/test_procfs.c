/* tests/monitor/test_procfs.c - numbers in the texts of /proc, and a host made of such texts, looked at twice.
 */
#include "config.h"
#include "monitor/host.h"
#include "monitor/procfs.h"
#include "tap.h"

#include <ftw.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

/* A file below the root, with its folders. */
static void put(const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *c = whole + strlen(root) + 1; *c != '\0'; c++)
        if (*c == '/') {
            *c = '\0';
            mkdir(whole, 0777);
            *c = '/';
        }
    FILE *f = fopen(whole, "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
        ok(0, "cannot write %s", whole);
}

static int drop(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static bool no_loopback(const char *name, void *context)
{
    (void)context;
    return strcmp(name, "lo") != 0;
}

static void try_texts(void)
{
    static const char stat[] =
        "cpu  30 0 30 140 0 0 0 0 0 0\ncpu0 10 1 9 70 5 1 2 2 0 0\ncpu1 20 0 20 60 0 0 0 0 9 9\n"
        "cpu10 50 0 50 0 0 0 0 0 0 0\nintr 1 2 3\n";
    double x = -1, y = -1;
    char group[64];
    ok(rt_proc_in_list("0-3,8", 2) && rt_proc_in_list("0-3,8", 8) && !rt_proc_in_list("0-3,8", 4) &&
           !rt_proc_in_list("", 0) && !rt_proc_in_list("junk", 0),
       "lists of CPUs");
    bool found = rt_proc_cpus(stat, "0", &x, &y);
    ok(found && x == 23 && y == 100, "CPU 0: %g of %g ticks at work", x, y);
    found = rt_proc_cpus(stat, NULL, &x, &y);
    ok(found && x == 163 && y == 300, "all CPUs: %g of %g ticks", x, y);
    ok(!rt_proc_cpus(stat, "7", &x, &y) && !rt_proc_cpus("cpu 1 2 3\n", NULL, &x, &y) && x == 163,
       "a CPU that is not there, and a text without any");
    found = rt_proc_process("7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 9 9 20 0 1 0 5 6 7", &x);
    ok(found && x == 300, "a process of an odd name: %g ticks", x);
    ok(!rt_proc_process("7 (a", &x) && !rt_proc_process("", &x), "a text that breaks off");
    found = rt_proc_pages("900 300 200 1 0 100 0\n", &x, &y);
    ok(found && x == 300 && y == 200, "pages %g, shared %g", x, y);
    ok(rt_proc_number("rchar: 12\nread_bytes: 4096\n", "read_bytes:", &x) && x == 4096 &&
           !rt_proc_number("cancelled_write_bytes: 1\n", "write_bytes:", &x) &&
           !rt_proc_number("rchar:", "rchar:", &x),
       "a word at the start of a line alone");
    found =
        rt_proc_network("Inter-|   Receive | Transmit\n face |bytes packets errs\n"
                        "    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n  eth0:1000 1 0 0 0 0 0 0 300 1 0 0 0 0 0 0\n"
                        "ib0: 18446744073709551615 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n",
                        no_loopback, NULL, &x, &y);
    ok(found && x == 1000 + 18446744073709551615.0 && y == 307, "interfaces: %g in, %g out", x, y);
    ok(rt_proc_group("12:cpu,cpuacct:/a\n5:cpuset:/b\n0::/c\n", "cpuacct", group, sizeof group) &&
           strcmp(group, "/a") == 0 && rt_proc_group("5:cpuset:/b\n0::/c\n", "", group, sizeof group) &&
           strcmp(group, "/c") == 0 && !rt_proc_group("5:cpuset:/b\n", "cpu", group, sizeof group) &&
           !rt_proc_group("5:cpuset:/b\n", "", group, sizeof group),
       "control groups of both versions");
}

/* What does not change between the looks. */
static void put_host(bool two)
{
    put("/proc/meminfo", "MemTotal:       1000000 kB\nMemFree: 5 kB\nMemAvailable:    400000 kB\n");
    put("/sys/class/net/eth0/device/vendor", "0x15b3\n");
    put("/proc/41/statm", "900 300 200 1 0 100 0\n");
    put("/proc/42/statm", "900 500 250 1 0 100 0\n");
    /* shared pages count by parts */
    put("/proc/41/smaps_rollup",
        "55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss:      500 kB\nPss_Anon: 1 kB\n");
    put("/proc/42/smaps_rollup", "55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss:      300 kB\n");
    put("/proc/self/cgroup", two ? "0::/job\n" : "3:cpuset:/job\n2:cpu,cpuacct:/job\n1:memory:/job\n");
    put(two ? "/sys/fs/cgroup/job/cpuset.cpus.effective" : "/sys/fs/cgroup/cpuset/job/cpuset.effective_cpus",
        "0-1\n");
    put(two ? "/sys/fs/cgroup/job/memory.max" : "/sys/fs/cgroup/memory/job/memory.limit_in_bytes",
        "512000000\n");
    put(two ? "/sys/fs/cgroup/job/memory.current" : "/sys/fs/cgroup/memory/job/memory.usage_in_bytes",
        "384000000\n");
}

/* Counters that have gone on `n` times. Ten seconds lie between two. */
static void put_counters(bool two, int n)
{
    char text[512];
    const long tick = sysconf(_SC_CLK_TCK);
    snprintf(text, sizeof text,
             "cpu0 %d 0 0 %d 0 0 0 0 0 0\ncpu1 %d 0 0 %d 0 0 0 0 0 0\ncpu2 9 0 0 9 0 0 0 0 0 0\n", 100 + 75 * n,
             100 + 25 * n, 0, 100 * n);
    put("/proc/stat", text);
    for (int pid = 41; pid <= 42; pid++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        snprintf(text, sizeof text, "%d (r) S 1 7 7 0 -1 4194560 1 2 3 4 %ld 0 9 9 20 0 1 0 5 6 7", pid,
                 5 * tick * n);
        put(path, text);
        snprintf(path, sizeof path, "/proc/%d/io", pid);
        snprintf(text, sizeof text, "rchar: %d\nwchar: %d\nread_bytes: %d\nwrite_bytes: %d\n", 1000 * n,
                 2000 * n, 300 * n, 400 * n);
        put(path, text);
    }
    snprintf(text, sizeof text,
             "lo: 9 0 0 0 0 0 0 0 9 0 0\neth0: %d 0 0 0 0 0 0 0 %d 0 0\nbr0: %d 0 0 0 0 0 0 0 7 0 0\n",
             5000 * n, 6000 * n, 5000 * n);
    put("/proc/net/dev", text);
    snprintf(text, sizeof text, "%d\n", 250 * n);
    put("/sys/class/infiniband/mlx5_0/ports/1/counters/port_rcv_data", text);
    put("/sys/class/infiniband/mlx5_1/ports/1/counters/port_rcv_data", text);
    snprintf(text, sizeof text, "%d\n", 3 * n);
    put("/sys/class/infiniband/mlx5_0/ports/1/counters/symbol_error", text);
    put("/sys/class/infiniband/mlx5_1/ports/1/counters/link_downed", "2\n");
    /* 30 of 100 periods are those in which the quota was used up */
    snprintf(text, sizeof text,
             "usage_usec %d\nuser_usec 1\nnr_periods %d\nnr_throttled %d\nthrottled_usec 9\n", 15000000 * n,
             100 * n, 30 * n);
    if (!two)
        put("/sys/fs/cgroup/cpu/job/cpu.stat", strstr(text, "nr_periods"));
    if (!two)
        snprintf(text, sizeof text, "%d000\n", 15000000 * n);
    put(two ? "/sys/fs/cgroup/job/cpu.stat" : "/sys/fs/cgroup/cpuacct/job/cpuacct.usage", text);
}

static void try_host(bool two)
{
    const char *v = two ? "version 2" : "version 1";
    const int pids[] = { 41, 42, 43 }, ranks[] = { 4, 5, 6 }; /* the last one is gone */
    struct rt_host_use u;
    const double page = (double)sysconf(_SC_PAGESIZE);
    put_host(two);
    put_counters(two, 1);
    struct rt_host *h = rt_host_open(&(struct rt_host_options){ root, pids, ranks, 3 });
    rt_host_use(h, 100, &u);
    ok(isnan(u.cpu_percent) && isnan(u.ranks_cores) && isnan(u.received_bytes_s), "%s: no rates at first", v);
    ok(u.memory_bytes == 600000 * 1024.0 && u.memory_all_bytes == 1000000 * 1024.0 && u.memory_percent == 75,
       "%s: memory %g of %g, %g %% of what the job may have", v, u.memory_bytes, u.memory_all_bytes,
       u.memory_percent);
    ok(u.memory_limit_bytes == 512000000 && u.group_bytes == 384000000, "%s: the group has %g of %g bytes", v,
       u.group_bytes, u.memory_limit_bytes);
    ok(u.ranks_bytes == (100 + 250 + 250) * page, "%s: ranks have %g bytes", v, u.ranks_bytes);
    ok(u.ranks_pss_bytes == 800 * 1024.0, "%s: with shared ones by parts %g", v, u.ranks_pss_bytes);
    ok(u.fabric_errors == 5, "%s: %g errors of InfiniBand", v, u.fabric_errors);
    put_counters(two, 2);
    rt_host_use(h, 110, &u);
    ok(u.cpu_percent == 37.5, "%s: %g %% of the job's CPUs", v, u.cpu_percent);
    ok(fabs(u.ranks_cores - 1) < 1e-12 && fabs(u.group_cores - 1.5) < 1e-12, "%s: ranks %g CPUs, group %g", v,
       u.ranks_cores, u.group_cores);
    ok(u.throttled_percent == 30, "%s: %g %% of the periods without CPU left", v, u.throttled_percent);
    ok(u.ranks == 3 && u.rank[0].rank == 4 && u.rank[1].rank == 5 && fabs(u.rank[0].cores - 0.5) < 1e-12 &&
           fabs(u.rank[1].cores - 0.5) < 1e-12 && isnan(u.rank[2].cores),
       "%s: rank %d %g CPUs, rank %d %g, one that is gone %g", v, u.rank[0].rank, u.rank[0].cores,
       u.rank[1].rank, u.rank[1].cores, u.rank[2].cores);
    ok(u.fabric_errors == 8, "%s: %g errors of InfiniBand later", v, u.fabric_errors);
    ok(u.read_bytes_s == 200 && u.written_bytes_s == 400 && u.disk_read_bytes_s == 60 &&
           u.disk_written_bytes_s == 80,
       "%s: files %g and %g bytes a second, of storage %g and %g", v, u.read_bytes_s, u.written_bytes_s,
       u.disk_read_bytes_s, u.disk_written_bytes_s);
    ok(u.received_bytes_s == 500 && u.sent_bytes_s == 600, "%s: a bridge does not count twice: %g, %g", v,
       u.received_bytes_s, u.sent_bytes_s);
    ok(u.fabric_received_bytes_s == 200 && isnan(u.fabric_sent_bytes_s),
       "%s: InfiniBand %g, and what it does not tell", v, u.fabric_received_bytes_s);
    put_counters(two, 1);
    rt_host_use(h, 120, &u);
    ok(isnan(u.read_bytes_s) && isnan(u.received_bytes_s), "%s: counters that began anew give no rate", v);
    rt_host_close(h);
    nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
    mkdir(root, 0777);
}

/* Ranks that are bound to CPUs 1 and 2: these count, not the group's. */
static void try_bound(void)
{
    const int pids[] = { 41, 42 };
    struct rt_host_use u;
    put_host(true);
    put("/proc/41/status", "Name:\tr\nCpus_allowed:\t2\nCpus_allowed_list:\t1\n");
    put("/proc/42/status", "Name:\tr\nCpus_allowed:\t4\nCpus_allowed_list:\t1-2\n");
    put_counters(true, 1);
    struct rt_host *h = rt_host_open(&(struct rt_host_options){ root, pids, NULL, 2 });
    rt_host_use(h, 100, &u);
    put("/proc/stat", "cpu0 9999 0 0 0 0 0 0 0 0 0\ncpu1 30 0 0 270 0 0 0 0 0 0\ncpu2 39 0 0 79 0 0 0 0 0 0\n");
    rt_host_use(h, 110, &u);
    /* CPU 1 from 0 and 100 ticks to 30 and 300 in all, CPU 2 from 9 and 18 to 39 and 118 */
    ok(u.cpu_percent == 20, "bound ranks: %g %% of their CPUs", u.cpu_percent);
    ok(u.rank[0].rank == 0 && u.rank[1].rank == 1, "ranks without numbers of their own");
    rt_host_close(h);
    nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
    mkdir(root, 0777);
}

static void try_lists(void)
{
    bool *has = calloc(RT_PROC_CPUS, sizeof *has);
    char list[64], small[6];
    rt_proc_mark("0-3,8", has);
    rt_proc_mark("5,4", has);
    rt_proc_mark("8191-9000,junk", has);
    rt_proc_list(has, list, sizeof list);
    rt_proc_list(has, small, sizeof small);
    ok(strcmp(list, "0-5,8,8191") == 0 && strcmp(small, "0-5,8") == 0, "lists joined: %s, cut: %s", list,
       small);
    memset(has, 0, RT_PROC_CPUS * sizeof *has);
    rt_proc_mark("", has);
    rt_proc_list(has, list, sizeof list);
    ok(list[0] == '\0', "an empty one");
    free(has);
}

int main(void)
{
    struct rt_host_use u;
    const int self = (int)getpid();
    snprintf(root, sizeof root, "/tmp/test_procfs.%d", self);
    mkdir(root, 0777);
    try_texts();
    try_lists();
    try_bound();
    try_host(true);
    try_host(false);
    struct rt_host *h = rt_host_open(&(struct rt_host_options){ root, &self, NULL, 1 });
    rt_host_use(h, 1, &u);
    ok(isnan(u.memory_bytes) && isnan(u.ranks_bytes) && isnan(u.memory_percent), "a host that tells nothing");
    rt_host_close(h);
    rmdir(root);
    h = rt_host_open(&(struct rt_host_options){ NULL, &self, NULL, 1 });
    rt_host_use(h, 1, &u);
    ok(u.memory_bytes > 0 && u.ranks_bytes > 0 && u.memory_percent > 0 && u.memory_percent <= 100,
       "this host: %g bytes in use, %g by this process", u.memory_bytes, u.ranks_bytes);
    rt_host_close(h);
    return tap_done();
}
