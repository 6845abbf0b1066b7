/*
 * tests/dist/test_dist.c - ranks, agreeing, broadcasts, gathers, sums, files, waiting; run on 1, 2 and 3 ranks.
 *
 * Rank 0 prints every check, the others only those that fail. With an argument it ends badly, for
 * test_abort.sh.
 */
#include "config.h"
#include "base/clock.h"
#include "base/rng.h"
#include "dist/dist.h"
#include "dist/world.h"
#include "tap.h"

#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct ranks {
    struct rt_dist *dist;
    int rank, size;
};

/* A check of this rank's; the name must be the same on all ranks. */
static void check(const struct ranks *w, int passed, const char *what)
{
    if (w->rank == 0 || !passed)
        ok(passed, "%s%s", what, w->rank == 0 ? "" : " (a rank but 0)");
}

static void test_who(const struct ranks *w)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    check(w, w->rank >= 0 && w->rank < w->size, "rank lies within size");
    check(w, rt_dist_local_rank(w->dist) == w->rank && rt_dist_local_size(w->dist) == w->size,
          "all ranks of this test share the host");
    check(w, strcmp(rt_dist_host(w->dist), host) == 0, "the host has its name");

    int *all = NULL;
    size_t bytes = 0, wrong = 0;
    rt_status st = rt_dist_allgather(w->dist, &w->rank, sizeof w->rank, (void **)&all, &bytes, NULL, NULL);
    for (int r = 0; st == RT_OK && r < w->size; r++)
        wrong += all[r] != r;
    check(w, st == RT_OK && bytes == (size_t)w->size * sizeof *all && wrong == 0, "every rank is there once");
    free(all);
}

/* Posted, and taken after other calls, at the latest after one that all have come to. */
static void test_gather_later(const struct ranks *w)
{
    int64_t *all = calloc((size_t)w->size, sizeof *all), wrong = 0;
    bool ready = true;
    check(w, rt_dist_gather_take(w->dist, all, &ready, NULL) == RT_OK && !ready,
          "nothing posted, nothing to take");
    for (int64_t turn = 0; turn < 3; turn++) {
        const int64_t mine = 10 * turn + w->rank;
        wrong += rt_dist_gather_post(w->dist, &mine, sizeof mine, NULL) != RT_OK;
        if (turn == 1)
            continue; /* not taken: the next one takes its place */
        double one = 1;
        wrong += rt_dist_sum_f64(w->dist, &one, 1, NULL) != RT_OK;
        for (int i = 0; !ready || i == 0; i++) /* here, but MPI may want to be asked again */
            wrong += rt_dist_gather_take(w->dist, all, &ready, NULL) != RT_OK || i > 1000000;
        for (int r = 0; r < w->size; r++)
            wrong += all[r] != 10 * turn + r;
        wrong += rt_dist_gather_take(w->dist, all, &ready, NULL) != RT_OK || ready;
    }
    check(w, wrong == 0, "gathered without waiting, in rank order, once");
    double spent = 0, then = rt_dist_phase_seconds(w->dist, RT_PHASE_EVAL);
    rt_dist_phase(w->dist, RT_PHASE_EVAL, 1);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    spent = rt_dist_phase_seconds(w->dist, RT_PHASE_EVAL);
    rt_dist_phase(w->dist, RT_PHASE_SETUP, -1);
    check(w,
          then == 0 && spent >= 0.02 && rt_dist_phase_seconds(w->dist, RT_PHASE_EVAL) >= spent &&
              rt_dist_phase_seconds(w->dist, -1) == 0 && rt_dist_phase_seconds(w->dist, 1000) == 0,
          "time in a phase is counted, the one under way too");
    free(all);
}

