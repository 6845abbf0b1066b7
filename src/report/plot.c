/* plot.c - a curve and its smoothed self, drawn with cairo. */
#include "config.h"
#include "base/file.h"
#include "report/plot.h"
#include "report/plot_view.h"

#include <fontconfig/fontconfig.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static const double blue[3] = { 0x1f / 255.0, 0x77 / 255.0, 0xb4 / 255.0 };

/* Not NaN, not infinite, and not so large that differences overflow. */
static bool shown(double y)
{
    return fabs(y) < 1e150;
}

void rt_plot_smooth(double *smoothed, const double *y, int64_t count)
{
    const double w = 1.8 * (1 / (1 + exp(-0.05 * (double)count)) - 0.5);
    double s = NAN;
    for (int64_t i = 0; i < count; i++) {
        smoothed[i] = y[i];
        if (!shown(y[i]))
            continue;
        s = isnan(s) ? y[i] : s * w + (1 - w) * y[i];
        smoothed[i] = s;
    }
}

/* Points of one pixel column, so that a million points cost no more than the columns: first, lowest, highest,
 * last. */
struct column {
    double at, first, low, high, last;
    bool open;
};

static void column_end(const struct rt_view *v, struct column *c)
{
    if (!c->open)
        return;
    cairo_line_to(v->cr, c->at, c->first);
    if (c->low != c->high) {
        cairo_line_to(v->cr, c->at, c->low);
        cairo_line_to(v->cr, c->at, c->high);
        cairo_line_to(v->cr, c->at, c->last);
    }
    c->open = false;
}

static void curve_line(const struct rt_view *v, const double *x, const double *y, int64_t count, double alpha)
{
    const bool dense = count > 2000;
    struct column c = { .open = false };
    for (int64_t i = 0; i < count; i++) {
        if (!shown(y[i])) {
            column_end(v, &c);
            cairo_new_sub_path(v->cr);
            continue;
        }
        const double at = dense ? floor(rt_view_x(v, x[i])) + 0.5 : rt_view_x(v, x[i]),
                     level = rt_view_y(v, y[i]);
        if (c.open && (!dense || at != c.at))
            column_end(v, &c);
        if (!c.open)
            c = (struct column){ at, level, level, level, level, true };
        c.low = fmin(c.low, level);
        c.high = fmax(c.high, level);
        c.last = level;
    }
    column_end(v, &c);
    cairo_set_source_rgba(v->cr, blue[0], blue[1], blue[2], alpha);
    cairo_stroke(v->cr);
}

/* A point without neighbours makes no line: show it as a dot. */
static void lone_points(const struct rt_view *v, const double *x, const double *y, int64_t count)
{
    cairo_set_source_rgb(v->cr, blue[0], blue[1], blue[2]);
    for (int64_t i = 0; i < count; i++) {
        const bool before = i > 0 && shown(y[i - 1]), after = i + 1 < count && shown(y[i + 1]);
        if (!shown(y[i]) || before || after)
            continue;
        cairo_arc(v->cr, rt_view_x(v, x[i]), rt_view_y(v, y[i]), 3, 0, 2 * M_PI);
        cairo_fill(v->cr);
    }
}

static void legend(cairo_t *cr, bool high)
{
    static const char *const names[] = { "original", "smoothed" };
    static const double alphas[] = { 0.4, 1 };
    const double wide = 122, tall = 48, x = RT_PLOT_RIGHT - wide - 8,
                 y = high ? RT_PLOT_TOP + 8 : RT_PLOT_BOTTOM - tall - 8;
    cairo_set_source_rgba(cr, 1, 1, 1, 0.85);
    cairo_rectangle(cr, x + 0.5, y + 0.5, wide, tall);
    cairo_fill_preserve(cr);
    cairo_set_source_rgb(cr, 0.8, 0.8, 0.8);
    cairo_set_line_width(cr, 1);
    cairo_stroke(cr);
    cairo_set_font_size(cr, 13);
    for (int i = 0; i < 2; i++) {
        const double level = y + 15.5 + 19 * i;
        cairo_set_line_width(cr, i == 0 ? 1.3 : 2);
        cairo_set_source_rgba(cr, blue[0], blue[1], blue[2], alphas[i]);
        cairo_move_to(cr, x + 8, level);
        cairo_line_to(cr, x + 36, level);
        cairo_stroke(cr);
        cairo_set_source_rgb(cr, 0, 0, 0);
        rt_plot_text(cr, x + 45, level + 4.5, 0, names[i]);
    }
}

