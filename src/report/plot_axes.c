/* plot_axes.c - the axes of a plot: round ticks, grid, labels, title. */
#include "config.h"
#include "report/plot_view.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rt_plot_ticks(double low, double high, int most, int whole, double *first, double *step, int *count)
{
    static const double round_steps[] = { 1, 2, 2.5, 5, 10 };
    double unit = pow(10, floor(log10((high - low) / most)));
    if (whole && unit < 1)
        unit = 1;
    for (size_t i = 0; i < sizeof round_steps / sizeof *round_steps; i++) {
        *step = unit * round_steps[i];
        if (whole && *step != floor(*step))
            continue;
        *first = ceil(low / *step - 1e-9) * *step;
        *count = (int)floor((high - *first) / *step + 1e-9) + 1;
        if (*count <= most)
            return;
    }
}

void rt_plot_text(cairo_t *cr, double x, double y, double at, const char *text)
{
    cairo_text_extents_t e;
    cairo_text_extents(cr, text, &e);
    cairo_move_to(cr, x - at * e.x_advance, y);
    cairo_show_text(cr, text);
}

/* The title, smaller if it is long, and with its beginning left out if that is not enough. */
static void title(cairo_t *cr, const char *text)
{
    static const char dots[] = "...";
    cairo_text_extents_t e;
    double size = 16;
    do {
        cairo_set_font_size(cr, size);
        cairo_text_extents(cr, text, &e);
        size -= 1;
    } while (e.x_advance > RT_PLOT_WIDTH - 24 && size >= 11);
    char *cut = malloc(strlen(text) + sizeof dots);
    const char *rest = text;
    while (cut != NULL && e.x_advance > RT_PLOT_WIDTH - 24 && *rest != '\0') {
        do
            rest++;
        while (((unsigned char)*rest & 0xc0) == 0x80); /* whole characters */
        memcpy(cut, dots, sizeof dots);
        strcat(cut, rest);
        cairo_text_extents(cr, cut, &e);
    }
    rt_plot_text(cr, RT_PLOT_WIDTH / 2.0, RT_PLOT_TOP - 16, 0.5, rest == text || cut == NULL ? text : cut);
    free(cut);
}

/* Digits behind the point that tell ticks apart. */
static int decimals(double step)
{
    int digits = 0;
    for (double s = step; digits < 9 && fabs(s - floor(s + 0.5)) > 1e-6 * s; s *= 10)
        digits++;
    return digits;
}

/* Grid line, tick and label of one value; returns the label's width. */
static double tick(const struct rt_view *v, bool upright, double value, const char *label)
{
    /* lines of one pixel are sharp on half pixels */
    const double at = floor(upright ? rt_view_y(v, value) : rt_view_x(v, value)) + 0.5;
    cairo_set_source_rgb(v->cr, 0.88, 0.88, 0.88);
    cairo_move_to(v->cr, upright ? RT_PLOT_LEFT : at, upright ? at : RT_PLOT_TOP);
    cairo_line_to(v->cr, upright ? RT_PLOT_RIGHT : at, upright ? at : RT_PLOT_BOTTOM);
    cairo_stroke(v->cr);
    cairo_set_source_rgb(v->cr, 0, 0, 0);
    cairo_move_to(v->cr, upright ? RT_PLOT_LEFT - 5 : at, upright ? at : RT_PLOT_BOTTOM + 5);
    cairo_line_to(v->cr, upright ? RT_PLOT_LEFT : at, upright ? at : RT_PLOT_BOTTOM);
    cairo_stroke(v->cr);
    if (upright)
        rt_plot_text(v->cr, RT_PLOT_LEFT - 9, at + 4.5, 1, label);
    else
        rt_plot_text(v->cr, at, RT_PLOT_BOTTOM + 20, 0.5, label);
    cairo_text_extents_t e;
    cairo_text_extents(v->cr, label, &e);
    return e.x_advance;
}

/* All ticks of one axis; returns the widest label's width. Very large and very small numbers are shown divided
 * by a power of ten that stands at the upper end of the axis. */
static double ticks(const struct rt_view *v, bool upright)
{
    const double low = upright ? v->y0 : v->x0, high = upright ? v->y1 : v->x1;
    const double largest = fmax(fabs(low), fabs(high));
    const double scale = upright && (largest >= 1e5 || largest < 1e-3) ? pow(10, floor(log10(largest))) : 1;
    double first, step, widest = 0;
    int count;
    char label[64];
    rt_plot_ticks(low, high, upright ? 9 : 8, !upright, &first, &step, &count);
    cairo_set_font_size(v->cr, 12.5);
    for (int i = 0; i < count; i++) {
        const double value = first + i * step, shown = fabs(value) < 1e-9 * step ? 0 : value / scale;
        snprintf(label, sizeof label, "%.*f", decimals(step / scale), shown);
        widest = fmax(widest, tick(v, upright, value, label));
    }
    snprintf(label, sizeof label, "%.0e", scale);
    if (scale != 1)
        rt_plot_text(v->cr, RT_PLOT_LEFT, RT_PLOT_TOP - 5, 0, label);
    return widest;
}

void rt_plot_axes(const struct rt_view *v, const struct rt_curve *curve)
{
    cairo_set_line_width(v->cr, 1);
    ticks(v, false);
    const double widest = ticks(v, true);
    cairo_rectangle(v->cr, RT_PLOT_LEFT + 0.5, RT_PLOT_TOP + 0.5, RT_PLOT_RIGHT - RT_PLOT_LEFT,
                    RT_PLOT_BOTTOM - RT_PLOT_TOP);
    cairo_stroke(v->cr);
    cairo_set_font_size(v->cr, 13.5);
    rt_plot_text(v->cr, (RT_PLOT_LEFT + RT_PLOT_RIGHT) / 2.0, RT_PLOT_BOTTOM + 41, 0.5, curve->x_label);
    cairo_save(v->cr);
    cairo_translate(v->cr, fmax(14, RT_PLOT_LEFT - 20 - widest), (RT_PLOT_TOP + RT_PLOT_BOTTOM) / 2.0);
    cairo_rotate(v->cr, -M_PI / 2);
    rt_plot_text(v->cr, 0, 0, 0.5, curve->y_label);
    cairo_restore(v->cr);
    title(v->cr, curve->title);
}
