/* host.c - reads what a host and the ranks on it do, and makes rates of counters. */
#include "config.h"
#include "monitor/host.h"
#include "base/room.h"
#include "monitor/procfs.h"

#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_BYTES = 1 << 18, PATH_BYTES = 4096 }; /* /proc/stat of a host with 1000 CPUs: 150 KB */

/* Counters that only grow; NaN: not known. */
struct counters {
    double busy, all;    /* ticks */
    double ranks, group; /* s */
    double read, written, disk_read, disk_written;
    double received, sent, fabric_received, fabric_sent;
};

struct rt_host {
    char root[256];
    int *pids;
    int count;
    char *text;      /* [TEXT_BYTES] the file read last */
    char cpus[1024]; /* the job's cpuset; "" for all */
    char group[PATH_BYTES];
    bool two;     /* group is of version 2 */
    bool devices; /* some interface belongs to a device: those that do not would count bytes twice */
    double tick_s, page_bytes;
    double then_s; /* of the call before; NaN: none */
    struct counters then;
};

static const struct counters unknown = { NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };

/* A file as a text; false where it cannot be read. What does not fit is left out. */
static bool load(struct rt_host *h, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    if (fd < 0)
        return false;
    for (ssize_t n = 1; n > 0 && used<TEXT_BYTES - 1; used += n> 0 ? (size_t)n : 0)
        n = read(fd, h->text + used, TEXT_BYTES - 1 - used);
    close(fd);
    h->text[used] = '\0';
    return used > 0;
}

static bool load_under(struct rt_host *h, const char *path)
{
    char whole[2 * PATH_BYTES];
    snprintf(whole, sizeof whole, "%s%s", h->root, path);
    return load(h, whole);
}

static bool load_of(struct rt_host *h, int pid, const char *file)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    return load_under(h, path);
}

static bool load_group(struct rt_host *h, const char *mount, const char *file)
{
    char path[PATH_BYTES + 128];
    snprintf(path, sizeof path, "/sys/fs/cgroup%s%s/%s", mount, h->group, file);
    if (load_under(h, path))
        return true;
    /* In a container the path may be the host's, while only its end is to be seen. */
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", mount, file);
    return load_under(h, path);
}

/* Once: which CPUs are the job's, and where its control group is. Both versions may be there; the one that
 * counts is the one that has the files. */
static void find_group(struct rt_host *h)
{
    bool found = false;
    if (!load_under(h, "/proc/self/cgroup"))
        return;
    h->two = rt_proc_group(h->text, "", h->group, sizeof h->group) && load_group(h, "", "cpu.stat");
    if (h->two)
        found = load_group(h, "", "cpuset.cpus.effective");
    else if (load_under(h, "/proc/self/cgroup") && rt_proc_group(h->text, "cpuset", h->group, sizeof h->group))
        found = load_group(h, "/cpuset", "cpuset.effective_cpus") || load_group(h, "/cpuset", "cpuset.cpus");
    if (found)
        snprintf(h->cpus, sizeof h->cpus, "%.*s", (int)strcspn(h->text, "\n"), h->text);
    if (!h->two && load_under(h, "/proc/self/cgroup") &&
        !rt_proc_group(h->text, "cpuacct", h->group, sizeof h->group))
        h->group[0] = '\0';
}

static bool has_device(const struct rt_host *h, const char *name)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/sys/class/net/%s/device", h->root, name);
    return access(path, F_OK) == 0;
}

static bool find_devices(const char *name, void *context)
{
    struct rt_host *h = context;
    h->devices = h->devices || has_device(h, name);
    return false;
}

static bool counts(const char *name, void *context)
{
    const struct rt_host *h = context;
    return h->devices ? has_device(h, name) : strcmp(name, "lo") != 0;
}

struct rt_host *rt_host_open(const struct rt_host_options *opt)
{
    struct rt_host *h = calloc(1, sizeof *h);
    double in, out;
    if (h == NULL)
        return NULL;
    snprintf(h->root, sizeof h->root, "%s", opt->root != NULL ? opt->root : "");
    h->count = opt->count;
    h->pids = calloc((size_t)opt->count + 1, sizeof *h->pids);
    h->text = malloc(TEXT_BYTES);
    h->then_s = NAN;
    h->then = unknown;
    if (h->pids == NULL || h->text == NULL) {
        rt_host_close(h);
        return NULL;
    }
    memcpy(h->pids, opt->pids, (size_t)opt->count * sizeof *h->pids);
    h->tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    h->page_bytes = (double)sysconf(_SC_PAGESIZE);
    find_group(h);
    if (load_under(h, "/proc/net/dev"))
        rt_proc_network(h->text, find_devices, h, &in, &out);
    return h;
}

void rt_host_close(struct rt_host *h)
{
    if (h == NULL)
        return;
    free(h->text);
    free(h->pids);
    free(h);
}