/* Ranks for which bit r of `failing` is set fail with a code and text of their own. */
static void try_agree(const struct ranks *w, unsigned failing)
{
    struct rt_error err = { .status = RT_OK, .text = "untouched" };
    char want[512], name[128];
    int first = 0;
    while (first < w->size && (failing >> first & 1u) == 0)
        first++;
    rt_status st = RT_OK;
    if ((failing >> w->rank & 1u) != 0)
        st = rt_fail(&err, (rt_status)(RT_ERR_DATA + w->rank), "a.yaml:%d: bad", w->rank);
    st = rt_dist_agree(w->dist, st, &err);
    snprintf(name, sizeof name, "agree, failing ranks as bits of %u", failing);
    if (first == w->size) {
        check(w, st == RT_OK && strcmp(err.text, "untouched") == 0, name);
        return;
    }
    if (first == 0)
        snprintf(want, sizeof want, "a.yaml:0: bad");
    else
        snprintf(want, sizeof want, "rank %d on %s: a.yaml:%d: bad", first, rt_dist_host(w->dist), first);
    check(w, st == (rt_status)(RT_ERR_DATA + first) && err.status == st && strcmp(err.text, want) == 0, name);
}

/* The ranks from `from` on fail with the same text. */
static void try_alike(const struct ranks *w, int from)
{
    struct rt_error err = { .text = "" };
    char want[512] = "no room", name[64];
    const int count = w->size - from;
    rt_status st = w->rank >= from ? rt_fail(&err, RT_ERR_IO, "no room") : RT_OK;
    st = rt_dist_agree(w->dist, st, &err);
    if (count == 2 && from > 0)
        snprintf(want, sizeof want, "rank %d on %s and 1 more rank: no room", from, rt_dist_host(w->dist));
    else if (count == 1 && from > 0)
        snprintf(want, sizeof want, "rank %d on %s: no room", from, rt_dist_host(w->dist));
    snprintf(name, sizeof name, "agree, %d of %d ranks fail alike: one text", count, w->size);
    check(w, st == RT_ERR_IO && strcmp(err.text, want) == 0, name);
}

static void test_agree(const struct ranks *w)
{
    for (int from = 0; from < w->size; from++)
        try_alike(w, from);
    for (unsigned failing = 0; failing < 1u << w->size; failing++)
        try_agree(w, failing);
    check(w, rt_dist_agree(w->dist, RT_STOPPED, NULL) == RT_STOPPED,
          "agree works without a place for the text");
}

static void test_bcast(const struct ranks *w)
{
    const size_t counts[] = { 0, 1, 999, 1000, 1001, 100003 };
    const size_t usual = w->dist->chunk_bytes;
    static unsigned char x[100003];
    int wrong = 0;
    w->dist->chunk_bytes = 1000; /* so that small messages take the path of huge ones */
    for (int root = 0; root < w->size; root++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            for (size_t i = 0; i < sizeof x; i++)
                x[i] = (unsigned char)(w->rank == root && i < counts[c] ? i % 251 + (size_t)root + 1 : 0);
            wrong += rt_dist_bcast(w->dist, x, counts[c], root, NULL) != RT_OK;
            for (size_t i = 0; i < sizeof x; i++)
                wrong += x[i] != (unsigned char)(i < counts[c] ? i % 251 + (size_t)root + 1 : 0);
        }
    w->dist->chunk_bytes = usual;
    check(w, wrong == 0, "broadcasts of 0 to 100003 bytes from every root, in chunks of 1000");
    struct rt_error err;
    check(w, rt_dist_bcast(w->dist, x, 1, w->size, &err) == RT_ERR_INTERNAL,
          "a root that is no rank is refused");
}

/* Rank r gives (r + shift) % size * each bytes, so some rank gives none. */
static int try_gather(const struct ranks *w, int shift, size_t each)
{
    size_t counts[16] = { 0 }, bytes = 0, at = 0;
    unsigned char *all = NULL;
    const size_t mine = (size_t)((w->rank + shift) % w->size) * each;
    unsigned char *x = malloc(mine + 1);
    memset(x, w->rank + 1, mine + 1);
    int wrong = rt_dist_allgather(w->dist, x, mine, (void **)&all, &bytes, counts, NULL) != RT_OK;
    for (int r = 0; wrong == 0 && r < w->size; r++) {
        const size_t want = (size_t)((r + shift) % w->size) * each;
        wrong += counts[r] != want;
        for (size_t i = 0; i < want; i++)
            wrong += all[at++] != r + 1;
    }
    wrong += at != bytes;
    free(all);
    free(x);
    return wrong;
}

