/* plot_view.h - private to report: where a plot's axes lie, and what its two files call in each other. */
#ifndef RT_REPORT_PLOT_VIEW_H
#define RT_REPORT_PLOT_VIEW_H

#include "report/plot.h"

#include <cairo.h>

enum { RT_PLOT_WIDTH = 640, RT_PLOT_HEIGHT = 480 };
enum {
    RT_PLOT_LEFT = 80,
    RT_PLOT_RIGHT = 576,
    RT_PLOT_TOP = 58,
    RT_PLOT_BOTTOM = 427
}; /* the axes, in pixels */

struct rt_view {
    cairo_t *cr;
    double x0, x1, y0, y1; /* data at the axes' ends */
};

/* Data to pixels. */
static inline double rt_view_x(const struct rt_view *v, double x)
{
    return RT_PLOT_LEFT + (x - v->x0) / (v->x1 - v->x0) * (RT_PLOT_RIGHT - RT_PLOT_LEFT);
}

static inline double rt_view_y(const struct rt_view *v, double y)
{
    return RT_PLOT_BOTTOM - (y - v->y0) / (v->y1 - v->y0) * (RT_PLOT_BOTTOM - RT_PLOT_TOP);
}

/* plot_axes.c. at: 0 starts at x, 0.5 is centred on it, 1 ends there; y is the base line. */
void rt_plot_text(cairo_t *cr, double x, double y, double at, const char *text);
/* Grid, ticks, frame, labels and title. */
void rt_plot_axes(const struct rt_view *v, const struct rt_curve *curve);

#endif
