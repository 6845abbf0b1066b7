/*
 * watch.h - the watchdog of a rank: two threads that know no MPI. One looks each second whether anything moves
 * and ends the job when it does not; the other reads and writes the files, which may hang. Private to dist.
 */
#ifndef RT_DIST_WATCH_H
#define RT_DIST_WATCH_H

#include "dist/heartbeat.h"
#include "dist/world.h"

#include <pthread.h>

#define RT_WATCH_BEAT_S 10.0 /* how often a host's file is renewed, at the least */
/* What the files get once the job is stalled, or ends. */
#define RT_WATCH_CLAIM_S 2.0
#define RT_WATCH_LEAVE_S 1.5

enum { RT_WATCH_STEPS = 128 }; /* of which the 99th percentile is taken */

enum rt_watch_over {
    RT_WATCH_ON,     /* all is well */
    RT_WATCH_SPEAK,  /* stalled: this rank says why */
    RT_WATCH_SILENT, /* stalled: another rank says why */
};

struct rt_watch {
    struct rt_dist *dist;
    struct rt_dist_watch_options opt;
    char *folder;
    int alive;            /* threads */
    bool locks;           /* lock, wake and answered are there */
    pthread_mutex_t lock; /* over the fields up to seen */
    pthread_cond_t wake, answered;
    bool quit;
    bool worried; /* past half of a limit: other hosts' files are read */
    bool waits;   /* rank 0, which waits for others: they are read each second */
    enum rt_watch_task {
        RT_WATCH_NOTHING,
        RT_WATCH_CLAIM,
        RT_WATCH_LEAVE,
        RT_WATCH_FORCED
    } task; /* for the thread of the files */
    bool claimed;
    double beat_s;            /* how often the host's file is renewed */
    struct rt_seen *seen;     /* [size] as the files say */
    struct rt_heartbeat beat; /* the thread of the files alone */

    /* The watching thread alone. */
    struct rt_limits limits;
    struct rt_seen *now; /* [size] */
    int64_t looked_ns;
    int64_t floor_ns; /* nothing before this counts: the whole process was suspended */
    int64_t over_ns;
    bool parted;     /* a host was lost, and it has been said */
    char text[2000]; /* complete before over says so, as is why */
    _Atomic int why; /* enum rt_status: RT_ERR_COMM, or RT_ERR_HARDWARE */

    /* The main thread alone. */
    int64_t step, step_from_ns, steps;
    double step_s[RT_WATCH_STEPS];

    /* Between the main thread and the watching one. */
    _Atomic double learned_s;
    _Atomic int first;
    _Atomic int over;  /* enum rt_watch_over */
    _Atomic int taken; /* the main thread knows, and ends the job */
    _Atomic int code;  /* the main thread is ending the job with this exit code; 0: it is not */
    _Atomic int64_t code_ns;

    /* From rt_dist_broken's thread to the watching one. */
    char broken[400];          /* complete before broken_ns says so */
    double bears_s;            /* broken hardware */
    _Atomic int64_t broken_ns; /* 0: it is not */
};

/* By the main thread: what it does has changed, so steps are timed; is the job stalled? Then err holds why,
 * after a while where another rank says it: RT_ERR_COMM. */
void rt_watch_phase(struct rt_watch *w, enum rt_phase phase, int64_t step);
rt_status rt_watch_ask(struct rt_watch *w, const char *what, struct rt_error *err);
/* The main thread ends the job now: should it hang in that, the watchdog ends the process. */
void rt_watch_ending(struct rt_watch *w, int exit_code);

/* watch_lost.c. Is this process told to end, and has not said why? What it knows of that, said once: ranks of
 * its host that died, and for rank 0 that it waits for a host that is gone. By the watching thread, once it
 * knows where the ranks are. */
bool rt_watch_told(const struct rt_watch *w);
void rt_watch_lost(struct rt_watch *w);

/* The watching thread. */
void *rt_watch_looks(void *watch);

/* watch_files.c: the thread of the files. ask: have it do a task; false if it has not within so many seconds.
 */
void *rt_watch_files(void *watch);
bool rt_watch_ask_files(struct rt_watch *w, enum rt_watch_task task, double seconds);
/* When the condition's clock, the monotonic one, says so. */
void rt_watch_wait(pthread_cond_t *cond, pthread_mutex_t *lock, double seconds);

#endif
