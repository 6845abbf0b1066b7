/* monitoring.c - the first rank of each host watches it, and tells TensorBoard and Prometheus. */
#include "config.h"
#include "base/clock.h"
#include "train/monitoring.h"
#include "train/run.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct rt_monitoring { /* of the ranks that watch */
    struct rt_monitor *monitor;
    char host[256];
    char *prom;                           /* the file of this host; NULL: none */
    struct rt_monitor_totals logged;      /* when the log was last written */
    bool told;                            /* of what went wrong */
    struct rt_monitoring_windows windows; /* the monitor's, once there is a log */
    pthread_mutex_t lock;                 /* of what follows: the main thread sets it, the monitor's reads it */
    struct rt_host_log *log;
    int64_t first_logged; /* step of the first log since the look before; 0: none */
    struct rt_monitoring_progress progress;
    struct rt_error error; /* the monitor's; its text is empty as long as all goes well */
};

/* In the monitor's thread. Files are written without the lock: the main thread never waits for a disk here. */
static void tell(const struct rt_monitor_sample *sample, void *context)
{
    struct rt_monitoring *m = context;
    struct rt_host_value values[RT_HOST_VALUES];
    struct rt_error err = { .text = "" };
    pthread_mutex_lock(&m->lock);
    struct rt_host_log *log = m->log;
    const struct rt_monitoring_progress progress = m->progress;
    const int64_t logged = m->first_logged;
    m->first_logged = 0;
    pthread_mutex_unlock(&m->lock);
    int n = rt_monitoring_values(sample, values);
    rt_status st = RT_OK;
    if (log != NULL)
        st = rt_monitoring_windows_look(&m->windows, log, values, n, logged, sample->last, rt_now_s(), &err);
    n = rt_monitoring_progress(&progress, values, n);
    if (m->prom != NULL && st == RT_OK)
        st = rt_prom_write(m->prom, m->host, values, n, &err);
    if (st == RT_OK)
        return;
    pthread_mutex_lock(&m->lock);
    m->error = err;
    pthread_mutex_unlock(&m->lock);
}

/* What the watching rank has to know of the others of its host. */
struct member {
    char host[256], bus[24];
    int pid;
};

static rt_status open_monitor(struct rt_run *run, const struct member *member, struct rt_monitoring *m)
{
    const int ranks = rt_dist_size(run->dist);
    char bus[RT_MONITOR_GPUS][24];
    int *pids = calloc((size_t)ranks, 2 * sizeof *pids), count = 0, gpus = 0;
    if (pids == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY, "no memory for %d processes", ranks);
    int *numbers = pids + ranks;
    for (int r = 0; r < ranks; r++) {
        if (strcmp(member[r].host, m->host) != 0)
            continue;
        numbers[count] = r;
        pids[count++] = member[r].pid;
        if (member[r].bus[0] != '\0' && gpus < RT_MONITOR_GPUS)
            memcpy(bus[gpus++], member[r].bus, sizeof bus[0]);
    }
    const struct rt_monitor_options opt = { .seconds = run->job->train.monitor_seconds,
                                            .host = { .pids = pids, .ranks = numbers, .count = count },
                                            .bus = bus,
                                            .gpus = gpus,
                                            .fn = tell,
                                            .context = m };
    const rt_status st = rt_monitor_open(&m->monitor, &opt, run->err);
    free(pids);
    return st;
}

static rt_status watch(struct rt_run *run, const struct member *member)
{
    struct rt_monitoring *m = calloc(1, sizeof *m);
    if (m == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY, "no memory to watch this host");
    pthread_mutex_init(&m->lock, NULL);
    run->monitoring = m;
    m->progress = (struct rt_monitoring_progress){ NAN, NAN, NAN, NAN, NAN, NAN };
    snprintf(m->host, sizeof m->host, "%s", rt_dist_host(run->dist));
    for (char *c = m->host; *c != '\0'; c++)
        if (*c == '/')
            *c = '_'; /* it becomes a folder's name */
    if (run->job->train.prom_file != NULL) {
        m->prom = rt_monitoring_path(run->job->train.prom_file, m->host);
        if (m->prom == NULL)
            return rt_fail(run->err, RT_ERR_MEMORY, "no memory for a file name");
    }
    return open_monitor(run, member, m);
}

