/* host.c - reads what a host and the ranks on it do, and makes rates of counters. */
#include "config.h"
#include "monitor/host.h"
#include "base/clock.h"
#include "base/room.h"
#include "monitor/host_files.h"
#include "monitor/procfs.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double slow_part = 5e-4; /* of all time, for what may take its time */

/* Counters that only grow; NaN: not known. */
struct counters {
    double busy, all;    /* ticks */
    double ranks, group; /* s */
    double periods, throttled;
    double read, written, disk_read, disk_written;
    double received, sent, fabric_received, fabric_sent;
    double rank[RT_HOST_RANKS]; /* s */
};

struct rt_host {
    struct rt_host_files files;
    int *pids, *ranks;
    int count;
    bool fabric;  /* there is InfiniBand */
    bool devices; /* some interface belongs to a device: those that do not would count bytes twice */
    double tick_s, page_bytes;
    double then_s; /* of the call before; NaN: none */
    struct counters then;
    double slow_next_s; /* when these two are asked for again; NaN: at once */
    double pss_bytes, fabric_errors;
};

static struct counters unknown(void)
{
    struct counters c = { NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, { 0 } };
    for (int i = 0; i < RT_HOST_RANKS; i++)
        c.rank[i] = NAN;
    return c;
}

static bool has_device(const struct rt_host *h, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "/sys/class/net/%s/device", name);
    return rt_host_has(&h->files, path);
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
    h->count = opt->count;
    h->pids = calloc((size_t)opt->count + 1, sizeof *h->pids);
    h->ranks = calloc((size_t)opt->count + 1, sizeof *h->ranks);
    h->then_s = h->slow_next_s = h->pss_bytes = h->fabric_errors = NAN;
    h->then = unknown();
    if (h->pids == NULL || h->ranks == NULL ||
        !rt_host_files_open(&h->files, opt->root, opt->pids, opt->count)) {
        rt_host_close(h);
        return NULL;
    }
    for (int i = 0; i < opt->count; i++) {
        h->pids[i] = opt->pids[i];
        h->ranks[i] = opt->ranks != NULL ? opt->ranks[i] : i;
    }
    h->tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    h->page_bytes = (double)sysconf(_SC_PAGESIZE);
    if (rt_host_load_under(&h->files, "/proc/net/dev"))
        rt_proc_network(h->files.text, find_devices, h, &in, &out);
    h->fabric = rt_host_has(&h->files, "/sys/class/infiniband");
    return h;
}

void rt_host_close(struct rt_host *h)
{
    if (h == NULL)
        return;
    rt_host_files_close(&h->files);
    free(h->pids);
    free(h->ranks);
    free(h);
}

static void add(double *sum, double x)
{
    *sum = (isnan(*sum) ? 0 : *sum) + x;
}

static void count_ranks(struct rt_host *h, struct counters *c, struct rt_host_use *use)
{
    struct rt_host_files *f = &h->files;
    double x, y, most_shared = 0;
    for (int i = 0; i < h->count; i++) {
        if (rt_host_load_of(f, h->pids[i], "stat") && rt_proc_process(f->text, &x)) {
            add(&c->ranks, x * h->tick_s);
            if (i < RT_HOST_RANKS)
                c->rank[i] = x * h->tick_s;
        }
        if (rt_host_load_of(f, h->pids[i], "statm") && rt_proc_pages(f->text, &x, &y)) {
            add(&use->ranks_bytes, (x - y) * h->page_bytes);
            most_shared = fmax(most_shared, y * h->page_bytes);
        }
        if (!rt_host_load_of(f, h->pids[i], "io"))
            continue;
        if (rt_proc_number(f->text, "rchar:", &x))
            add(&c->read, x);
        if (rt_proc_number(f->text, "wchar:", &x))
            add(&c->written, x);
        if (rt_proc_number(f->text, "read_bytes:", &x))
            add(&c->disk_read, x);
        if (rt_proc_number(f->text, "write_bytes:", &x))
            add(&c->disk_written, x);
    }
    use->ranks_bytes += most_shared;
}

static void count_group(struct rt_host *h, struct counters *c)
{
    struct rt_host_files *f = &h->files;
    double x;
    if (!f->two && rt_host_load_group(f, "/cpuacct", f->group, "cpuacct.usage") &&
        rt_proc_number(f->text, "", &x))
        c->group = x * 1e-9;
    if (!rt_host_load_group(f, f->two ? "" : "/cpu", f->group, "cpu.stat"))
        return;
    if (rt_proc_number(f->text, "usage_usec", &x))
        c->group = x * 1e-6;
    rt_proc_number(f->text, "nr_periods", &c->periods);
    rt_proc_number(f->text, "nr_throttled", &c->throttled);
}