static void add(double *sum, double x)
{
    *sum = (isnan(*sum) ? 0 : *sum) + x;
}

/* A number of all files that match a pattern below the root. */
static double sum_files(struct rt_host *h, const char *pattern)
{
    char path[PATH_BYTES];
    double sum = NAN, x;
    glob_t found;
    snprintf(path, sizeof path, "%s%s", h->root, pattern);
    if (glob(path, GLOB_NOSORT, NULL, &found) != 0)
        return sum;
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (load(h, found.gl_pathv[i]) && rt_proc_number(h->text, "", &x))
            add(&sum, x);
    globfree(&found);
    return sum;
}

static void count_ranks(struct rt_host *h, struct counters *c, struct rt_host_use *use)
{
    double x, y, most_shared = 0;
    for (int i = 0; i < h->count; i++) {
        if (load_of(h, h->pids[i], "stat") && rt_proc_process(h->text, &x))
            add(&c->ranks, x * h->tick_s);
        if (load_of(h, h->pids[i], "statm") && rt_proc_pages(h->text, &x, &y)) {
            add(&use->ranks_bytes, (x - y) * h->page_bytes);
            most_shared = fmax(most_shared, y * h->page_bytes);
        }
        if (!load_of(h, h->pids[i], "io"))
            continue;
        if (rt_proc_number(h->text, "rchar:", &x))
            add(&c->read, x);
        if (rt_proc_number(h->text, "wchar:", &x))
            add(&c->written, x);
        if (rt_proc_number(h->text, "read_bytes:", &x))
            add(&c->disk_read, x);
        if (rt_proc_number(h->text, "write_bytes:", &x))
            add(&c->disk_written, x);
    }
    use->ranks_bytes += most_shared;
}

static void count_host(struct rt_host *h, struct counters *c)
{
    double x;
    if (load_under(h, "/proc/stat"))
        rt_proc_cpus(h->text, h->cpus[0] != '\0' ? h->cpus : NULL, &c->busy, &c->all);
    if (h->two && load_group(h, "", "cpu.stat") && rt_proc_number(h->text, "usage_usec", &x))
        c->group = x * 1e-6;
    else if (!h->two && load_group(h, "/cpuacct", "cpuacct.usage") && rt_proc_number(h->text, "", &x))
        c->group = x * 1e-9;
    if (load_under(h, "/proc/net/dev"))
        rt_proc_network(h->text, counts, h, &c->received, &c->sent);
    c->fabric_received = 4 * sum_files(h, "/sys/class/infiniband/*/ports/*/counters/port_rcv_data");
    c->fabric_sent = 4 * sum_files(h, "/sys/class/infiniband/*/ports/*/counters/port_xmit_data"); /* words */
}

static void look_at_memory(struct rt_host *h, struct rt_host_use *use)
{
    double all, available;
    const struct rt_room room = rt_host_room_under(h->root);
    if (room.all_bytes != SIZE_MAX && room.all_bytes > 0)
        use->memory_percent = 100 - 100 * (double)room.free_bytes / (double)room.all_bytes;
    if (!load_under(h, "/proc/meminfo") || !rt_proc_number(h->text, "MemTotal:", &all))
        return;
    use->memory_all_bytes = all * 1024;
    if (rt_proc_number(h->text, "MemAvailable:", &available))
        use->memory_bytes = (all - available) * 1024;
}

/* NaN where either is not known, or where a counter began anew (a rank or an interface went away). */
static double rate(double now, double then, double seconds)
{
    return seconds > 0 && now >= then ? (now - then) / seconds : NAN;
}

void rt_host_use(struct rt_host *h, double now_s, struct rt_host_use *use)
{
    struct counters c = unknown;
    const struct counters *t = &h->then;
    const double s = now_s - h->then_s;
    *use = (struct rt_host_use){ NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    count_ranks(h, &c, use);
    count_host(h, &c);
    look_at_memory(h, use);
    use->cpu_percent = 100 * rate(c.busy, t->busy, c.all - t->all);
    use->ranks_cores = rate(c.ranks, t->ranks, s);
    use->group_cores = rate(c.group, t->group, s);
    use->read_bytes_s = rate(c.read, t->read, s);
    use->written_bytes_s = rate(c.written, t->written, s);
    use->disk_read_bytes_s = rate(c.disk_read, t->disk_read, s);
    use->disk_written_bytes_s = rate(c.disk_written, t->disk_written, s);
    use->received_bytes_s = rate(c.received, t->received, s);
    use->sent_bytes_s = rate(c.sent, t->sent, s);
    use->fabric_received_bytes_s = rate(c.fabric_received, t->fabric_received, s);
    use->fabric_sent_bytes_s = rate(c.fabric_sent, t->fabric_sent, s);
    h->then = c;
    h->then_s = now_s;
}
