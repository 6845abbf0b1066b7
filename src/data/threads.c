/* threads.c - groups of worker threads. */
#include "config.h"
#include "base/thread.h"
#include "data/threads.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

rt_status rt_threads_start(struct rt_threads *threads, int64_t count, void *(*run)(void *), void *context,
                           struct rt_error *err)
{
    threads->count = 0;
    threads->thread = malloc((size_t)count * sizeof *threads->thread);
    if (threads->thread == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %lld threads", (long long)count);
    int failed = 0;
    while (threads->count < count && failed == 0) {
        failed = rt_thread_start(&threads->thread[threads->count], NULL, run, context);
        threads->count += failed == 0;
    }
    if (threads->count > 0)
        return RT_OK;
    free(threads->thread);
    threads->thread = NULL;
    return rt_fail(err, RT_ERR_MEMORY, "cannot start a thread: %s", strerror(failed));
}

void rt_threads_join(struct rt_threads *threads)
{
    for (int64_t i = 0; i < threads->count; i++)
        pthread_join(threads->thread[i], NULL);
    free(threads->thread);
    threads->thread = NULL;
    threads->count = 0;
}

int64_t rt_threads_cores(int sharing)
{
    const long all = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t mine;
    int64_t cores = all > 0 ? all : 1;
    if (sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) < cores)
        return CPU_COUNT(&mine);
    cores /= sharing > 0 ? sharing : 1;
    return cores > 0 ? cores : 1;
}
