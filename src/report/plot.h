/* plot.h - private to report: one measured quantity over the steps as a PNG. */
#ifndef RT_REPORT_PLOT_H
#define RT_REPORT_PLOT_H

#include "base/status.h"

#include <stdint.h>

struct rt_curve {
    const char *title, *x_label, *y_label;
    const double *x, *y; /* [count] x ascending; points that are not finite are gaps */
    int64_t count;
};

/* TensorBoard's exponential smoothing with the reference's weight, 1.8 * (1 / (1 + exp(-0.05 count)) - 0.5): s
 * = w s + (1 - w) y from s = the first y. A y that is not finite is passed on and leaves s as it was. */
void rt_plot_smooth(double *smoothed, const double *y, int64_t count);
/* Round tick positions within [low, high], at most `most` of them (most <= 16): step, first and how many.
 * whole: the step is at least 1. */
void rt_plot_ticks(double low, double high, int most, int whole, double *first, double *step, int *count);
/* 640 x 480: the curve thin and pale ("original"), smoothed over it ("smoothed"). Written to folder/name.
 * Fails: RT_ERR_OUTPUT, RT_ERR_IO, RT_ERR_MEMORY, RT_ERR_INTERNAL (cairo's own). */
rt_status rt_plot_write(const char *folder, const char *name, const struct rt_curve *curve,
                        struct rt_error *err);
/* After the last picture: gives back what cairo and fontconfig keep for the next one. */
void rt_plot_end(void);

#endif
