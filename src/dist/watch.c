/* watch.c - the watchdog: looks whether the ranks move, and ends the job when they do not. */
#include "config.h"
#include "dist/watch.h"
#include "base/clock.h"
#include "dist/reduce_nccl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LEARN_FROM = 20, LEARN_EVERY = 16 }; /* steps */

static const double look_s = 1.0, hurry_s = 0.2, beat_s = RT_WATCH_BEAT_S;
static const double least_learned_s = 60.0;
static const double claim_s = RT_WATCH_CLAIM_S,
                    leave_s = RT_WATCH_LEAVE_S; /* what the files get once the job is stalled */
static const double take_s = 2.0;               /* for the main thread to notice */
static const double speak_s = 8.5;              /* for another rank to have said why, its main thread or not */
static const double end_s = 13.0;               /* for it to end the job, NCCL's 10 s included */
static const double suspended_s = 5.0;          /* between two looks: nobody ran, so nobody hung */

static double since_s(int64_t ns)
{
    return (double)(rt_board_now_ns() - ns) * 1e-9;
}

/* ---- the main thread's side ---- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void learn(struct rt_watch *w)
{
    double s[RT_WATCH_STEPS];
    const int n = w->steps < RT_WATCH_STEPS ? (int)w->steps : RT_WATCH_STEPS;
    memcpy(s, w->step_s, (size_t)n * sizeof *s);
    qsort(s, (size_t)n, sizeof *s, by_size);
    const double p99 = s[(n * 99 + 99) / 100 - 1];
    w->learned_s = fmax(least_learned_s, 10 * p99);
}

void rt_watch_phase(struct rt_watch *w, enum rt_phase phase, int64_t step)
{
    if (step != w->step) {
        w->step = step;
        w->step_from_ns = w->dist->board.mine->since_ns;
    }
    if (phase != RT_PHASE_UPDATE)
        return;
    w->step_s[w->steps++ % RT_WATCH_STEPS] = since_s(w->step_from_ns);
    w->first = 0;
    if (w->steps >= LEARN_FROM && (w->steps - LEARN_FROM) % LEARN_EVERY == 0)
        learn(w);
}

rt_status rt_watch_ask(struct rt_watch *w, const char *what, struct rt_error *err)
{
    const int over = w->over;
    if (over == RT_WATCH_ON)
        return RT_OK;
    w->taken = 1;
    if (over == RT_WATCH_SPEAK)
        return rt_fail(err, RT_ERR_COMM, "%s", w->text);
    for (double from = rt_now_s(); rt_now_s() - from < speak_s;)
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    return rt_fail(err, RT_ERR_COMM, "%s: given up; another rank says why", what);
}

void rt_dist_card(struct rt_dist *dist, const char *text, enum rt_card_state state)
{
    rt_board_card(&dist->board, text, state);
}

void rt_dist_broken(struct rt_dist *dist, const char *text, double seconds)
{
    struct rt_watch *w = dist->watch;
    if (w == NULL)
        return;
    snprintf(w->broken, sizeof w->broken, "%s", text);
    w->bears_s = seconds;
    w->broken_ns = rt_board_now_ns();
}

rt_status rt_dist_why(const struct rt_dist *dist, rt_status st)
{
    const struct rt_watch *w = dist->watch;
    return st == RT_ERR_COMM && w != NULL && (w->broken_ns != 0 || w->why == RT_ERR_HARDWARE) ? RT_ERR_HARDWARE
                                                                                              : st;
}

bool rt_dist_silent(const struct rt_dist *dist)
{
    return dist->watch != NULL && dist->watch->over == RT_WATCH_SILENT;
}

void rt_watch_ending(struct rt_watch *w, int exit_code)
{
    w->code_ns = rt_board_now_ns();
    w->code = exit_code;
}

/* ---- the watching thread's side ---- */

/* The main thread hangs where nothing reaches it. */
static void end_by_force(struct rt_watch *w)
{
    w->dist->board.mine->ending = 1;
    if (w->over == RT_WATCH_SPEAK) {
        rt_dist_say(w->dist, w->text); /* stdio's lock may be held for ever */
        rt_watch_ask_files(w, RT_WATCH_FORCED, leave_s);
    }
    rt_nccl_abort(w->dist->nccl);
    _exit(rt_exit_code(w->why));
}

/* What is known of all ranks now: of this host by the board, of others by their files. */
static void gather(struct rt_watch *w)
{
    const double most = since_s(w->floor_ns);
    pthread_mutex_lock(&w->lock);
    memcpy(w->now, w->seen, (size_t)w->dist->size * sizeof *w->now);
    pthread_mutex_unlock(&w->lock);
    rt_heartbeat_look(&w->dist->board, w->now, w->dist->size);
    for (int r = 0; r < w->dist->size; r++) {
        w->now[r].silent_s = fmin(w->now[r].silent_s, most);
        w->now[r].unheard_s = fmin(w->now[r].unheard_s, most);
    }
}

