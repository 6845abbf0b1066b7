/* word.c - words that all ranks fold into one: while they compute, and in phases that each goes through at its
 * own pace. */
#include "config.h"
#include "base/clock.h"
#include "dist/watch.h"
#include "dist/world.h"

#include <time.h>

enum { WORKING = 1, STOP = 2 }; /* of a rank in a long phase */

rt_status rt_dist_word_post(struct rt_dist *dist, uint32_t mine, struct rt_error *err)
{
    struct rt_dist_word *w = &dist->word;
    if (w->posted)
        return rt_fail(err, RT_ERR_INTERNAL, "a word was posted before the last one was taken");
    w->mine = w->all = mine;
    if (dist->size > 1)
        RT_TRY(
            rt_dist_mpi(MPI_Iallreduce(&w->mine, &w->all, 1, MPI_UINT32_T, MPI_BOR, dist->words, &w->request),
                        "or over ranks", err));
    w->posted = true;
    return RT_OK;
}

rt_status rt_dist_word_take(struct rt_dist *dist, uint32_t *all, struct rt_error *err)
{
    struct rt_dist_word *w = &dist->word;
    if (!w->posted)
        return rt_fail(err, RT_ERR_INTERNAL, "a word was taken that nobody posted");
    rt_board_enter(&dist->board, "word", sizeof w->all);
    if (dist->size > 1)
        RT_TRY(rt_dist_wait_mpi(dist, &w->request, "or over ranks", err));
    rt_board_leave(&dist->board);
    w->posted = false;
    *all = w->all;
    return RT_OK;
}

bool rt_dist_word_posted(const struct rt_dist *dist)
{
    return dist->word.posted;
}

static rt_status begin_round(struct rt_dist *dist, struct rt_dist_look *look, bool working,
                             struct rt_error *err)
{
    look->mine = look->all = (working ? WORKING : 0) | (rt_dist_asked(dist) ? STOP : 0);
    look->since_s = rt_now_s();
    look->under_way = true;
    if (dist->size == 1)
        return RT_OK;
    rt_board_enter(&dist->board, "look", sizeof look->all);
    return rt_dist_mpi(
        MPI_Iallreduce(&look->mine, &look->all, 1, MPI_UINT32_T, MPI_BOR, dist->words, &dist->round),
        "or over ranks", err);
}

/* Round after round: all see the same words, so all leave after the same round. */
rt_status rt_dist_look(struct rt_dist *dist, struct rt_dist_look *look, bool working, struct rt_error *err)
{
    static const struct timespec nap = { .tv_nsec = 500000 };
    int done = 1;
    if (!look->under_way)
        RT_TRY(begin_round(dist, look, working, err));
    if (dist->size > 1)
        RT_TRY(rt_dist_mpi(MPI_Test(&dist->round, &done, MPI_STATUS_IGNORE), "or over ranks", err));
    if (done) {
        if (dist->size > 1)
            rt_board_leave(&dist->board);
        look->under_way = false;
        look->stopped = (look->all & STOP) != 0;
        look->over = look->stopped || (look->all & WORKING) == 0;
        return RT_OK;
    }
    if (dist->watch != NULL)
        RT_TRY(rt_watch_ask(dist->watch, "a word from every rank", err));
    else if (dist->timeout_s > 0 && rt_now_s() - look->since_s > dist->timeout_s)
        return rt_dist_late(dist, "a word from every rank", err);
    if (!working)
        nanosleep(&nap, NULL);
    return RT_OK;
}
