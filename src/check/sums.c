/*
 * sums.c - bandwidth and latency between ranks: sums of the job's gradients as the run makes them, and bytes
 * between neighbours, against what the links on their way promise.
 */
#include "config.h"
#include "check/state.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAIR_BYTES = 128 << 20,
    HOST_PAIR_BYTES = 16 << 20,
    USUAL_COUNT = 20185088 /* LoRA of rank 8 on the 7B */
};

/*
 * What a transfer has to reach of what its slowest link promises. Links promise bits on the wire; headers of
 * packets take a tenth to a fifth of them (PCIe with 256 bytes of payload, NVLink), and NCCL reaches about nine
 * tenths of the rest with large messages: some 0.7 in all, more on good days. Half means that something is
 * wrong: a link that runs at half its width or generation, another path than the one counted on, or another
 * user.
 */
static const double share = 0.5;

/* A sum in order of the host's clock, of n floats at x; what the run does. */
static rt_status sum_once(struct rt_check *c, float *x, int64_t n)
{
    RT_TRY(rt_dist_sum_begin(c->dist, x, n, c->err));
    return rt_dist_sum_end(c->dist, c->err);
}

static rt_status latency_once(struct rt_check *c, float *x, int64_t n)
{
    double one = 1;
    (void)x, (void)n;
    return rt_dist_sum_f64(c->dist, &one, 1, c->err);
}

typedef rt_status once_fn(struct rt_check *c, float *x, int64_t n);

/* Seconds of one, by the slowest rank: as often as a quarter of a second allows, on all ranks alike. */
static rt_status time_rounds(struct rt_check *c, once_fn *once, float *x, int64_t n, double *all,
                             double *seconds)
{
    enum { MOST = 200 };
    const double limit_s = 0.25;
    double first, rounds;
    RT_TRY(once(c, x, n)); /* opens connections */
    RT_TRY(rt_dist_barrier(c->dist, c->err));
    double start = rt_now_s();
    RT_TRY(once(c, x, n));
    first = rt_now_s() - start;
    rounds = first > 0 ? floor(limit_s / first) : MOST;
    rounds = rounds < 2 ? 2 : rounds > MOST ? MOST : rounds;
    RT_TRY(rt_dist_bcast(c->dist, &rounds, sizeof rounds, 0, c->err));
    RT_TRY(rt_dist_barrier(c->dist, c->err));
    start = rt_now_s();
    for (int i = 0; i < (int)rounds; i++)
        RT_TRY(once(c, x, n));
    RT_TRY(rt_check_gather(c, (rt_now_s() - start) / rounds, all));
    *seconds = 0;
    for (int r = 0; r < c->size; r++)
        *seconds = all[r] > *seconds ? all[r] : *seconds;
    return RT_OK;
}

/* What a ring of all ranks moves over each link: NCCL's tests call it bus bandwidth. */
static double bus_rate(const struct rt_check *c, int64_t n, double seconds)
{
    return 2.0 * (c->size - 1) / c->size * (double)n * sizeof(float) / seconds;
}

/* ---- what the links promise ---- */

static bool same_host(const struct rt_check *c, int a, int b)
{
    return strcmp(c->hosts[a], c->hosts[b]) == 0;
}

/* This rank's link to others of its host, bytes/s each way; 0: not known. */
static double own_link(const struct rt_check *c, char *name, size_t bytes)
{
    snprintf(name, bytes, "%s", c->nvlink > 0 ? "NVLink" : "PCIe");
    return c->nvlink > 0 ? c->nvlink : c->pcie;
}

/* Links of all ranks, and the network's share where `crossing` transfers leave a host at once: the slowest of
 * what both ends have. */
struct path {
    double rate; /* 0: not known */
    char name[80];
};

static void slower(struct path *path, double rate, const char *name)
{
    if (rate > 0 && (path->rate == 0 || rate < path->rate)) {
        path->rate = rate;
        snprintf(path->name, sizeof path->name, "%s", name);
    }
}

/* The way of rank a's bytes to rank b while `crossing` pairs of a's host reach to others. */
static struct path path_of(const struct rt_check *c, const double *link, int a, int b, int crossing,
                           bool device)
{
    struct path path = { .rate = 0 };
    if (device) {
        slower(&path, link[a], "the GPU's link");
        slower(&path, link[b], "the GPU's link");
    }
    if (!same_host(c, a, b)) {
        const double of_a = c->place[a].network, of_b = c->place[b].network;
        if (of_a == 0 || of_b == 0)
            path.rate = 0; /* a network that says nothing of itself promises nothing */
        else
            slower(&path, (of_a < of_b ? of_a : of_b) / (crossing > 0 ? crossing : 1), c->place[a].interface);
    }
    return path;
}

/* ---- pairs ---- */

/* In round 0 ranks 0-1, 2-3, ... exchange, in round 1 ranks 1-2, 3-4, ..., and the last one with the first; -1:
 * none. An odd one out in round 0 has its turn in round 1, and the first then with the last only if both are
 * free. */
