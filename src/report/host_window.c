/* host_window.c - sums, least and most of what was seen of a host. */
#include "config.h"
#include "report/host_window.h"

#include <math.h>
#include <stdlib.h>

struct rt_host_window *rt_host_window_open(void)
{
    struct rt_host_window *w = calloc(1, sizeof *w);
    for (int i = 0; w != NULL && i < RT_HOST_VALUES; i++)
        w->series[i].written = NAN;
    return w;
}

void rt_host_window_close(struct rt_host_window *window)
{
    free(window);
}

int rt_host_window_looks(const struct rt_host_window *w)
{
    return w->looks;
}

void rt_host_window_add(struct rt_host_window *w, const struct rt_host_value *values, int count)
{
    w->looks++;
    for (int i = 0; i < count && i < RT_HOST_VALUES; i++) {
        struct rt_host_series *s = &w->series[i];
        const double x = values[i].value;
        if (isnan(x))
            continue;
        const bool first = s->looks++ == 0;
        s->now = values[i];
        s->sum = first ? x : s->sum + x;
        s->min = first ? x : fmin(s->min, x);
        s->max = first ? x : fmax(s->max, x);
        if (values[i].kind == RT_HOST_BITS)
            s->bits = (first ? 0 : s->bits) | (uint64_t)x;
        if (w->count <= i)
            w->count = i + 1;
    }
}

void rt_host_window_written(struct rt_host_window *w)
{
    for (int i = 0; i < w->count; i++) {
        struct rt_host_series *s = &w->series[i];
        if (s->looks > 0)
            s->written = s->now.kind == RT_HOST_BITS ? (double)s->bits : s->now.value;
        s->looks = 0;
    }
    w->looks = 0;
}
