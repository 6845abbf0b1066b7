/*
 * tests/dist/test_nccl.c - sums and broadcasts of "device" memory by a stand-in for NCCL (fake_nccl.c) and
 * without it; run on 1, 2 and 3 ranks. With an argument it ends badly, for test_nccl_fail.sh.
 */
#include "config.h"
#include "base/clock.h"
#include "dist/dist.h"
#include "dist/world.h"
#include "fake_nccl.h"
#include "tap.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct ranks {
    struct rt_dist *dist;
    int rank, size;
    struct fake_stream stream;
    int64_t after, before; /* how often one waited for the other */
};

static void check(const struct ranks *w, int passed, const char *what)
{
    if (w->rank == 0 || !passed)
        ok(passed, "%s%s", what, w->rank == 0 ? "" : " (a rank but 0)");
}

static rt_status after(void *context)
{
    ((struct ranks *)context)->after++;
    return RT_OK;
}

static rt_status before(void *context)
{
    ((struct ranks *)context)->before++;
    return RT_OK;
}

static rt_status done(void *context, bool *is_done)
{
    const struct ranks *w = context;
    *is_done = w->stream.done == w->stream.asked;
    return RT_OK;
}

static rt_status copy(void *context, void *dst, const void *src, size_t bytes)
{
    (void)context;
    memcpy(dst, src, bytes);
    return RT_OK;
}

static struct rt_dist_lane lane_of(struct ranks *w)
{
    return (struct rt_dist_lane){ w, &w->stream, after, before, done, copy, copy };
}

/* Whole numbers, whose sums are exact in any order: element i of rank r is (i mod 1000) + r. */
static float value(int64_t i, int rank)
{
    return (float)(i % 1000 + rank);
}

/* x[0..n) summed in parts from its end, as gradients are. */
static void try_sum(struct ranks *w, int64_t n, int64_t part, const char *by)
{
    const float ranks = (float)w->size, others = (float)(w->size * (w->size - 1) / 2);
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    rt_status st = x == NULL ? RT_ERR_MEMORY : RT_OK;
    int64_t wrong = 0;
    char name[128];
    for (int64_t i = 0; i < n && st == RT_OK; i++)
        x[i] = value(i, w->rank);
    for (int64_t left = n; left > 0 && st == RT_OK; left -= left < part ? left : part)
        st = rt_dist_sum_begin(w->dist, x + (left < part ? 0 : left - part), left < part ? left : part, NULL);
    if (st == RT_OK)
        st = rt_dist_sum_end(w->dist, NULL);
    for (int64_t i = 0; i < n && st == RT_OK; i++)
        wrong += x[i] != (float)(i % 1000) * ranks + others;
    snprintf(name, sizeof name, "%s: %lld numbers in parts of %lld", by, (long long)n, (long long)part);
    check(w, st == RT_OK && wrong == 0, name);
    free(x);
}

static void try_sums(struct ranks *w, const char *by)
{
    try_sum(w, 0, 1, by);
    try_sum(w, 1, 1, by);
    try_sum(w, 1000, 7, by);
    try_sum(w, 3000001, 1 << 20, by);                /* more than the MPI way moves at once */
    float pair[2][3] = { { 1, 1, 1 }, { 2, 2, 2 } }; /* ranges that do not lie below each other */
    rt_status st = rt_dist_sum_begin(w->dist, pair[0], 3, NULL);
    if (st == RT_OK)
        st = rt_dist_sum_begin(w->dist, pair[1], 3, NULL);
    if (st == RT_OK)
        st = rt_dist_sum_end(w->dist, NULL);
    check(w, st == RT_OK && pair[0][2] == (float)w->size && pair[1][0] == 2 * (float)w->size,
          "ranges in any order");
    check(w, rt_dist_sum_begin(w->dist, pair[0], -1, NULL) == RT_ERR_INTERNAL, "a negative count is refused");
}

static void try_bcast(struct ranks *w, int root, size_t bytes)
{
    char name[128];
    unsigned char *x = malloc(bytes + 1);
    size_t wrong = 0;
    for (size_t i = 0; i < bytes; i++)
        x[i] = (unsigned char)(w->rank == root ? i * 7 : 0);
    const int64_t waits = w->before;
    rt_status st = rt_dist_bcast_device(w->dist, &(struct rt_dist_spread){ x, bytes, root }, 1, NULL);
    if (st == RT_OK)
        st = rt_dist_sum_end(w->dist, NULL); /* until the lane is done */
    for (size_t i = 0; i < bytes && st == RT_OK; i++)
        wrong += x[i] != (unsigned char)(i * 7);
    snprintf(name, sizeof name, "broadcast of %zu bytes from rank %d", bytes, root);
    check(w, st == RT_OK && wrong == 0 && (bytes == 0 || w->before > waits), name);
    free(x);
}

/* A part of every rank's at once, of different sizes. */
static void try_bcasts(struct ranks *w)
{
    enum { BYTES = 30011, MOST = 8 };
    struct rt_dist_spread part[MOST];
    const int n = w->size < MOST ? w->size : MOST;
    unsigned char *x = malloc((size_t)n * BYTES);
    size_t wrong = 0;
    for (int r = 0; r < n; r++) {
        part[r] = (struct rt_dist_spread){ x + r * BYTES, (size_t)(BYTES - 100 * r), r };
        memset(part[r].bytes, w->rank == r ? r + 1 : 0, BYTES);
    }
    rt_status st = rt_dist_bcast_device(w->dist, part, n, NULL);
    if (st == RT_OK)
        st = rt_dist_sum_end(w->dist, NULL);
    for (int r = 0; r < n; r++)
        for (size_t i = 0; i < part[r].count; i++)
            wrong += x[(size_t)r * BYTES + i] != r + 1;
    check(w, st == RT_OK && wrong == 0, "broadcasts from all ranks at once");
    free(x);
}

