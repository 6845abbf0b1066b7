/* thread.h - threads beside the main one, and conditions with a time limit. */
#ifndef RT_BASE_THREAD_H
#define RT_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <time.h>

/* pthread_create with all signals blocked in the new thread: they are for the main one. Returns an errno. */
static inline int rt_thread_start(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                                  void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(thread, attr, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

/* A condition whose time limits are of rt_now_s's clock. */
static inline void rt_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &clock);
    pthread_condattr_destroy(&clock);
}

#endif
