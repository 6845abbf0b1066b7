/* guard.c - the thread that watches one GPU for faults. */
#include "config.h"
#include "monitor/guard.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/thread.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double look_s = 1;  /* for events, and whether the card is there at all */
static const double close_s = 2; /* to end, for a thread that may hang in the driver */
enum { ASK_EVERY = 5 };          /* looks, for what takes the card some time: memory errors and clocks */

struct rt_guard {
    char bus[24];
    struct rt_guard_options opt;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake, answered;
    bool ending, ended, hurry;
    struct rt_guard_state state;
    /* the thread's own */
    struct rt_nvml *nvml;
    struct rt_nvml_gpu *gpu;
    struct rt_nvml_events *events;
    double first_errors; /* NaN: not known */
    int64_t looks;
};

static void begin(struct rt_guard *g, struct rt_guard_state *s)
{
    struct rt_nvml_limits limits;
    g->first_errors = NAN;
    g->nvml = rt_nvml_open(NULL);
    g->gpu = rt_nvml_find(g->nvml, g->bus);
    g->events = g->gpu != NULL ? rt_nvml_events_open(g->nvml) : NULL;
    rt_nvml_events_add(g->events, g->gpu);
    rt_nvml_limits(g->nvml, g->gpu, &limits);
    rt_nvml_uuid(g->nvml, g->gpu, s->uuid, sizeof s->uuid);
    s->sm_most_mhz = limits.sm_mhz;
    s->sm_mhz = s->temperature_c = NAN;
}

static void hear(struct rt_guard *g, struct rt_guard_state *s)
{
    struct rt_nvml_gpu *whose;
    uint64_t xid;
    for (int most = 64; most > 0 && rt_nvml_events_wait(g->events, 0, &whose, &xid); most--)
        if (whose == g->gpu && (rt_nvml_xid_is_hardware(xid) || !rt_nvml_xid_is_hardware(s->xid)))
            s->xid = xid;
}

static void ask(struct rt_guard *g, struct rt_guard_state *s)
{
    struct rt_nvml_health health;
    struct rt_nvml_use use;
    rt_nvml_health(g->nvml, g->gpu, &health);
    if (isnan(g->first_errors))
        g->first_errors = health.ecc_uncorrected;
    if (health.ecc_uncorrected > g->first_errors)
        s->errors = health.ecc_uncorrected - g->first_errors;
    rt_nvml_use(g->nvml, g->gpu, &use);
    s->sm_mhz = use.sm_mhz;
    s->temperature_c = use.temperature_c;
    if (!rt_nvml_slow(g->nvml, g->gpu, &s->slow))
        s->slow = 0;
}

static void look(struct rt_guard *g, struct rt_guard_state *s, bool whole)
{
    hear(g, s);
    s->lost = s->lost || rt_nvml_lost(g->nvml, g->gpu) || s->xid == 79;
    if (!s->lost && whole)
        ask(g, s);
    s->broken = s->lost || s->errors > 0 || rt_nvml_xid_is_hardware(s->xid);
    s->looked_s = rt_now_s();
}

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, double at_s)
{
    pthread_cond_timedwait(cond, lock, &(struct timespec){ (time_t)at_s, (long)((at_s - floor(at_s)) * 1e9) });
}