static void test_gather(const struct ranks *w)
{
    const size_t usual = w->dist->chunk_bytes;
    int wrong = 0;
    for (int shift = 0; shift < w->size; shift++)
        wrong += try_gather(w, shift, 777);
    check(w, wrong == 0, "gathers of uneven parts, in one message");
    w->dist->chunk_bytes = 100;
    for (int shift = 0; shift < w->size; shift++)
        wrong += try_gather(w, shift, 777);
    w->dist->chunk_bytes = usual;
    check(w, wrong == 0, "gathers of uneven parts, in chunks of 100 bytes");
}

/* Number i of rank r, of any size and sign, so that the order of adding shows in the last bits. */
static float number(int r, int64_t i)
{
    uint32_t u[4];
    rt_philox(u, (uint64_t)r, (uint64_t)i, 7);
    return ldexpf((float)(int32_t)u[0], (int)(u[1] % 40) - 50);
}

static int try_sum(const struct ranks *w, int64_t n, double *worst)
{
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    double *y = malloc((size_t)(n + 1) * sizeof *y);
    int wrong = 0;
    for (int64_t i = 0; i <= n; i++) {
        x[i] = number(w->rank, i);
        y[i] = (double)x[i] / 3;
    }
    wrong += rt_dist_sum_f32(w->dist, x, n, NULL) != RT_OK;
    wrong += rt_dist_sum_f64(w->dist, y, n, NULL) != RT_OK;
    for (int64_t i = 0; i < n; i++) {
        float f = number(0, i), back = number(w->size - 1, i);
        double d = (double)f / 3;
        for (int r = 1; r < w->size; r++) {
            f += number(r, i);
            d += (double)number(r, i) / 3;
            back += number(w->size - 1 - r, i);
        }
        wrong += x[i] != f || y[i] != d;
        *worst += back != f; /* how often another order would have shown */
    }
    wrong += x[n] != number(w->rank, n) || y[n] != (double)number(w->rank, n) / 3;
    free(x);
    free(y);
    return wrong;
}

static void test_sum(const struct ranks *w)
{
    const int64_t sizes[] = { 0, 1, 2, 3, 7, 511, 512, 513, 5000, 100003 };
    const size_t usual = w->dist->chunk_bytes;
    double differ = 0;
    int wrong = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        wrong += try_sum(w, sizes[s], &differ);
    check(w, wrong == 0, "sums of 0 to 100003 numbers have the bits of adding in rank order");
    w->dist->chunk_bytes = 1024;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        wrong += try_sum(w, sizes[s], &differ);
    w->dist->chunk_bytes = usual;
    check(w, wrong == 0, "the same in chunks of 1024 bytes");
    check(w, w->size < 3 || differ > 1000, "these numbers show another order of adding");
    check(w, rt_dist_sum_f32(w->dist, NULL, -1, NULL) == RT_ERR_INTERNAL, "a negative count is refused");
}

static void test_or(const struct ranks *w)
{
    uint32_t bits = 1u << w->rank | (w->rank == w->size - 1 ? 1u << 31 : 0u);
    rt_status st = rt_dist_or(w->dist, &bits, NULL);
    check(w, st == RT_OK && bits == (((1u << w->size) - 1) | 1u << 31), "or holds every rank's bits");
    bits = 0;
    st = rt_dist_or(w->dist, &bits, NULL);
    check(w, st == RT_OK && bits == 0, "or of nothing is nothing");
}

static void try_read(const struct ranks *w, const char *path, const char *reason)
{
    char *text = NULL, want[4200], name[256];
    size_t bytes = 0;
    struct rt_error err;
    rt_status st = rt_dist_read_file(w->dist, path, &text, &bytes, &err);
    snprintf(want, sizeof want, "%s: %s", path, reason);
    snprintf(name, sizeof name, "a file that %s: one text on every rank", reason);
    check(w, st == RT_ERR_FILE && strcmp(err.text, want) == 0 && text == NULL, name);
}

