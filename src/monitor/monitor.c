/* monitor.c - the thread that looks at a host and its GPUs. */
#include "config.h"
#include "monitor/monitor.h"
#include "base/clock.h"
#include "base/thread.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double stop_s =
    5; /* for a last look; a thread that hangs in the driver is not waited for longer */
/* Between two questions that cards take their time for: a minute, and 5 s; less a half, as looks may come
 * early. */
static const double slow_s = 59.5, pcie_s = 4.5;

struct rt_monitor {
    struct rt_monitor_options opt;
    char bus[RT_MONITOR_GPUS][24];
    struct rt_host *host;
    pthread_t thread;
    pthread_mutex_t lock; /* of ending, ended and totals */
    pthread_cond_t wake, over;
    bool ending, ended;
    bool joined, left; /* the main thread's */
    struct rt_monitor_totals totals;
    /* the thread's own */
    struct rt_nvml *nvml;
    struct rt_nvml_gpu *gpu[RT_MONITOR_GPUS];
    struct rt_nvml_events *events;
    double xid[RT_MONITOR_GPUS], first_j[RT_MONITOR_GPUS];
    double slow_next_s, pcie_next_s; /* when to ask again for what takes its time; 0: at once */
    int pcie;                        /* the card whose turn it is */
};

static void open_gpus(struct rt_monitor *m)
{
    if (m->opt.gpus == 0)
        return;
    m->nvml = rt_nvml_open(NULL);
    m->events = rt_nvml_events_open(m->nvml);
    for (int i = 0; i < m->opt.gpus; i++) {
        m->gpu[i] = rt_nvml_find(m->nvml, m->bus[i]);
        rt_nvml_events_add(m->events, m->gpu[i]);
    }
}

static void hear_events(struct rt_monitor *m)
{
    struct rt_nvml_gpu *whose;
    uint64_t xid;
    for (int most = 64; most > 0 && rt_nvml_events_wait(m->events, 0, &whose, &xid); most--)
        for (int i = 0; i < m->opt.gpus; i++)
            if (m->gpu[i] == whose)
                m->xid[i] = (double)xid;
}

/* What a card takes its time for. */
static void look_slowly(struct rt_monitor *m, double now_s, struct rt_monitor_sample *sample)
{
    if (now_s < m->slow_next_s)
        return;
    m->slow_next_s = now_s + slow_s;
    for (int i = 0; i < m->opt.gpus; i++) {
        struct rt_monitor_gpu *g = &sample->gpu[i];
        rt_nvml_limits(m->nvml, m->gpu[i], &g->limits);
        rt_nvml_health(m->nvml, m->gpu[i], &g->health);
        rt_nvml_links(m->nvml, m->gpu[i], &g->links);
    }
}

/* Of the next card alone: eight at once would be a third of a second. */
static void look_at_pcie(struct rt_monitor *m, double now_s, struct rt_monitor_sample *sample)
{
    if (m->opt.gpus == 0 || now_s < m->pcie_next_s)
        return;
    m->pcie_next_s = now_s + pcie_s;
    struct rt_monitor_gpu *g = &sample->gpu[m->pcie];
    rt_nvml_pcie(m->nvml, m->gpu[m->pcie], &g->pcie_sent, &g->pcie_received);
    m->pcie = (m->pcie + 1) % m->opt.gpus;
}

static void look(struct rt_monitor *m, struct rt_monitor_sample *sample)
{
    const double now_s = rt_now_s();
    uint64_t slow;
    rt_host_use(m->host, now_s, &sample->host);
    hear_events(m);
    sample->gpus = m->opt.gpus;
    for (int i = 0; i < m->opt.gpus; i++) {
        struct rt_monitor_gpu *g = &sample->gpu[i];
        rt_nvml_use(m->nvml, m->gpu[i], &g->use);
        if (isnan(m->first_j[i]))
            m->first_j[i] = g->use.energy_j;
        g->energy_j = g->use.energy_j - m->first_j[i];
        g->slow = rt_nvml_slow(m->nvml, m->gpu[i], &slow) ? (double)slow : NAN;
        g->xid = m->events != NULL ? m->xid[i] : NAN;
    }
    look_slowly(m, now_s, sample);
    look_at_pcie(m, now_s, sample);
}

static void count(struct rt_monitor *m, const struct rt_monitor_sample *sample)
{
    struct rt_monitor_totals *t = &m->totals;
    struct timespec cpu = { 0 };
    double joule = NAN;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    pthread_mutex_lock(&m->lock);
    t->looks++;
    t->cpu_s = (double)cpu.tv_sec + 1e-9 * (double)cpu.tv_nsec;
    t->host_bytes = fmax(t->host_bytes, sample->host.memory_bytes); /* fmax passes over NaN */
    for (int i = 0; i < sample->gpus; i++) {
        const struct rt_nvml_use *use = &sample->gpu[i].use;
        t->gpu_memory_bytes = fmax(t->gpu_memory_bytes, use->memory_used_bytes);
        if (!isnan(use->gpu_percent)) {
            t->gpu_percent_sum += use->gpu_percent;
            t->gpu_percent_count++;
        }
        if (!isnan(sample->gpu[i].energy_j))
            joule = (isnan(joule) ? 0 : joule) + sample->gpu[i].energy_j;
    }
    if (!isnan(joule))
        t->energy_j = joule;
    pthread_mutex_unlock(&m->lock);
}

