/* monitoring_windows.c - when what was seen of a host becomes points of TensorBoard. */
#include "config.h"
#include "train/monitoring.h"

static const double minute_s = 59.5; /* looks may come a little early */
enum { MOST_POINTS = 1000 };         /* in one chart: what TensorBoard keeps of a tag by default */

bool rt_monitoring_windows_open(struct rt_monitoring_windows *w, double now_s)
{
    *w = (struct rt_monitoring_windows){ .minute = rt_host_window_open(),
                                         .steps = rt_host_window_open(),
                                         .began_s = now_s,
                                         .minute_from_s = now_s,
                                         .steps_from_s = now_s };
    if (w->minute != NULL && w->steps != NULL)
        return true;
    rt_monitoring_windows_close(w);
    return false;
}

void rt_monitoring_windows_close(struct rt_monitoring_windows *w)
{
    rt_host_window_close(w->minute);
    rt_host_window_close(w->steps);
    w->minute = w->steps = NULL;
}

rt_status rt_monitoring_windows_look(struct rt_monitoring_windows *w, struct rt_host_log *log,
                                     const struct rt_host_value *values, int count, int64_t logged, bool last,
                                     double now_s, struct rt_error *err)
{
    const bool wide = now_s - w->steps_from_s >= (now_s - w->began_s) / MOST_POINTS;
    rt_host_window_add(w->minute, values, count);
    if (last)
        rt_host_window_add(w->steps, values, count);
    if (logged > 0 && (wide || last) && rt_host_window_looks(w->steps) > 0) {
        RT_TRY(rt_host_log_put_step(log, logged, w->steps, last, err));
        w->steps_from_s = now_s;
    }
    if (!last) /* it comes after that log */
        rt_host_window_add(w->steps, values, count);
    if (!last && now_s - w->minute_from_s < minute_s)
        return RT_OK;
    w->minute_from_s = now_s;
    return rt_host_log_put(log, w->minute, last, err);
}
