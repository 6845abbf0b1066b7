/* threads.h - starting and ending a group of worker threads. */
#ifndef RT_DATA_THREADS_H
#define RT_DATA_THREADS_H

#include "base/status.h"

#include <pthread.h>
#include <stdint.h>

struct rt_threads {
    pthread_t *thread;
    int64_t count;
};
/* Start up to `count` threads (at least one, or RT_ERR_MEMORY) that run run(context) with all signals blocked:
 * signals are the main thread's. */
rt_status rt_threads_start(struct rt_threads *threads, int64_t count, void *(*run)(void *), void *context,
                           struct rt_error *err);
void rt_threads_join(struct rt_threads *threads);
/* Cores for one of `sharing` ranks on this host: those it is bound to, or its share of all. */
int64_t rt_threads_cores(int sharing);

#endif