static void judge(struct rt_watch *w, char *text, size_t bytes)
{
    const struct rt_seen *mine = &w->now[w->dist->rank];
    const struct rt_verdict v = {
        w->now, w->dist->size, w->dist->rank, &w->limits, w->opt.where, w->opt.context
    };
    const int n = mine->inside
                      ? snprintf(text, bytes, "%s: not done within %.0f s (%s): ", mine->op, mine->silent_s,
                                 w->limits.learned_s > 0 && w->limits.learned_s < w->limits.collective_s
                                     ? "10 times a slow step"
                                     : "ddp_timeout")
                      : snprintf(text, bytes, "nothing moved for %.0f s: ", mine->silent_s);
    rt_verdict_text(&v, text + n, bytes - (size_t)n);
}

static void warn(struct rt_watch *w)
{
    char text[1800], line[2400];
    const struct rt_seen *mine = &w->now[w->dist->rank];
    const int64_t about = mine->completed + 1; /* once a host for each operation */
    if (atomic_exchange(&w->dist->board.line[0].warned, about) == about)
        return;
    judge(w, text, sizeof text);
    snprintf(line, sizeof line, "warning: %s; the job ends if that lasts", text);
    rt_dist_say(w->dist, line);
}

/* Is hardware of this rank broken for longer than the main thread was given to end the job? */
static bool broken_for_long(const struct rt_watch *w)
{
    return w->broken_ns != 0 && since_s(w->broken_ns) > w->bears_s;
}

static void stall(struct rt_watch *w)
{
    if (!rt_board_tell(&w->dist->board)) {
        w->over = RT_WATCH_SILENT;
        return;
    }
    const bool claimed = !rt_watch_ask_files(w, RT_WATCH_CLAIM, claim_s) || w->claimed;
    gather(w);
    w->why = rt_verdict_broken(w->now, w->dist->size) ? RT_ERR_HARDWARE : RT_ERR_COMM;
    if (claimed && broken_for_long(w))
        snprintf(w->text, sizeof w->text, "%s; no step ended within %.0f s of that", w->broken, w->bears_s);
    else if (claimed)
        judge(w, w->text, sizeof w->text);
    rt_watch_ask_files(w, RT_WATCH_LEAVE, leave_s);
    w->over = claimed ? RT_WATCH_SPEAK : RT_WATCH_SILENT;
}

static void look(struct rt_watch *w)
{
    struct rt_board *b = &w->dist->board;
    const int64_t now = rt_board_now_ns();
    if ((double)(now - w->looked_ns) * 1e-9 > suspended_s)
        w->floor_ns = now;
    w->looked_ns = now;
    b->mine->looked_ns = now;
    if (w->code != 0) {
        if (since_s(w->code_ns) > end_s)
            _exit(w->code);
        return;
    }
    if (w->over == RT_WATCH_ON && b->line[0].spoken)
        w->over = RT_WATCH_SILENT;
    if (w->over != RT_WATCH_ON) {
        w->over_ns = w->over_ns == 0 ? now : w->over_ns;
        if (since_s(w->over_ns) > (w->over == RT_WATCH_SPEAK && !w->taken ? take_s : end_s))
            end_by_force(w);
        return;
    }
    w->limits.collective_s = w->dist->timeout_s > 0 ? w->dist->timeout_s : w->limits.setup_s;
    w->limits.learned_s = w->learned_s;
    w->limits.first = w->first;
    gather(w);
    const struct rt_seen *mine = &w->now[w->dist->rank];
    const double limit = rt_limit_s(&w->limits, mine->phase, mine->inside);
    w->limits.unheard_s = fmin(3 * beat_s, limit / 2);
    const bool worried = mine->silent_s > limit / 2;
    pthread_mutex_lock(&w->lock);
    w->worried = worried;
    if (fmin(beat_s, w->limits.collective_s / 8) < w->beat_s)
        pthread_cond_broadcast(&w->wake); /* the thread of the files sleeps for a longer beat */
    w->beat_s = fmin(beat_s, w->limits.collective_s / 8);
    pthread_mutex_unlock(&w->lock);
    rt_watch_lost(w);
    if (broken_for_long(w) || rt_verdict_due(w->now, w->dist->size, w->dist->rank, &w->limits))
        stall(w);
    else if (worried)
        warn(w);
}

/* Until the next look, which is soon where little time may be left. */
static void nap(struct rt_watch *w)
{
    double left_s = fmax(0.05, fmin(look_s, w->limits.collective_s / 10));
    for (; left_s > 0 && !w->quit; left_s -= hurry_s) {
        rt_watch_wait(&w->wake, &w->lock, fmin(left_s, hurry_s));
        if (w->waits || rt_watch_told(w))
            break;
    }
}

void *rt_watch_looks(void *context)
{
    struct rt_watch *w = context;
    pthread_mutex_lock(&w->lock);
    while (!w->quit) {
        pthread_mutex_unlock(&w->lock);
        look(w);
        pthread_mutex_lock(&w->lock);
        nap(w);
    }
    w->alive--;
    pthread_cond_broadcast(&w->answered);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}