static void release(struct rt_guard *g)
{
    pthread_cond_destroy(&g->wake);
    pthread_cond_destroy(&g->answered);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static void *work(void *context)
{
    struct rt_guard *g = context;
    struct rt_guard_state s = { .looked_s = 0 };
    begin(g, &s);
    pthread_mutex_lock(&g->lock);
    while (!g->ending && g->gpu != NULL) {
        const bool whole = g->hurry || g->looks++ % ASK_EVERY == 0;
        g->hurry = false;
        pthread_mutex_unlock(&g->lock);
        look(g, &s, whole);
        if (g->opt.fn != NULL)
            g->opt.fn(&s, g->opt.context);
        pthread_mutex_lock(&g->lock);
        g->state = s;
        pthread_cond_broadcast(&g->answered);
        const double next_s = rt_now_s() + look_s;
        while (!g->ending && !g->hurry && rt_now_s() < next_s)
            wait_until(&g->wake, &g->lock, next_s);
    }
    pthread_mutex_unlock(&g->lock);
    rt_nvml_events_close(g->events);
    rt_nvml_close(g->nvml);
    pthread_mutex_lock(&g->lock);
    g->ended = true;
    pthread_cond_broadcast(&g->answered);
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

/* Detached, as it may have to be left behind. */
static int start(struct rt_guard *g)
{
    pthread_attr_t detached;
    pthread_t thread;
    rt_cond_init(&g->wake);
    rt_cond_init(&g->answered);
    pthread_mutex_init(&g->lock, NULL);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    const int failed = rt_thread_start(&thread, &detached, work, g);
    pthread_attr_destroy(&detached);
    return failed;
}

rt_status rt_guard_open(struct rt_guard **guard, const struct rt_guard_options *opt, struct rt_error *err)
{
    struct rt_guard *g = calloc(1, sizeof *g);
    if (g == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to watch a GPU");
    g->opt = *opt;
    snprintf(g->bus, sizeof g->bus, "%s", opt->bus);
    const int failed = start(g);
    if (failed != 0) {
        release(g);
        return rt_fail(err, RT_ERR_INTERNAL, "no thread to watch a GPU: %s", strerror(failed));
    }
    *guard = g;
    return RT_OK;
}

void rt_guard_state(struct rt_guard *g, struct rt_guard_state *state)
{
    *state = (struct rt_guard_state){ .looked_s = 0 };
    if (g == NULL)
        return;
    pthread_mutex_lock(&g->lock);
    *state = g->state;
    pthread_mutex_unlock(&g->lock);
}

void rt_guard_look(struct rt_guard *g, double seconds, struct rt_guard_state *state)
{
    const double end_s = rt_now_s() + seconds;
    *state = (struct rt_guard_state){ .looked_s = 0 };
    if (g == NULL)
        return;
    pthread_mutex_lock(&g->lock);
    g->hurry = true;
    pthread_cond_signal(&g->wake);
    while (!g->state.broken && !g->ended && rt_now_s() < end_s)
        wait_until(&g->answered, &g->lock, end_s);
    *state = g->state;
    pthread_mutex_unlock(&g->lock);
}

bool rt_guard_close(struct rt_guard *g)
{
    if (g == NULL)
        return true;
    const double end_s = rt_now_s() + close_s;
    pthread_mutex_lock(&g->lock);
    g->ending = true;
    pthread_cond_signal(&g->wake);
    while (!g->ended && rt_now_s() < end_s)
        wait_until(&g->answered, &g->lock, end_s);
    const bool ended = g->ended;
    pthread_mutex_unlock(&g->lock);
    if (ended) /* else it keeps what it works on */
        release(g);
    return ended;
}

const char *rt_guard_fault_text(const struct rt_guard_state *s, char *buf, size_t bytes)
{
    buf[0] = '\0';
    if (!s->broken)
        return buf;
    if (rt_nvml_xid_is_hardware(s->xid))
        snprintf(buf, bytes, "Xid %llu: %s", (unsigned long long)s->xid, rt_nvml_xid_text(s->xid));
    if (s->lost && s->xid != 79)
        rt_text_add(buf, bytes, "%sthe driver has lost the GPU", buf[0] != '\0' ? "; " : "");
    if (s->errors > 0)
        rt_text_add(buf, bytes, "%s%.0f uncorrectable memory error%s since the run began",
                    buf[0] != '\0' ? "; " : "", s->errors, s->errors > 1 ? "s" : "");
    return buf;
}

const char *rt_guard_text(const struct rt_guard_state *s, char *buf, size_t bytes, bool *odd)
{
    char slow[128];
    buf[0] = '\0';
    *odd = s->broken || (s->slow & RT_SLOW_BAD) != 0 || s->xid != 0;
    if (s->looked_s == 0)
        return buf;
    rt_guard_fault_text(s, buf, bytes);
    if (buf[0] == '\0' && s->xid != 0)
        snprintf(buf, bytes, "Xid %llu: %s", (unsigned long long)s->xid, rt_nvml_xid_text(s->xid));
    else if (buf[0] == '\0')
        snprintf(buf, bytes, "no Xid");
    if (!s->lost && !isnan(s->sm_mhz))
        rt_text_add(buf, bytes, ", SM %.0f of %.0f MHz, %.0f C, clocks limited by: %s", s->sm_mhz,
                    s->sm_most_mhz, s->temperature_c, rt_nvml_slow_text(s->slow, slow, sizeof slow));
    return buf;
}