static double wait_next(struct rt_monitor *m, double next_s, bool *ending)
{
    const double late_s = rt_now_s() - next_s;
    next_s += m->opt.seconds * (late_s > 0 ? 1 + floor(late_s / m->opt.seconds) : 1); /* no looks in a burst */
    const struct timespec until = { (time_t)next_s, (long)((next_s - floor(next_s)) * 1e9) };
    pthread_mutex_lock(&m->lock);
    while (!m->ending && rt_now_s() < next_s)
        if (pthread_cond_timedwait(&m->wake, &m->lock, &until) != 0)
            break;
    *ending = m->ending;
    pthread_mutex_unlock(&m->lock);
    return next_s;
}

static void *work(void *context)
{
    struct rt_monitor *m = context;
    struct rt_monitor_sample sample = { .gpus = 0 };
    for (int i = 0; i < RT_MONITOR_GPUS; i++)
        sample.gpu[i].pcie_sent = sample.gpu[i].pcie_received = NAN; /* until its turn comes */
    open_gpus(m);
    bool ending = false;
    for (double next_s = rt_now_s();; next_s = wait_next(m, next_s, &ending)) {
        look(m, &sample);
        sample.last = ending;
        count(m, &sample);
        if (m->opt.fn != NULL)
            m->opt.fn(&sample, m->opt.context);
        if (ending)
            break;
    }
    rt_nvml_events_close(m->events);
    rt_nvml_close(m->nvml);
    pthread_mutex_lock(&m->lock);
    m->ended = true;
    pthread_cond_signal(&m->over);
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static int start(struct rt_monitor *m)
{
    rt_cond_init(&m->wake);
    rt_cond_init(&m->over);
    pthread_mutex_init(&m->lock, NULL);
    return rt_thread_start(&m->thread, NULL, work, m);
}

static void release(struct rt_monitor *m)
{
    if (m != NULL)
        rt_host_close(m->host);
    free(m);
}

rt_status rt_monitor_open(struct rt_monitor **monitor, const struct rt_monitor_options *opt,
                          struct rt_error *err)
{
    struct rt_monitor *m = calloc(1, sizeof *m);
    struct rt_host *host = rt_host_open(&opt->host);
    if (m == NULL || host == NULL) {
        rt_host_close(host);
        free(m);
        return rt_fail(err, RT_ERR_MEMORY, "no memory to watch this host");
    }
    m->opt = *opt;
    m->host = host;
    m->opt.gpus = opt->gpus < RT_MONITOR_GPUS ? opt->gpus : RT_MONITOR_GPUS;
    m->totals = (struct rt_monitor_totals){ .gpu_memory_bytes = NAN, .energy_j = NAN, .host_bytes = NAN };
    for (int i = 0; i < m->opt.gpus; i++) {
        memcpy(m->bus[i], opt->bus[i], sizeof m->bus[i]);
        m->first_j[i] = NAN;
    }
    const int failed = start(m);
    if (failed != 0) {
        release(m);
        return rt_fail(err, RT_ERR_INTERNAL, "no thread to watch this host: %s", strerror(failed));
    }
    *monitor = m;
    return RT_OK;
}

void rt_monitor_totals(struct rt_monitor *m, struct rt_monitor_totals *totals)
{
    *totals = (struct rt_monitor_totals){ .gpu_memory_bytes = NAN, .energy_j = NAN, .host_bytes = NAN };
    if (m == NULL)
        return;
    pthread_mutex_lock(&m->lock);
    *totals = m->totals;
    pthread_mutex_unlock(&m->lock);
}

void rt_monitor_stop(struct rt_monitor *m, double wait_s)
{
    if (m == NULL || m->joined || m->left)
        return;
    const double end_s = rt_now_s() + wait_s;
    const struct timespec until = { (time_t)end_s, (long)((end_s - floor(end_s)) * 1e9) };
    pthread_mutex_lock(&m->lock);
    m->ending = true;
    pthread_cond_signal(&m->wake);
    while (!m->ended && rt_now_s() < end_s)
        pthread_cond_timedwait(&m->over, &m->lock, &until);
    m->left = !m->ended;
    pthread_mutex_unlock(&m->lock);
    if (m->left)
        pthread_detach(m->thread);
    else
        pthread_join(m->thread, NULL);
    m->joined = !m->left;
}

bool rt_monitor_close(struct rt_monitor *m)
{
    if (m == NULL)
        return true;
    rt_monitor_stop(m, stop_s);
    if (m->left) /* it keeps what it works on */
        return false;
    pthread_cond_destroy(&m->wake);
    pthread_cond_destroy(&m->over);
    pthread_mutex_destroy(&m->lock);
    release(m);
    return true;
}
