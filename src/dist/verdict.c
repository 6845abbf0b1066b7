/* verdict.c - limits by phase, and which ranks are to blame for a stall. */
#include "config.h"
#include "dist/verdict.h"
#include "base/text.h"
#include "dist/board.h"

#include <math.h>
#include <stdio.h>

enum { NAMED = 4, CARDS = 8 }; /* ranks and GPUs that a verdict describes; the others it counts */

/* A GPU that has said nothing for so long hangs in the driver: it is asked each second. */
static const double mute_s = 15;

void rt_limits_init(struct rt_limits *limits)
{
    *limits = (struct rt_limits){ .collective_s = 600,
                                  .setup_s = 1800,
                                  .save_s = 900,
                                  .sample_s = 300,
                                  .first_step_s = 1800,
                                  .step_s = 600,
                                  .unheard_s = 30,
                                  .first = true };
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

double rt_limit_s(const struct rt_limits *l, int phase, bool inside)
{
    const double learned = l->learned_s > 0 ? l->learned_s : INFINITY;
    if (inside)
        return least(l->collective_s, phase == RT_PHASE_SETUP || phase == RT_PHASE_LOAD ? INFINITY : learned);
    switch ((enum rt_phase)phase) {
    case RT_PHASE_SETUP:
    case RT_PHASE_LOAD:
    case RT_PHASE_END: return l->setup_s;
    case RT_PHASE_SCAN: return l->sample_s;
    case RT_PHASE_SAVE: return l->save_s;
    case RT_PHASE_DATA: return least(l->sample_s, learned);
    case RT_PHASE_H2D:
    case RT_PHASE_FORWARD:
    case RT_PHASE_BACKWARD:
    case RT_PHASE_SUM:
    case RT_PHASE_UPDATE:
    case RT_PHASE_EVAL: break;
    }
    return l->first ? l->first_step_s : least(l->step_s, learned);
}

/* What a rank that waits bears of another: what it would bear of itself where that takes long by its nature. */
static double patience_s(const struct rt_limits *l, const struct rt_seen *me, const struct rt_seen *other)
{
    const double wait = rt_limit_s(l, me->phase, true);
    switch ((enum rt_phase)other->phase) {
    case RT_PHASE_SETUP:
    case RT_PHASE_LOAD:
    case RT_PHASE_SAVE:
    case RT_PHASE_END: return fmax(wait, rt_limit_s(l, other->phase, false));
    default: return wait;
    }
}

static bool cannot_answer(const struct rt_limits *l, const struct rt_seen *s)
{
    return s->state != 'R' || s->unheard_s > l->unheard_s;
}

/* A rank that others wait for: it has ended the fewest operations, and is not waiting itself. */
static bool is_late(const struct rt_seen *s, int64_t fewest)
{
    return s->rank >= 0 && s->completed == fewest && !s->inside;
}

static int64_t fewest_completed(const struct rt_seen *seen, int ranks)
{
    int64_t fewest = INT64_MAX;
    for (int r = 0; r < ranks; r++)
        if (seen[r].rank >= 0 && seen[r].completed < fewest)
            fewest = seen[r].completed;
    return fewest;
}

bool rt_verdict_due(const struct rt_seen *seen, int ranks, int me, const struct rt_limits *limits)
{
    const struct rt_seen *mine = &seen[me];
    if (mine->silent_s < rt_limit_s(limits, mine->phase, mine->inside))
        return false;
    if (!mine->inside)
        return true;
    const int64_t fewest = fewest_completed(seen, ranks);
    for (int r = 0; r < ranks; r++)
        if (is_late(&seen[r], fewest) && !cannot_answer(limits, &seen[r]) &&
            seen[r].silent_s < patience_s(limits, mine, &seen[r]))
            return false;
    return true;
}

/* Ranks that cannot answer come before those that only do not: these may be waiting for the machine. */
static bool is_culprit(const struct rt_verdict *v, int r, bool dead, int64_t fewest)
{
    const struct rt_seen *s = &v->seen[r], *mine = &v->seen[v->me];
    if (s->rank < 0)
        return false;
    if (dead)
        return cannot_answer(v->limits, s);
    const double bears =
        mine->inside ? patience_s(v->limits, mine, s) : rt_limit_s(v->limits, s->phase, s->inside);
    if (r == v->me && !s->inside)
        return true;
    return is_late(s, fewest) && s->silent_s >= bears;
}

static size_t add(char *text, size_t bytes, size_t used, int n)
{
    (void)text;
    const size_t all = used + (n > 0 ? (size_t)n : 0);
    return all < bytes ? all : bytes - 1;
}

static size_t describe(const struct rt_verdict *v, const struct rt_seen *s, char *text, size_t bytes)
{
    char where[256] = "";
    size_t used = 0;
    used = add(text, bytes, used,
               snprintf(text, bytes, "rank %d on %s (process %d%s%s%s) does not answer: for %.0f s in %s",
                        s->rank, s->host, s->pid, *s->gpu != '\0' ? ", " : "", s->gpu,
                        s->state == 'T'   ? ", stopped by a signal"
                        : s->state == 'Z' ? ", which has ended"
                                          : "",
                        s->silent_s, rt_phase_text(s->phase)));
    if (s->step >= 0)
        used = add(text, bytes, used,
                   snprintf(text + used, bytes - used, " of step %lld", (long long)s->step + 1));
    if (s->inside)
        used = add(text, bytes, used,
                   snprintf(text + used, bytes - used, ", inside collective #%lld", (long long)s->entered));
    if (s->sample >= 0) {
        if (v->where != NULL)
            v->where(v->context, s->sample, where, sizeof where);
        used = add(text, bytes, used,
                   snprintf(text + used, bytes - used, ", sample %lld%s%s%s", (long long)s->sample,
                            *where != '\0' ? " (" : "", where, *where != '\0' ? ")" : ""));
    }
    if (s->unheard_s > v->limits->unheard_s)
        used = add(
            text, bytes, used,
            snprintf(text + used, bytes - used, "; nothing was heard of its host for %.0f s", s->unheard_s));
    return used;
}

bool rt_verdict_broken(const struct rt_seen *seen, int ranks)
{
    for (int r = 0; r < ranks; r++)
        if (seen[r].rank >= 0 && seen[r].card_state == RT_CARD_BROKEN)
            return true;
    return false;
}

/* How much a card asks to be looked at; below 0: nothing is known of it. */
static int oddness(const struct rt_seen *s)
{
    if (s->rank < 0 || s->card[0] == '\0')
        return -1;
    return s->card_state == RT_CARD_SOUND && s->card_s > mute_s ? RT_CARD_ODD : s->card_state;
}

/* The worst first, down to this one. */
static void add_cards(const struct rt_verdict *v, int least_odd, char *text, size_t bytes)
{
    int n = 0;
    for (int odd = RT_CARD_BROKEN; odd >= least_odd; odd--) {
        for (int r = 0; r < v->ranks; r++) {
            const struct rt_seen *s = &v->seen[r];
            if (oddness(s) != odd || n++ >= CARDS)
                continue;
            rt_text_add(text, bytes, "; GPU of rank %d on %s%s%s%s: %s", s->rank, s->host,
                        s->gpu[0] != '\0' ? " (" : "", s->gpu, s->gpu[0] != '\0' ? ")" : "", s->card);
            if (s->card_s > mute_s)
                rt_text_add(text, bytes, " (so %.0f s ago, and nothing since)", s->card_s);
        }
    }
    if (n > CARDS)
        rt_text_add(text, bytes, "; and %d GPUs more", n - CARDS);
}

int rt_verdict_text(const struct rt_verdict *v, char *text, size_t bytes)
{
    const struct rt_seen *mine = &v->seen[v->me];
    const int64_t fewest = fewest_completed(v->seen, v->ranks);
    int n = 0, unknown = 0;
    size_t used = 0;
    text[0] = '\0';
    for (int pass = 0; pass < 2 && n == 0; pass++) {
        for (int r = 0; r < v->ranks; r++) {
            if (!is_culprit(v, r, pass == 0, fewest))
                continue;
            if (n > 0 && n < NAMED)
                used = add(text, bytes, used, snprintf(text + used, bytes - used, "; "));
            if (n++ < NAMED)
                used += describe(v, &v->seen[r], text + used, bytes - used);
        }
    }
    for (int r = 0; r < v->ranks; r++)
        unknown += v->seen[r].rank < 0;
    if (n > NAMED)
        used = add(text, bytes, used, snprintf(text + used, bytes - used, "; and %d ranks more", n - NAMED));
    if (n == 0)
        used = add(
            text, bytes, used,
            snprintf(text, bytes, "all %d ranks that are known wait inside collective #%lld (%s): %s",
                     v->ranks - unknown, (long long)mine->entered, mine->op,
                     unknown > 0 ? "another rank, the network or a GPU hangs" : "the network or a GPU hangs"));
    if (unknown > 0)
        snprintf(text + used, bytes - used, "; of %d ranks on other hosts nothing is known", unknown);
    add_cards(v, n == 0 ? RT_CARD_SOUND : RT_CARD_ODD, text, bytes);
    return n;
}
