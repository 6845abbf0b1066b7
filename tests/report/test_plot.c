/* test_plot.c - smoothing, ticks, and pictures that are looked at pixel by pixel. */
#include "config.h"
#include "report/plot.h"
#include "report/report_test.h"

#include <cairo.h>
#include <math.h>

static void check_smooth(void)
{
    /* s0 = y0, then s = w s + (1 - w) y; NaN is passed on without a trace. */
    const double y[] = { 4, 2, NAN, 3, INFINITY, 1 };
    double s[6], want = 4;
    const double w = 1.8 * (1 / (1 + exp(-0.05 * 6)) - 0.5);
    rt_plot_smooth(s, y, 6);
    ok(s[0] == 4, "the first is itself");
    want = w * want + (1 - w) * 2;
    ok(fabs(s[1] - want) < 1e-15 * 4, "second %.17g, %.17g", s[1], want);
    ok(isnan(s[2]) && isinf(s[4]), "what is not finite stays");
    want = w * want + (1 - w) * 3;
    want = w * want + (1 - w) * 1;
    ok(fabs(s[5] - want) < 1e-15 * 16, "last %.17g, %.17g", s[5],
       want); /* some 4 roundings of numbers below 4 */
    rt_plot_smooth(s, y, 0);
    ok(1, "no points, no harm");
}

static void check_ticks(void)
{
    static const struct {
        double low, high;
        int most, whole;
        double first, step;
        int count;
    } c[] = {
        { 0, 10, 9, 0, 0, 2, 6 },      { 0.9, 8.1, 9, 0, 1, 1, 8 },  { -3.2e-6, 1e-6, 9, 0, -3e-6, 0.5e-6, 9 },
        { 0.96, 2.04, 8, 1, 1, 1, 2 }, { -12, 312, 8, 1, 0, 50, 7 }, { 7.32, 7.71, 9, 0, 7.35, 0.05, 8 },
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        double first, step;
        int count;
        rt_plot_ticks(c[i].low, c[i].high, c[i].most, c[i].whole, &first, &step, &count);
        ok(fabs(first - c[i].first) < 1e-9 * step && fabs(step / c[i].step - 1) < 1e-12 && count == c[i].count,
           "%g to %g: %d ticks from %g by %g", c[i].low, c[i].high, count, first, step);
    }
    int worst = 0, least = 99;
    for (int i = 0; i < 2000; i++) { /* widths over 20 decades */
        double first, step;
        int count;
        const double width = pow(10, -10 + 0.01 * i), low = (i % 7 - 3) * 0.37 * width;
        rt_plot_ticks(low, low + width, 9, 0, &first, &step, &count);
        worst = count > worst ? count : worst;
        least = count < least ? count : least;
        if (first < low - 1e-6 * step || first + (count - 1) * step > low + width + 1e-6 * step)
            ok(0, "ticks lie inside %g to %g", low, low + width);
    }
    ok(worst <= 9 && least >= 3, "%d to %d ticks over 2000 ranges", least, worst);
}

struct ink {
    int width, height;
    int64_t dark, blue, pale; /* pixels: the axes' black, the smoothed curve, the original one */
    int left, right;          /* columns where blue begins and ends, inside the axes */
};

static uint32_t pixel(cairo_surface_t *s, int x, int y)
{
    uint32_t p;
    memcpy(&p,
           cairo_image_surface_get_data(s) + (size_t)y * (size_t)cairo_image_surface_get_stride(s) +
               4 * (size_t)x,
           sizeof p);
    return p & 0xffffff;
}

/* Draws and looks at the picture; the legend's corner is left out where it is told. */
static struct ink draw(const char *dir, const struct rt_curve *curve)
{
    struct rt_error err = { 0 };
    struct ink ink = { .left = 9999, .right = -1 };
    if (!ok(rt_plot_write(dir, "p.png", curve, &err) == RT_OK, "%s is drawn %s", curve->title, err.text))
        return ink;
    char *path = joined(dir, "p.png");
    cairo_surface_t *s = cairo_image_surface_create_from_png(path);
    ink.width = cairo_image_surface_get_width(s);
    ink.height = cairo_image_surface_get_height(s);
    for (int y = 0; y < ink.height; y++)
        for (int x = 0; x < ink.width; x++) {
            const uint32_t p = pixel(s, x, y);
            const int r = (int)(p >> 16), g = (int)(p >> 8 & 255), b = (int)(p & 255);
            ink.dark += r < 60 && g < 60 && b < 60;
            if (x >= 446) /* the legend, above or below, is in the last 130 columns of the axes */
                continue;
            const int strong = p == 0x1f77b4;
            ink.blue += strong;
            ink.pale += !strong && b > r + 40 && r > 120;
            if (strong && x < ink.left)
                ink.left = x;
            if (strong && x > ink.right)
                ink.right = x;
        }
    cairo_surface_destroy(s);
    free(path);
    return ink;
}

static void check_pictures(void)
{
    char *dir = scratch_make();
    static double x[100000], y[100000];
    for (int i = 0; i < 300; i++) {
        x[i] = i + 1;
        y[i] = 8 * exp(-i / 80.0) + 0.4 * sin(i * 1.7);
    }
    struct rt_curve c = { "training loss of out", "step", "loss", x, y, 300 };
    struct ink ink = draw(dir, &c);
    ok(ink.width == 640 && ink.height == 480, "%d x %d", ink.width, ink.height);
    ok(ink.blue > 300 && ink.pale > 200 && ink.dark > 1500,
       "smoothed %lld, original %lld, axes and text %lld pixels", (long long)ink.blue, (long long)ink.pale,
       (long long)ink.dark);
    ok(ink.left >= 95 && ink.left < 110, "the curve begins at column %d, a twenty-fifth into the axes",
       ink.left);
    c.count = 1;
    c.title = "one point";
    ink = draw(dir, &c);
    ok(ink.blue > 10 && ink.left > 300 && ink.right < 350, "one point is a dot: columns %d to %d", ink.left,
       ink.right);
    c.count = 300;
    for (int i = 100; i < 140; i++)
        y[i] = NAN;
    c.title = "a gap";
    ink = draw(dir, &c);
    ok(ink.blue > 200, "a gap: %lld pixels of curve", (long long)ink.blue);
    for (int i = 0; i < 300; i++)
        y[i] = i % 2 ? NAN : INFINITY;
    c.title = "nothing finite";
    ink = draw(dir, &c);
    ok(ink.blue == 0 && ink.pale == 0 && ink.dark > 1500, "nothing finite: axes and words only");
    for (int i = 0; i < 300; i++)
        y[i] = 7;
    c.title = "all the same";
    ink = draw(dir, &c);
    ok(ink.blue > 300, "all the same: %lld pixels of curve", (long long)ink.blue);
    for (int i = 0; i < 100000; i++) {
        x[i] = i;
        y[i] = i % 2 ? 1e6 : -1e6;
    }
    c.count = 100000;
    c.title = "training loss of a folder whose path is so long that its beginning cannot be shown in the "
              "picture, which "
              "is only six hundred and forty pixels wide, at any size that can be read";
    ink = draw(dir, &c);
    ok(ink.pale > 50000, "100000 points: %lld pixels of the original curve", (long long)ink.pale);
    char *file = joined(dir, "p.png/x");
    struct rt_error err = { 0 };
    c.count = 2;
    ok(rt_plot_write(file, "p.png", &c, &err) == RT_ERR_OUTPUT, "refused: %s", err.text);
    free(file);
    scratch_remove(dir);
}

int main(void)
{
    check_smooth();
    check_ticks();
    check_pictures();
    rt_plot_end();
    return tap_done();
}
