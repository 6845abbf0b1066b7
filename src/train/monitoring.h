/* monitoring.h - the monitor of a run: a TensorBoard run and a Prometheus file a host. Private to train. */
#ifndef RT_TRAIN_MONITORING_H
#define RT_TRAIN_MONITORING_H

#include "monitor/monitor.h"
#include "report/report.h"

/* What a host's values are called in TensorBoard and for Prometheus; values[RT_HOST_VALUES], returns how many.
 * Those of one tag stand side by side. */
int rt_monitoring_values(const struct rt_monitor_sample *sample, struct rt_host_value *values);

/*
 * The looks of a run on their way to TensorBoard: windows of a minute; and windows from one log of the trainer
 * to the next in which the host was looked at, which join where they would be shorter than a thousandth of the
 * time so far, since no chart shows more points.
 */
struct rt_monitoring_windows {
    struct rt_host_window *minute, *steps; /* NULL: not open */
    double began_s, minute_from_s, steps_from_s;
};
bool rt_monitoring_windows_open(struct rt_monitoring_windows *w, double now_s); /* false: no memory */
void rt_monitoring_windows_close(struct rt_monitoring_windows *w);
/* A look at now_s. logged: the step of the first log since the look before, which this look comes after; 0:
 * none. last: the run ends, and what is gathered is written. */
rt_status rt_monitoring_windows_look(struct rt_monitoring_windows *w, struct rt_host_log *log,
                                     const struct rt_host_value *values, int count, int64_t logged, bool last,
                                     double now_s, struct rt_error *err);

/* What only the run itself knows, for Prometheus. */
struct rt_monitoring_progress {
    double step, steps, loss, tokens_per_s, data_wait_s, step_s; /* NaN: nothing logged yet */
};
/* Added behind values; returns how many there are then. */
int rt_monitoring_progress(const struct rt_monitoring_progress *progress, struct rt_host_value *values,
                           int count);

/* path with the host's name for each %h, malloc'ed; NULL without memory. */
char *rt_monitoring_path(const char *path, const char *host);

#endif
