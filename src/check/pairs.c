/* pairs.c - bytes between neighbouring ranks, against what the links on their way promise. */
#include "config.h"
#include "check/links.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

/*
 * In round 0 ranks 0 and 1, 2 and 3, ... exchange, in round 1 ranks 1 and 2, 3 and 4, ..., and the last one
 * with the first where both are free. -1: no peer.
 */
static int peer_of(int rank, int size, int round)
{
    const int peer = (rank + round) % 2 == 0 ? rank + 1 : rank - 1;
    const bool ends_free = round == 1 && size > 2 && size % 2 == 0;
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
        const int peer = peer_of(r, c->size, round);
        n += peer >= 0 && rt_same_host(c, r, a) && !rt_same_host(c, r, peer);
    }
    return n;
}

static rt_status swap(struct rt_check *c, const struct rt_pair_buffers *b, int peer)
{
    if (!b->device)
        return rt_dist_swap(c->dist, peer, b->out, b->in, b->bytes, c->err);
    RT_TRY(rt_dist_swap_device(c->dist, peer, b->out, b->in, b->bytes, c->err));
    return rt_dist_sum_end(c->dist, c->err);
}

/* rate[ranks], bytes/s each way: NaN where a rank has no peer. */
static rt_status time_round(struct rt_check *c, const struct rt_pair_buffers *b, int round, double *rate)
{
    enum { ROUNDS = 4 };
    const int peer = peer_of(c->rank, c->size, round);
    RT_TRY(swap(c, b, peer)); /* opens the connection */
    RT_TRY(rt_dist_barrier(c->dist, c->err));
    const double start = rt_now_s();
    for (int i = 0; i < ROUNDS; i++)
        RT_TRY(swap(c, b, peer));
    const double mine = peer >= 0 ? (double)b->bytes * ROUNDS / (rt_now_s() - start) : NAN;
    RT_TRY(rt_dist_barrier(c->dist, c->err));
    return rt_check_gather(c, mine, rate);
}

static void tell_slow(struct rt_check *c, const char *by, int a, int b, double rate, const struct rt_path *path)
{
    char is[RT_WORDS], promised[RT_WORDS];
    rt_find_job(
        c->findings, RT_WARNING, "pairs",
        "%s between rank %d on %s and rank %d on %s: %s each way, less than a third of the %s that %s promises\n%s",
        by, a, c->hosts[a], b, c->hosts[b], rt_words_rate(is, rate, "B/s"),
        rt_words_rate(promised, path->rate, "B/s"), path->name,
        rt_same_host(c, a, b)
            ? "let every rank see all GPUs of its host; NCCL_DEBUG=INFO says which way NCCL takes"
            : "look at NCCL_SOCKET_IFNAME, NCCL_IB_HCA, UCX_NET_DEVICES, at ethtool or ibstat, and at other "
              "jobs on the network");
}

/* Pairs that are slow for their way, by name; the others' rates go to fine[*count], which counts them. */
static void tell_round(struct rt_check *c, const double *rate, const double *link, int round, const char *by,
                       double *fine, int *count)
{
    for (int a = 0; a < c->size; a++) {
        const int b = peer_of(a, c->size, round);
        if (b < a) /* told with the lower one, or none */
            continue;
        const struct rt_path path = rt_path_between(c, link, a, b, crossing(c, a, round));
        const double slowest = rate[a] < rate[b] ? rate[a] : rate[b];
        if (path.rate > 0 && slowest < RT_LINK_SHARE * path.rate)
            tell_slow(c, by, a, b, slowest, &path);
        else
            fine[(*count)++] = slowest;
    }
}

rt_status rt_check_pairs(struct rt_check *c, const struct rt_pair_buffers *b, const double *link, double *work)
{
    char text[RT_WORDS];
    const char *const by = b->device ? "NCCL" : "MPI";
    int count = 0;
    double *fine = calloc((size_t)c->size, sizeof *fine); /* two rounds of half as many pairs */
    rt_status st = fine == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for the pairs of ranks") : RT_OK;
    RT_TRY_TO(st, rt_dist_agree(c->dist, st, c->err), done);
    for (int round = 0; round < 2; round++) {
        RT_TRY_TO(st, time_round(c, b, round, work), done);
        tell_round(c, work, b->device ? link : NULL, round, by, fine, &count);
    }
    if (count > 0)
        rt_find_job(c->findings, RT_OK, "pairs", "%s between neighbours: %s each way, %d pair%s", by,
                    rt_words_range(text, fine, count, "B/s"), count, count == 1 ? "" : "s");
done:
    free(fine);
    return st;
}