static void count_host(struct rt_host *h, struct counters *c)
{
    struct rt_host_files *f = &h->files;
    if (rt_host_load_under(f, "/proc/stat"))
        rt_proc_cpus(f->text, f->cpus[0] != '\0' ? f->cpus : NULL, &c->busy, &c->all);
    if (rt_host_load_under(f, "/proc/net/dev"))
        rt_proc_network(f->text, counts, h, &c->received, &c->sent);
    if (!h->fabric)
        return;
    c->fabric_received = 4 * rt_host_sum_files(f, "/sys/class/infiniband/*/ports/*/counters/port_rcv_data");
    c->fabric_sent =
        4 * rt_host_sum_files(f, "/sys/class/infiniband/*/ports/*/counters/port_xmit_data"); /* words */
}

static void look_at_memory(struct rt_host *h, struct rt_host_use *use)
{
    struct rt_host_files *f = &h->files;
    double all, available;
    const struct rt_room room = rt_host_room_under(f->root);
    if (room.all_bytes != SIZE_MAX && room.all_bytes > 0) {
        use->memory_percent = 100 - 100 * (double)room.free_bytes / (double)room.all_bytes;
        use->memory_limit_bytes = (double)room.all_bytes;
    }
    if (f->two ? rt_host_load_group(f, "", f->memory_group, "memory.current")
               : rt_host_load_group(f, "/memory", f->memory_group, "memory.usage_in_bytes"))
        rt_proc_number(f->text, "", &use->group_bytes);
    if (!rt_host_load_under(f, "/proc/meminfo") || !rt_proc_number(f->text, "MemTotal:", &all))
        return;
    use->memory_all_bytes = all * 1024;
    if (rt_proc_number(f->text, "MemAvailable:", &available))
        use->memory_bytes = (all - available) * 1024;
}

/* What takes its time, now and then. */
static void look_slowly(struct rt_host *h, double now_s)
{
    static const char *const errors[] = { "symbol_error", "link_error_recovery", "link_downed",
                                          "port_rcv_errors", "local_link_integrity_errors" };
    char pattern[128];
    double x;
    if (now_s < h->slow_next_s) /* never with NaN */
        return;
    const double from = rt_now_s();
    h->pss_bytes = h->fabric_errors = NAN;
    for (int i = 0; i < h->count; i++)
        if (rt_host_load_of(&h->files, h->pids[i], "smaps_rollup") && rt_proc_number(h->files.text, "Pss:", &x))
            add(&h->pss_bytes, x * 1024);
    for (size_t i = 0; i < sizeof errors / sizeof *errors && h->fabric; i++) {
        snprintf(pattern, sizeof pattern, "/sys/class/infiniband/*/ports/*/counters/%s", errors[i]);
        x = rt_host_sum_files(&h->files, pattern);
        if (!isnan(x))
            add(&h->fabric_errors, x);
    }
    h->slow_next_s = now_s + (rt_now_s() - from) / slow_part;
}

/* NaN where either is not known, or where a counter began anew (a rank or an interface went away). */
static double rate(double now, double then, double seconds)
{
    return seconds > 0 && now >= then ? (now - then) / seconds : NAN;
}

static void rates(const struct rt_host *h, const struct counters *c, double s, struct rt_host_use *use)
{
    const struct counters *t = &h->then;
    use->cpu_percent = 100 * rate(c->busy, t->busy, c->all - t->all);
    use->ranks_cores = rate(c->ranks, t->ranks, s);
    use->group_cores = rate(c->group, t->group, s);
    use->throttled_percent = 100 * rate(c->throttled, t->throttled, c->periods - t->periods);
    use->read_bytes_s = rate(c->read, t->read, s);
    use->written_bytes_s = rate(c->written, t->written, s);
    use->disk_read_bytes_s = rate(c->disk_read, t->disk_read, s);
    use->disk_written_bytes_s = rate(c->disk_written, t->disk_written, s);
    use->received_bytes_s = rate(c->received, t->received, s);
    use->sent_bytes_s = rate(c->sent, t->sent, s);
    use->fabric_received_bytes_s = rate(c->fabric_received, t->fabric_received, s);
    use->fabric_sent_bytes_s = rate(c->fabric_sent, t->fabric_sent, s);
    use->ranks = h->count < RT_HOST_RANKS ? h->count : RT_HOST_RANKS;
    for (int i = 0; i < use->ranks; i++) {
        use->rank[i].rank = h->ranks[i];
        use->rank[i].cores = rate(c->rank[i], t->rank[i], s);
    }
}

void rt_host_use(struct rt_host *h, double now_s, struct rt_host_use *use)
{
    struct counters c = unknown();
    *use = (struct rt_host_use){ .memory_bytes = NAN,
                                 .memory_all_bytes = NAN,
                                 .memory_percent = NAN,
                                 .memory_limit_bytes = NAN,
                                 .group_bytes = NAN,
                                 .ranks_bytes = NAN };
    count_ranks(h, &c, use);
    count_host(h, &c);
    count_group(h, &c);
    look_at_memory(h, use);
    look_slowly(h, now_s);
    use->ranks_pss_bytes = h->pss_bytes;
    use->fabric_errors = h->fabric_errors;
    rates(h, &c, now_s - h->then_s, use);
    h->then = c;
    h->then_s = now_s;
}
