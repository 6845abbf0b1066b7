/* watch_lost.c - a launcher that finds a rank or a host lost ends the ranks that are left, with a code of its
 * own: what one of them says in the second before. */
#include "config.h"
#include "base/text.h"
#include "dist/watch.h"

#include <stdio.h>

enum { NAMED = 4 }; /* lost ranks; the others are counted */

/* Ranks of hosts that are not heard of any more, for so many seconds. */
static int lost(const struct rt_watch *w, double seconds, char *text, size_t bytes)
{
    int n = 0;
    text[0] = '\0';
    for (int r = 0; r < w->dist->size; r++) {
        const struct rt_seen *s = &w->now[r];
        if (s->rank < 0 || s->unheard_s < seconds)
            continue;
        if (n++ < NAMED)
            rt_text_add(text, bytes, "%srank %d on %s", n > 1 ? ", " : "", r, s->host);
    }
    if (n > NAMED)
        rt_text_add(text, bytes, " and %d more", n - NAMED);
    return n;
}

/* What rank 0 waits for when it is told to end: hosts that are not there, or a network that brings nothing
 * though all ranks are in the same operation. False: nothing of the kind. */
static bool find_lost(struct rt_watch *w)
{
    char who[1000];
    const struct rt_seen *mine = &w->now[w->dist->rank];
    const double late_s =
        1.25 * w->beat_s + 2; /* a host renews its file each beat, and it is read each second */
    const struct rt_verdict v = {
        w->now, w->dist->size, w->dist->rank, &w->limits, w->opt.where, w->opt.context
    };
    if (lost(w, late_s, who, sizeof who) > 0)
        snprintf(
            w->text, sizeof w->text,
            "%s: nothing is heard of %s any more: a host or the network was lost, and what started the job ends it",
            mine->op, who);
    else if (mine->silent_s > late_s && rt_verdict_text(&v, who, sizeof who) == 0)
        snprintf(w->text, sizeof w->text, "%s: not done within %.0f s, when what started the job ended it: %s",
                 mine->op, mine->silent_s, who);
    else
        return false;
    return true;
}

/* Ranks of this host whose processes are gone without a word; false: none, or another rank is there to say so.
 */
static bool find_dead(struct rt_watch *w)
{
    const struct rt_board *b = &w->dist->board;
    int n = 0;
    bool first = true; /* of those that live */
    w->text[0] = '\0';
    for (int i = 0; i < b->lines; i++) {
        const struct rt_board_line *l = &b->line[i];
        if (l->ending)
            return false;
        if (l == b->mine)
            break;
        first = first && rt_process_state(l->pid) == 'Z';
    }
    for (int i = 0; first && i < b->lines; i++) {
        const struct rt_board_line *l = &b->line[i];
        if (l->ending)
            return false;
        if (rt_process_state(l->pid) == 'Z' && n++ < NAMED)
            rt_text_add(w->text, sizeof w->text, "%srank %d on %s (process %d)", n > 1 ? ", " : "", l->rank,
                        l->host, l->pid);
    }
    if (n > NAMED)
        rt_text_add(w->text, sizeof w->text, " and %d more", n - NAMED);
    rt_text_add(w->text, sizeof w->text, " died without a word: killed, as for lack of memory, or crashed");
    return n > 0;
}

bool rt_watch_told(const struct rt_watch *w)
{
    return !w->parted && w->opt.told != NULL && w->opt.told(w->opt.context);
}

void rt_watch_lost(struct rt_watch *w)
{
    const struct rt_seen *mine = &w->now[w->dist->rank];
    const bool waits = w->dist->rank == 0 && mine->inside && mine->silent_s > w->beat_s / 2;
    pthread_mutex_lock(&w->lock);
    if (waits && !w->waits)
        pthread_cond_broadcast(&w->wake); /* the thread of the files sleeps for up to a beat */
    w->waits = waits;
    pthread_mutex_unlock(&w->lock);
    if (!rt_watch_told(w) || (!find_dead(w) && (!waits || !find_lost(w))))
        return;
    w->parted = true;
    rt_dist_say(w->dist, w->text);
    rt_watch_ask_files(w, RT_WATCH_FORCED, RT_WATCH_LEAVE_S);
}
