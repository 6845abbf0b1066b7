/* signals.h - what a process was asked by signals, as its handler counts it: volatile sig_atomic_t
 * [RT_SIGNALS]. */
#ifndef RT_BASE_SIGNALS_H
#define RT_BASE_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* RT_SIGNAL_ANY counts all of them: not 0 means stop. */
enum {
    RT_SIGNAL_ANY,
    RT_SIGNAL_INT,
    RT_SIGNAL_TERM,
    RT_SIGNAL_USR1,
    RT_SIGNAL_USR2,
    RT_SIGNAL_XCPU,
    RT_SIGNALS
};

/* A person asks a second time: do not finish what can be done again. Launchers and batch systems send each
 * signal once or, by two ways, USR1 twice. */
static inline bool rt_signals_urgent(const volatile sig_atomic_t stop[RT_SIGNALS])
{
    return stop[RT_SIGNAL_INT] + stop[RT_SIGNAL_TERM] >= 2;
}

#endif
