/*
 * verdict.h - how long a rank may stay where it is, and, once a wait is over, which ranks are to blame: from
 * what is known of all of them. Reads no clock and no file. Private to dist.
 */
#ifndef RT_DIST_VERDICT_H
#define RT_DIST_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of one rank. */
struct rt_seen {
    int rank, pid; /* rank -1: nothing is known of it */
    int phase;     /* enum rt_phase */
    bool inside;   /* it waits for other ranks */
    char state;    /* of the process: 'R', 'T' stopped by a signal, 'Z' ended */
    char host[64], gpu[48];
    char op[32];    /* the operation begun last */
    char card[160]; /* what its GPU says of itself; "": nothing */
    int card_state; /* enum rt_card_state */
    double card_s;  /* since it said so */
    int64_t step, micro, sample, entered, completed;
    double silent_s;  /* since its last change */
    double unheard_s; /* since its host was heard of; 0: this host */
};

struct rt_limits {
    double collective_s; /* longest wait for other ranks: ddp_timeout */
    double setup_s, save_s, sample_s, first_step_s, step_s;
    double unheard_s; /* a host that renews nothing for so long is lost */
    double learned_s; /* 10 x the 99th percentile of step times, at least 60 s; 0: not known yet */
    bool first;       /* no step is done yet */
};

/* The limits of batch.md, before anything is learned. */
void rt_limits_init(struct rt_limits *limits);
/* How long a rank may stay in a phase without any change; inside: waiting for other ranks. */
double rt_limit_s(const struct rt_limits *limits, int phase, bool inside);

/* Is it time to end the job, as the rank `me` sees it? A rank that waits has patience with those that still
 * move, and with one that saves or loads for as long as that may take. */
bool rt_verdict_due(const struct rt_seen *seen, int ranks, int me, const struct rt_limits *limits);

/* Who is to blame, in words, and how many they are; 0: all that are known wait inside the same operation. What
 * the GPUs say of themselves follows: then of all of them, else of those that are odd. where(context, sample,
 * ...) names a row of the data; may be NULL. */
struct rt_verdict {
    const struct rt_seen *seen; /* [ranks] by rank */
    int ranks, me;
    const struct rt_limits *limits;
    void (*where)(void *context, int64_t sample, char *text, size_t bytes);
    void *context;
};
int rt_verdict_text(const struct rt_verdict *v, char *text, size_t bytes);
/* Has the hardware of some rank failed? Then that is why the job ends. */
bool rt_verdict_broken(const struct rt_seen *seen, int ranks);

#endif
