/*
 * tests/dist/test_watch.c - the watchdog; run on 1, 2 and 3 ranks.
 *
 * With arguments HOW FOLDER it ends badly, for test_watch_hang.sh: rank 0 hangs with its main thread asleep
 * ("sleep"), in a loop ("spin"), or in a wait that it would leave if asked ("wait", where no rank is to blame).
 */
#include "config.h"
#include "base/clock.h"
#include "dist/dist.h"
#include "dist/watch.h"
#include "tap.h"

#include <string.h>
#include <unistd.h>

static void name_row(void *context, int64_t sample, char *text, size_t bytes)
{
    snprintf(text, bytes, "%s row %lld", (const char *)context, (long long)sample + 1);
}

static rt_status never(void *context, bool *done, struct rt_error *err)
{
    (void)context;
    (void)err;
    *done = false;
    return RT_OK;
}

static int end_badly(struct rt_dist *dist, const char *how, const char *folder)
{
    static char file[] = "a.json";
    struct rt_error err = { .text = "" };
    if (rt_dist_watch_begin(
            dist, &(struct rt_dist_watch_options){ .folder = folder, .where = name_row, .context = file },
            &err) != RT_OK)
        rt_dist_abort(dist, err.status, err.text);
    dist->watch->limits.first_step_s = 1;
    dist->watch->limits.step_s = 1;
    rt_dist_phase(dist, RT_PHASE_FORWARD, 4);
    rt_dist_at(dist, 0, 6);
    if (strcmp(how, "wait") == 0) {
        rt_dist_set_timeout(dist, 1);
        rt_board_enter(&dist->board, "sum over ranks", 4);
        if (rt_dist_wait(dist, never, NULL, "sum over ranks", &err) != RT_OK)
            rt_dist_abort(dist, err.status, err.text);
    }
    while (rt_dist_rank(dist) == 0 && strcmp(how, "sleep") == 0)
        pause();
    for (volatile unsigned i = 0; rt_dist_rank(dist) == 0 && strcmp(how, "spin") == 0; i++)
        ;
    rt_dist_barrier(dist, NULL);
    return 0;
}

/* What a step costs that tells where it is: 12 changes of phase and 4 operations, say. */
static void test_cost(struct rt_dist *dist)
{
    enum { TIMES = 100000 };
    const double from = rt_now_s();
    for (int i = 0; i < TIMES; i++) {
        rt_dist_phase(dist, RT_PHASE_FORWARD, i / 12);
        rt_dist_at(dist, 0, i);
        rt_board_enter(&dist->board, "sum over ranks", 8);
        rt_board_leave(&dist->board);
    }
    const double us = (rt_now_s() - from) / TIMES * 1e6;
    if (rt_dist_rank(dist) == 0) /* a busy machine may take the core away; a step takes 100,000 us and more */
        ok(us < 50, "a change of phase and of place and an operation are noted in %.2f us < 50", us);
}

int main(int argc, char **argv)
{
    struct rt_dist *dist = NULL;
    struct rt_error err = { .text = "" };
    if (rt_dist_open(&dist, &argc, &argv, &err) != RT_OK)
        return 1;
    if (argc > 2)
        return end_badly(dist, argv[1], argv[2]);
    char folder[64] = "/tmp/rt-watch-XXXXXX", path[100];
    const int rank = rt_dist_rank(dist);
    rt_status st = rank == 0 && mkdtemp(folder) == NULL ? rt_fail(&err, RT_ERR_OUTPUT, "no folder") : RT_OK;
    st = rt_dist_agree(dist, st, &err);
    st = st == RT_OK ? rt_dist_bcast(dist, folder, sizeof folder, 0, &err) : st;
    st =
        st == RT_OK ? rt_dist_watch_begin(dist, &(struct rt_dist_watch_options){ .folder = folder }, &err) : st;
    ok(st == RT_OK, "watched %s", err.text);
    test_cost(dist);
    snprintf(path, sizeof path, "%s/hb/0", folder);
    bool there = false;
    for (double from = rt_now_s(); !there && rt_now_s() - from < 20; usleep(10000))
        there = access(path, R_OK) == 0;
    if (rank == 0)
        ok(there, "the host renews its file");

    /* Steps of nothing: what is learned is at least a minute. */
    for (int step = 0; step < 40; step++) {
        rt_dist_phase(dist, RT_PHASE_FORWARD, 1000000 + step);
        rt_dist_phase(dist, RT_PHASE_UPDATE, 1000000 + step);
        if (step == 18)
            ok(dist->watch->learned_s == 0, "nothing is learned from 19 steps");
    }
    ok(dist->watch->learned_s == 60 && dist->watch->first == 0, "after 40 short steps a minute is the limit");
    for (int step = 0; step < RT_WATCH_STEPS; step++)
        dist->watch->step_s[step] = step == 0 ? 100 : 8;
    dist->watch->steps = RT_WATCH_STEPS + 3; /* the next is one after which it learns */
    rt_dist_phase(dist, RT_PHASE_UPDATE, 2000000);
    ok(dist->watch->learned_s == 80, "of steps of 8 s, one of 100 s and one of nothing: %.0f s == 80",
       (double)dist->watch->learned_s);
    st = rt_dist_barrier(dist, &err);
    ok(st == RT_OK, "waits work as before");
    rt_dist_watch_end(dist);
    rt_dist_watch_end(dist);
    ok(dist->watch == NULL, "not watched any more");
    snprintf(path, sizeof path, "rm -r %s", folder);
    if (rank == 0)
        ok(system(path) == 0, "cleared away");
    rt_dist_close(dist);
    return rank == 0 ? tap_done() : tap.failed != 0;
}