static int peer_of(int rank, int size, int round)
{
    int peer = (rank + round) % 2 == 0 ? rank + 1 : rank - 1;
    const bool ends_free = round == 1 && size > 2 && size % 2 == 0; /* 0 and size - 1 have no neighbour then */
    if (peer < 0)
        return ends_free ? size - 1 : -1;
    if (peer >= size)
        return ends_free ? 0 : -1;
    return peer;
}

/* Pairs of a round that leave a's host. */
static int crossing(const struct rt_check *c, int a, int round)
{
    int n = 0;
    for (int r = 0; r < c->size; r++) {
        const int p = peer_of(r, c->size, round);
        n += p >= 0 && same_host(c, r, a) && !same_host(c, r, p);
    }
    return n;
}

struct buffers {
    char *out, *in; /* where bytes are exchanged */
    size_t bytes;
    bool device;
};

static rt_status swap(struct rt_check *c, const struct buffers *b, int peer)
{
    if (!b->device)
        return rt_dist_swap(c->dist, peer, b->out, b->in, b->bytes, c->err);
    RT_TRY(rt_dist_swap_device(c->dist, peer, b->out, b->in, b->bytes, c->err));
    return rt_dist_sum_end(c->dist, c->err);
}

static rt_status time_pairs(struct rt_check *c, const struct buffers *b, int round, double *rate)
{
    enum { ROUNDS = 4 };
    const int peer = peer_of(c->rank, c->size, round);
    double mine = NAN;
    RT_TRY(swap(c, b, peer)); /* opens the connection */
    RT_TRY(rt_dist_barrier(c->dist, c->err));
    const double start = rt_now_s();
    for (int i = 0; i < ROUNDS; i++)
        RT_TRY(swap(c, b, peer));
    if (peer >= 0)
        mine = (double)b->bytes * ROUNDS / (rt_now_s() - start);
    RT_TRY(rt_dist_barrier(c->dist, c->err));
    return rt_check_gather(c, mine, rate);
}

/* Pairs that are slow for their path, by name; the rest in one line. */
static void tell_pairs(struct rt_check *c, const double *rate, const double *link, int round, bool device,
                       double *fine, int *count)
{
    const char *const by = device ? "NCCL" : "MPI";
    for (int a = 0; a < c->size; a++) {
        const int b = peer_of(a, c->size, round);
        if (b < 0 || b < a)
            continue;
        const struct path path = path_of(c, link, a, b, crossing(c, a, round), device);
        const double slowest = rate[a] < rate[b] ? rate[a] : rate[b];
        if (path.rate > 0 && slowest < share * path.rate)
            rt_find_job(
                c->findings, RT_WARNING, "pairs",
                "%s between rank %d on %s and rank %d on %s: %.3g GB/s each way, less than half of the %.3g "
                "GB/s that %s promises\n%s",
                by, a, c->hosts[a], b, c->hosts[b], slowest / 1e9, path.rate / 1e9, path.name,
                !same_host(c, a, b)
                    ? "look at NCCL_SOCKET_IFNAME, NCCL_IB_HCA, UCX_NET_DEVICES, at ethtool or ibstat, and "
                      "at other jobs on the network"
                    : "let every rank see all GPUs of its host; NCCL_DEBUG=INFO says which way NCCL takes");
        else
            fine[(*count)++] = slowest;
    }
}

static rt_status pairs(struct rt_check *c, const struct buffers *b, const double *link, double *rate)
{
    char text[80];
    int count = 0;
    double *fine = calloc((size_t)c->size + 1, sizeof *fine);
    rt_status st = fine == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for the pairs of ranks") : RT_OK;
    RT_TRY_TO(st, rt_dist_agree(c->dist, st, c->err), done);
    for (int round = 0; round < 2; round++) {
        RT_TRY_TO(st, time_pairs(c, b, round, rate), done);
        tell_pairs(c, rate, link, round, b->device, fine, &count);
    }
    if (count > 0)
        rt_find_job(c->findings, RT_OK, "pairs", "%s between neighbours: %s each way, %d pair%s",
                    b->device ? "NCCL" : "MPI", rt_range_text(text, sizeof text, fine, count, 1e9, "GB/s"),
                    count, count == 1 ? "" : "s");
done:
    free(fine);
    return st;
}

/* ---- sums ---- */

/* The slowest link of a ring over all ranks: between hosts one transfer leaves each. */
static struct path ring_path(const struct rt_check *c, const double *link)
{
    struct path path = { .rate = 0 };
    for (int r = 0; r < c->size; r++) {
        const struct path p = path_of(c, link, r, (r + 1) % c->size, 1, true);
        if (p.rate == 0)
            return p;
        slower(&path, p.rate, p.name);
    }
    return path;
}