static void test_read(const struct ranks *w)
{
    const size_t sizes[] = { 0, 1, 3000000 };
    char path[64] = "";
    if (w->rank == 0)
        snprintf(path, sizeof path, "test_dist.%ld.tmp", (long)getpid());
    rt_dist_bcast(w->dist, path, sizeof path, 0, NULL);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        char *text = NULL, name[64];
        size_t bytes = 0, wrong = 0;
        FILE *f = w->rank == 0 ? fopen(path, "wb") : NULL;
        for (size_t i = 0; f != NULL && i < sizes[s]; i++)
            putc((int)(i * 7 % 256), f);
        if (f != NULL)
            fclose(f);
        rt_status st = rt_dist_read_file(w->dist, path, &text, &bytes, NULL);
        for (size_t i = 0; st == RT_OK && i < sizes[s]; i++)
            wrong += (unsigned char)text[i] != i * 7 % 256;
        snprintf(name, sizeof name, "a file of %zu bytes is on every rank", sizes[s]);
        check(w, st == RT_OK && bytes == sizes[s] && wrong == 0 && text[bytes] == '\0', name);
        free(text);
    }
    rt_dist_barrier(w->dist, NULL);
    if (w->rank == 0)
        remove(path);
    rt_dist_barrier(w->dist, NULL);
    try_read(w, path, "cannot be opened: No such file or directory");
    try_read(w, ".", "is a folder, not a file");
}

/* The last rank comes a second late. The others' naps: 1000 a second at about 10 us each; a bound of 0.3 s
 * bears a machine ten times slower and still tells waiting from spinning, which takes the whole second. */
static void test_waiting(const struct ranks *w)
{
    const int late = w->size - 1;
    rt_dist_barrier(w->dist, NULL);
    const clock_t before = clock();
    const double start = rt_now_s();
    if (w->rank == late)
        nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
    rt_dist_barrier(w->dist, NULL);
    const double cpu = (double)(clock() - before) / CLOCKS_PER_SEC, wall = rt_now_s() - start;
    char name[128];
    snprintf(name, sizeof name, "waiting a second costs a rank little of its core (here: %.3f s)", cpu);
    check(w, wall > 0.99 && cpu < 0.3, name);

    struct rt_error err = { .text = "" };
    rt_status st = RT_OK;
    rt_dist_set_timeout(w->dist, 0.2);
    if (w->rank == late)
        nanosleep(&(struct timespec){ .tv_nsec = 600000000 }, NULL);
    else
        st = rt_dist_barrier(w->dist, &err);
    check(w, w->rank == late || (st == RT_ERR_COMM && strstr(err.text, "ddp_timeout") != NULL),
          "a wait beyond the limit fails and says so");
    rt_dist_set_timeout(w->dist, 0);
    if (w->rank == late)
        rt_dist_barrier(w->dist, NULL); /* the one that the others gave up */
    rt_dist_barrier(w->dist, NULL);
}

int main(int argc, char **argv)
{
    struct ranks w;
    struct rt_error err = { .text = "" };
    if (!ok(rt_dist_open(&w.dist, &argc, &argv, &err) == RT_OK, "MPI starts %s", err.text))
        return tap_done();
    w.rank = rt_dist_rank(w.dist);
    w.size = rt_dist_size(w.dist);
    if (argc > 1) { /* the named rank fails, the others wait for it */
        if (w.rank == atoi(argv[1]))
            rt_dist_abort(w.dist, RT_ERR_DATA, "data.json: row 7: no picture");
        rt_dist_barrier(w.dist, NULL);
        return 0;
    }
    test_who(&w);
    test_agree(&w);
    test_bcast(&w);
    test_gather(&w);
    test_gather_later(&w);
    test_sum(&w);
    test_or(&w);
    test_read(&w);
    test_waiting(&w);
    rt_dist_close(w.dist);
    rt_dist_close(NULL);
    return w.rank == 0 ? tap_done() : tap.failed != 0;
}