/* Data at the axes' ends: what is finite, with a margin of 5%; a small range where there is no extent. */
static bool limits(struct rt_view *v, const struct rt_curve *c)
{
    double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
    bool any = false;
    for (int64_t i = 0; i < c->count; i++) {
        x0 = fmin(x0, c->x[i]);
        x1 = fmax(x1, c->x[i]);
        if (!shown(c->y[i]))
            continue;
        any = true;
        y0 = fmin(y0, c->y[i]);
        y1 = fmax(y1, c->y[i]);
    }
    if (!any)
        y0 = 0, y1 = 1;
    if (!(x1 > x0))
        x0 = isfinite(x0) ? x0 - 1 : 0, x1 = x0 + 2;
    const double least = fmax(1e-12, 1e-6 * fmax(fabs(y0), fabs(y1))); /* below that labels could not differ */
    if (y1 - y0 < least) {
        const double half = y0 == 0 ? 0.5 : 0.05 * fabs(y0);
        y0 -= half;
        y1 += half;
    }
    const double mx = 0.04 * (x1 - x0), my = 0.05 * (y1 - y0);
    v->x0 = x0 - mx;
    v->x1 = x1 + mx;
    v->y0 = y0 - my;
    v->y1 = y1 + my;
    return any;
}

/* The built-in stroke font of cairo, where a node has no fonts at all. */
static void choose_font(cairo_t *cr)
{
    cairo_text_extents_t e;
    cairo_select_font_face(cr, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_text_extents(cr, "loss", &e);
    if (cairo_status(cr) == CAIRO_STATUS_SUCCESS && e.width > 0)
        return;
    cairo_select_font_face(cr, "@cairo:monospace", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
}

static rt_status draw(cairo_t *cr, const struct rt_curve *curve, struct rt_error *err)
{
    struct rt_view v = { .cr = cr };
    double *smoothed = malloc(((size_t)curve->count + 1) * sizeof *smoothed);
    if (smoothed == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to plot %lld points", (long long)curve->count);
    rt_plot_smooth(smoothed, curve->y, curve->count);
    const bool any = limits(&v, curve);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    choose_font(cr);
    rt_plot_axes(&v, curve);
    cairo_save(cr);
    cairo_rectangle(cr, RT_PLOT_LEFT, RT_PLOT_TOP, RT_PLOT_RIGHT - RT_PLOT_LEFT, RT_PLOT_BOTTOM - RT_PLOT_TOP);
    cairo_clip(cr);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_width(cr, 1.3);
    curve_line(&v, curve->x, curve->y, curve->count, 0.4);
    cairo_set_line_width(cr, 2);
    curve_line(&v, curve->x, smoothed, curve->count, 1);
    lone_points(&v, curve->x, curve->y, curve->count);
    cairo_restore(cr);
    if (any) /* where the last points are not */
        legend(cr, rt_view_y(&v, shown(smoothed[curve->count - 1]) ? smoothed[curve->count - 1] : v.y0) >
                       (RT_PLOT_TOP + RT_PLOT_BOTTOM) / 2.0);
    else
        rt_plot_text(cr, (RT_PLOT_LEFT + RT_PLOT_RIGHT) / 2.0, (RT_PLOT_TOP + RT_PLOT_BOTTOM) / 2.0, 0.5,
                     "no finite values");
    free(smoothed);
    return RT_OK;
}

static cairo_status_t take_png(void *stream, const unsigned char *data, unsigned bytes)
{
    return fwrite(data, 1, bytes, stream) == bytes ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

rt_status rt_plot_write(const char *folder, const char *name, const struct rt_curve *curve,
                        struct rt_error *err)
{
    rt_status st = RT_OK;
    char *png = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&png, &bytes);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, RT_PLOT_WIDTH, RT_PLOT_HEIGHT);
    cairo_t *cr = cairo_create(surface);
    if (out == NULL) {
        st = rt_fail(err, RT_ERR_MEMORY, "%s/%s: no memory to draw it", folder, name);
        goto err_destroy;
    }
    st = draw(cr, curve, err);
    cairo_status_t drawn = cairo_status(cr);
    if (st == RT_OK && drawn == CAIRO_STATUS_SUCCESS)
        drawn = cairo_surface_write_to_png_stream(surface, take_png, out);
    if (fclose(out) != 0)
        drawn = CAIRO_STATUS_NO_MEMORY;
    if (st == RT_OK && drawn != CAIRO_STATUS_SUCCESS)
        st = rt_fail(err, drawn == CAIRO_STATUS_NO_MEMORY ? RT_ERR_MEMORY : RT_ERR_INTERNAL,
                     "%s/%s: cannot draw it: %s", folder, name, cairo_status_to_string(drawn));
    if (st == RT_OK)
        st = rt_file_put(folder, name, png, bytes, err);
err_destroy:
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    free(png);
    return st;
}

void rt_plot_end(void)
{
    cairo_debug_reset_static_data();
    FcFini();
}