static rt_status device_sums(struct rt_check *c, float *x, int64_t n, int64_t most, const double *link,
                             double *all)
{
    double job_s, large_s, small_s;
    const char *const by = rt_dist_has_nccl(c->dist) ? "NCCL" : "MPI through host memory";
    RT_TRY(time_rounds(c, sum_once, x, 2, all, &small_s));
    RT_TRY(time_rounds(c, sum_once, x, n, all, &job_s));
    RT_TRY(time_rounds(c, sum_once, x, most, all, &large_s));
    const double rate = bus_rate(c, most, large_s);
    const struct path path = ring_path(c, link);
    rt_find_job(c->findings, RT_OK, "sums",
                "%s, the job's gradients (%.1f MB): %.3g ms, bus bandwidth %.3g GB/s; 8 bytes: %.3g us", by,
                (double)n * 4 / 1e6, job_s * 1e3, bus_rate(c, n, job_s) / 1e9, small_s * 1e6);
    if (path.rate == 0)
        rt_find_job(c->findings, RT_OK, "sums",
                    "%s, %.0f MB: bus bandwidth %.3g GB/s; what the links promise is not known", by,
                    (double)most * 4 / 1e6, rate / 1e9);
    else
        rt_find_job(
            c->findings, rate < share * path.rate ? RT_WARNING : RT_OK, "sums",
            "%s, %.0f MB: bus bandwidth %.3g GB/s of the %.3g GB/s that %s promises%s", by,
            (double)most * 4 / 1e6, rate / 1e9, path.rate / 1e9, path.name,
            rate < share * path.rate
                ? "\nless than half: let every rank see all GPUs of its host, look at NCCL_ settings, and at "
                  "what NCCL_DEBUG=INFO says of the way it takes"
                : "");
    return RT_OK;
}

static rt_status host_sums(struct rt_check *c, float *x, int64_t n, double *all)
{
    double job_s = 0, small_s;
    RT_TRY(time_rounds(c, latency_once, NULL, 0, all, &small_s));
    if (x != NULL)
        RT_TRY(time_rounds(c, sum_once, x, n, all, &job_s));
    if (x == NULL)
        rt_find_job(c->findings, RT_OK, "sums", "MPI, 8 bytes over %d ranks: %.3g us", c->size, small_s * 1e6);
    else
        rt_find_job(c->findings, RT_OK, "sums",
                    "MPI, the job's gradients (%.3g MB): %.3g ms, bus bandwidth %.3g GB/s; 8 bytes: %.3g us",
                    (double)n * 4 / 1e6, job_s * 1e3, bus_rate(c, n, job_s) / 1e9, small_s * 1e6);
    return RT_OK;
}

/* ---- memory for it ---- */

static rt_status on_devices(struct rt_check *c, int64_t n, const double *link, double *all)
{
    void *p = NULL;
    const size_t bytes = (size_t)2 * PAIR_BYTES; /* and the large sum */
    const size_t room = (size_t)n * sizeof(float) > bytes ? (size_t)n * sizeof(float) : bytes;
    rt_status st = rt_exec_alloc(c->ex, &p, room);
    if (st == RT_OK)
        st = rt_exec_zero(c->ex, p, room);
    st = rt_dist_agree(c->dist, st, c->err);
    if (st == RT_OK)
        st = device_sums(c, p, n, (int64_t)(bytes / sizeof(float)), link, all);
    const struct buffers b = { p, p == NULL ? NULL : (char *)p + PAIR_BYTES, PAIR_BYTES, true };
    if (st == RT_OK && rt_dist_has_nccl(c->dist))
        st = pairs(c, &b, link, all);
    rt_exec_free(c->ex, p);
    return st;
}

static rt_status on_hosts(struct rt_check *c, int64_t n, const double *link, double *all)
{
    const bool sums = !c->lane; /* else the gradients never come here */
    const size_t room = sums && (size_t)n * sizeof(float) > 2 * HOST_PAIR_BYTES ? (size_t)n * sizeof(float)
                                                                                : 2 * HOST_PAIR_BYTES;
    char *p = calloc(room, 1);
    rt_status st = p == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for %zu bytes to sum", room) : RT_OK;
    st = rt_dist_agree(c->dist, st, c->err);
    if (st == RT_OK)
        st = host_sums(c, sums ? (float *)(void *)p : NULL, n, all);
    if (st == RT_OK)
        st = pairs(c, &(struct buffers){ p, p + HOST_PAIR_BYTES, HOST_PAIR_BYTES, false }, link, all);
    free(p);
    return st;
}

rt_status rt_check_sums(struct rt_check *c)
{
    char name[16];
    if (c->size == 1)
        return RT_OK;
    const int64_t count = c->model != NULL ? rt_model_adapter(c->model)->count : 0,
                  n = count > 0 ? count : USUAL_COUNT;
    double *all = calloc((size_t)c->size, 2 * sizeof *all), *link = all == NULL ? NULL : all + c->size;
    rt_status st = all == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for the ranks' links") : RT_OK;
    RT_TRY_TO(st, rt_dist_agree(c->dist, st, c->err), done);
    RT_TRY_TO(st, rt_check_gather(c, own_link(c, name, sizeof name), link), done);
    if (c->lane)
        RT_TRY_TO(st, on_devices(c, n, link, all), done);
    RT_TRY_TO(st, on_hosts(c, n, link, all), done);
    st = rt_findings_share(c->findings, c->err);
done:
    free(all);
    return st;
}
