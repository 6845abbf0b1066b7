/*
 * guard.h - a thread that asks one GPU, each second, whether its hardware is sound.
 *
 * What counts as a fault: an Xid error that means broken hardware, uncorrectable memory errors that have become
 * more since the first look, and a GPU that the driver has given up. The library is called in the thread alone,
 * which hangs in it where a card does; the functions below return at once whatever becomes of it.
 */
#ifndef RT_MONITOR_GUARD_H
#define RT_MONITOR_GUARD_H

#include "base/status.h"
#include "monitor/nvml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was seen last; all zeros: nothing yet. */
struct rt_guard_state {
    double looked_s; /* rt_now_s() of the last answer; 0: none yet */
    char uuid[80];
    bool broken, lost; /* broken: a fault; lost: nothing can be expected of this GPU any more */
    uint64_t xid;      /* the last error heard of, or the last that was a fault if one was; 0: none */
    double errors;     /* uncorrectable memory errors since the first look */
    double sm_mhz;     /* NaN: not known */
    double sm_most_mhz, temperature_c;
    uint64_t slow; /* why the clocks are low: bits of RT_SLOW_... */
};

struct rt_guard_options {
    const char *bus; /* PCI id of the GPU; copied */
    /* Called in the thread after each look; may be NULL. */
    void (*fn)(const struct rt_guard_state *state, void *context);
    void *context;
};

struct rt_guard;
/* Where there is no NVML, or not this GPU, nothing is ever seen. Fails: RT_ERR_MEMORY, RT_ERR_INTERNAL (no
 * thread). */
rt_status rt_guard_open(struct rt_guard **guard, const struct rt_guard_options *opt, struct rt_error *err);
/* What has been seen so far; of NULL nothing. Any thread. */
void rt_guard_state(struct rt_guard *guard, struct rt_guard_state *state);
/* The same after another look, which is waited for up to so many seconds or until there is a fault: the driver
 * may tell of one after the call that failed by it. */
void rt_guard_look(struct rt_guard *guard, double seconds, struct rt_guard_state *state);
/* Ends the thread; false: it hangs in the driver and is left to itself, with what fn works on. NULL is fine. */
bool rt_guard_close(struct rt_guard *guard);

/* "Xid 79: the GPU has fallen off the bus": what is wrong, into buf; "" if nothing is. Returns buf. */
const char *rt_guard_fault_text(const struct rt_guard_state *state, char *buf, size_t bytes);
/* "no Xid, SM 990 of 1980 MHz, 61 C, clocks limited by: hot (hardware)": all that is known, into buf; "" if
 * nothing is. *odd: somebody should look at it. Returns buf. */
const char *rt_guard_text(const struct rt_guard_state *state, char *buf, size_t bytes, bool *odd);

#endif