rt_status rt_monitoring_open(struct rt_run *run)
{
    struct rt_gpu gpu;
    struct member mine = { .pid = (int)getpid() }, *member = NULL;
    size_t bytes = 0;
    rt_status st = RT_OK;
    if (!run->job->train.monitor)
        return RT_OK;
    snprintf(mine.host, sizeof mine.host, "%s", rt_dist_host(run->dist));
    if (rt_run_gpu(run, &gpu) == RT_OK)
        memcpy(mine.bus, gpu.bus, sizeof mine.bus);
    RT_TRY(rt_dist_allgather(run->dist, &mine, sizeof mine, (void **)&member, &bytes, NULL, run->err));
    if (rt_dist_local_rank(run->dist) == 0)
        st = watch(run, member);
    free(member);
    return rt_dist_agree(run->dist, st, run->err);
}

rt_status rt_monitoring_begin(struct rt_run *run)
{
    char folder[4096] = "";
    struct rt_monitoring *m = run->monitoring;
    rt_status st = RT_OK;
    if (!run->job->train.monitor)
        return RT_OK;
    char *runs = rt_report_runs(run->report);
    if (runs != NULL)
        snprintf(folder, sizeof folder, "%s", runs);
    free(runs);
    RT_TRY(rt_dist_bcast(run->dist, folder, sizeof folder, 0, run->err));
    if (m != NULL && folder[0] != '\0') {
        struct rt_host_log *log = NULL;
        if (!rt_monitoring_windows_open(&m->windows, rt_now_s()))
            st = rt_fail(run->err, RT_ERR_MEMORY, "no memory for what is seen of %s", m->host);
        else
            st = rt_host_log_open(&log, folder, m->host, run->step, run->err);
        pthread_mutex_lock(&m->lock);
        m->log = log;
        m->progress.steps = (double)run->steps;
        m->progress.step = (double)run->step;
        pthread_mutex_unlock(&m->lock);
    }
    return rt_dist_agree(run->dist, st, run->err);
}

void rt_monitoring_logged(struct rt_run *run, struct rt_train_log *log)
{
    struct rt_monitoring *m = run->monitoring;
    struct rt_monitor_totals now;
    struct rt_error error = { .text = "" };
    log->tflops =
        4e-12 * (double)rt_model_flos_params(run->model) * log->tokens_per_s / (double)rt_dist_size(run->dist);
    log->gpu_percent = NAN;
    if (m == NULL)
        return;
    rt_monitor_totals(m->monitor, &now);
    const double count = now.gpu_percent_count - m->logged.gpu_percent_count;
    if (count > 0)
        log->gpu_percent = (now.gpu_percent_sum - m->logged.gpu_percent_sum) / count;
    m->logged = now;
    pthread_mutex_lock(&m->lock);
    m->progress = (struct rt_monitoring_progress){ (double)log->step, (double)run->steps, log->loss,
                                                   log->tokens_per_s, log->data_wait_s,   log->step_s };
    m->first_logged = m->first_logged > 0 ? m->first_logged : log->step;
    error = m->error;
    pthread_mutex_unlock(&m->lock);
    if (error.text[0] != '\0' && !m->told)
        rt_run_warn(run, "the monitor of %s: %s", m->host, error.text);
    m->told = m->told || error.text[0] != '\0';
}

void rt_monitoring_totals(const struct rt_run *run, struct rt_monitor_totals *totals)
{
    rt_monitor_totals(run->monitoring != NULL ? run->monitoring->monitor : NULL, totals);
}

void rt_monitoring_stop(struct rt_run *run, double wait_s)
{
    struct rt_monitoring *m = run->monitoring;
    if (m == NULL)
        return;
    pthread_mutex_lock(&m->lock);
    m->first_logged = run->step; /* up to which the last look tells */
    pthread_mutex_unlock(&m->lock);
    rt_monitor_stop(m->monitor, wait_s);
}

void rt_monitoring_close(struct rt_run *run)
{
    struct rt_monitoring *m = run->monitoring;
    if (m == NULL)
        return;
    run->monitoring = NULL;
    if (!rt_monitor_close(m->monitor))
        return; /* it may still log */
    rt_host_log_close(m->log);
    rt_monitoring_windows_close(&m->windows);
    pthread_mutex_destroy(&m->lock);
    free(m->prom);
    free(m);
}
