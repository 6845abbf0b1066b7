/* monitoring.h - the monitor of a run: a TensorBoard run and a Prometheus file a host. Private to train. */
#ifndef RT_TRAIN_MONITORING_H
#define RT_TRAIN_MONITORING_H

#include "monitor/monitor.h"
#include "report/report.h"

/* What a host's values are called in TensorBoard and for Prometheus; values[RT_HOST_VALUES], returns how many.
 * Those of one tag stand side by side. */
int rt_monitoring_values(const struct rt_monitor_sample *sample, struct rt_host_value *values);

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