/* With the neighbour, both ways at once: ranks 0 and 1, 2 and 3; an odd last one looks on. */
static void try_swap(struct ranks *w, size_t bytes, bool device)
{
    char name[128];
    const int other = w->rank ^ 1, peer = other < w->size ? other : -1;
    unsigned char *out = malloc(bytes + 1), *in = calloc(bytes + 1, 1);
    size_t wrong = 0;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (unsigned char)(i * 7 + (size_t)w->rank);
    rt_status st = device ? rt_dist_swap_device(w->dist, peer, out, in, bytes, NULL)
                          : rt_dist_swap(w->dist, peer, out, in, bytes, NULL);
    if (st == RT_OK && device)
        st = rt_dist_sum_end(w->dist, NULL); /* until the lane is done */
    for (size_t i = 0; i < bytes && st == RT_OK; i++)
        wrong += in[i] != (unsigned char)(peer < 0 ? 0 : i * 7 + (size_t)peer);
    snprintf(name, sizeof name, "neighbours exchange %zu bytes of %s memory", bytes,
             device ? "device" : "host");
    check(w, st == RT_OK && wrong == 0, name);
    free(out);
    free(in);
}

static void test_nccl(struct ranks *w)
{
    const struct rt_dist_lane lane = lane_of(w);
    struct rt_error err = { .text = "" };
    const char *how = "";
    try_sums(w, "host memory");
    rt_status st = rt_dist_open_device(w->dist, &lane, &how, &err);
    check(w, st == RT_OK && (w->size == 1 || strncmp(how, "NCCL 2.", 7) == 0), "NCCL starts");
    check(w, rt_dist_has_nccl(w->dist) == (w->size > 1), "one rank needs none");
    const int64_t waits = w->after;
    try_sums(w, "NCCL");
    check(w, w->size == 1 || w->after > waits, "the lane waits for what the device was asked before");
    for (int device = 0; device < 2 && w->size > 1; device++) {
        try_swap(w, 1, device);
        try_swap(w, 1001, device);
        try_swap(w, 17000001, device); /* more than MPI moves at once */
    }
    for (int r = 0; r < w->size && w->size > 1; r++) {
        try_bcast(w, r, 1);
        try_bcast(w, r, 3000001);
    }
    if (w->size > 1)
        try_bcasts(w);
    rt_dist_close_device(w->dist);

    setenv("FAKE_NCCL", "old", 1);
    st = rt_dist_open_device(w->dist, &lane, &how, &err);
    check(w, st == RT_OK && !rt_dist_has_nccl(w->dist), "an NCCL that is too old is left alone");
    check(w, w->size == 1 || (strstr(how, "2708") != NULL && strstr(how, "host memory") != NULL),
          "the log can say so");
    try_sums(w, "through host memory");
    check(w,
          rt_dist_bcast_device(w->dist, &(struct rt_dist_spread){ &st, sizeof st, 0 }, 1, NULL) ==
              RT_ERR_INTERNAL,
          "no broadcast without NCCL");
    check(w, rt_dist_swap_device(w->dist, -1, NULL, NULL, 0, NULL) == RT_ERR_INTERNAL, "nor an exchange");
    rt_dist_close_device(w->dist);
    rt_dist_close_device(w->dist);
}

/* Steps of a sum each; in the second, rank 1 stops where `how` is "stop". What fails ends the job as training
 * would. */
static void run_badly(struct ranks *w, const char *how)
{
    const struct rt_dist_lane lane = lane_of(w);
    struct rt_error err = { .text = "" };
    const char *text;
    rt_dist_set_timeout(w->dist, 60); /* starting NCCL must not need it */
    rt_status st = rt_dist_open_device(w->dist, &lane, &text, &err);
    if (st == RT_OK)
        st = rt_dist_await_device(w->dist, &err);
    if (st != RT_OK) { /* all alike: as main.c does */
        if (w->rank == 0)
            fprintf(stderr, "together: %s\n", err.text);
        rt_dist_close_device(w->dist);
        rt_dist_close(w->dist);
        exit(w->rank == 0 ? rt_exit_code(st) : 0);
    }
    rt_dist_set_timeout(w->dist, 1);
    float x[3] = { 1, 2, 3 };
    for (int64_t step = 0; step < 4 && st == RT_OK; step++) {
        rt_dist_phase(w->dist, RT_PHASE_BACKWARD, step);
        if (step == 1 && w->rank == 1 && strcmp(how, "stop") == 0)
            raise(SIGSTOP);
        st = rt_dist_sum_begin(w->dist, x, 3, &err);
        rt_dist_phase(w->dist, RT_PHASE_SUM, step);
        if (st == RT_OK)
            st = rt_dist_sum_end(w->dist, &err);
    }
    if (st != RT_OK)
        rt_dist_abort(w->dist, st, err.text);
}

int main(int argc, char **argv)
{
    fake_nccl_use("fake", argv);
    struct ranks w = { .after = 0 };
    struct rt_error err = { .text = "" };
    if (!ok(rt_dist_open(&w.dist, &argc, &argv, &err) == RT_OK, "MPI starts %s", err.text))
        return tap_done();
    w.rank = rt_dist_rank(w.dist);
    w.size = rt_dist_size(w.dist);
    if (argc > 1)
        run_badly(&w, argv[1]);
    else
        test_nccl(&w);
    rt_dist_close(w.dist);
    return w.rank == 0 ? tap_done() : tap.failed != 0;
}
