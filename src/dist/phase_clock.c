/* phase_clock.c - how long a rank has been doing what. */
#include "config.h"
#include "base/clock.h"
#include "dist/world.h"

enum { MOST = sizeof((struct rt_phase_clock *)0)->seconds / sizeof(double) };

void rt_phase_clock_next(struct rt_phase_clock *clock, int phase)
{
    const double now_s = rt_now_s();
    if (clock->since_s > 0)
        clock->seconds[clock->phase] += now_s - clock->since_s;
    clock->since_s = now_s;
    clock->phase = phase >= 0 && phase < MOST ? phase : 0;
}

double rt_dist_phase_seconds(const struct rt_dist *dist, int phase)
{
    const struct rt_phase_clock *c = &dist->clock;
    if (phase < 0 || phase >= MOST)
        return 0;
    return c->seconds[phase] + (phase == c->phase ? rt_now_s() - c->since_s : 0);
}

const char *rt_dist_phase_name(int phase)
{
    switch (phase) {
    case RT_PHASE_SETUP: return "setup";
    case RT_PHASE_LOAD: return "load";
    case RT_PHASE_DATA: return "data_wait";
    case RT_PHASE_SCAN: return "scan";
    case RT_PHASE_H2D: return "compute"; /* the device goes on meanwhile */
    case RT_PHASE_FORWARD: return "compute";
    case RT_PHASE_BACKWARD: return "compute";
    case RT_PHASE_SUM: return "communication_wait";
    case RT_PHASE_UPDATE: return "update";
    case RT_PHASE_EVAL: return "evaluation";
    case RT_PHASE_SAVE: return "checkpoint";
    default: return NULL;
    }
}
