/* host_window.h - private to report: the looks at a host of one window of time. */
#ifndef RT_REPORT_HOST_WINDOW_H
#define RT_REPORT_HOST_WINDOW_H

#include "report/report.h"

struct rt_host_series {
    struct rt_host_value now; /* of the newest look that knew it */
    int looks;                /* of this window that knew it */
    double sum, min, max;
    uint64_t bits;
    double written; /* what the window before has written of a setting, counter or bits; NaN: nothing */
};

struct rt_host_window {
    int looks, count;
    struct rt_host_series series[RT_HOST_VALUES]; /* [count] */
};

/* All is in the file: it begins anew. */
void rt_host_window_written(struct rt_host_window *window);

#endif
