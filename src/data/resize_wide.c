/* resize_wide.c - filter weights, and Pillow's bicubic on 16-bit, 32-bit and float pictures; contracts in
 * resize_wide.h. */
#include "config.h"
#include "data/resize_wide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double bicubic(double t)
{
    const double a = -0.5;
    t = fabs(t);
    if (t < 1.0)
        return ((a + 2.0) * t - (a + 3.0)) * t * t + 1;
    if (t < 2.0)
        return (((t - 5) * t + 8) * t - 4) * a;
    return 0.0;
}

static void weigh_output(struct rt_weights *w, int32_t i, int32_t inputs, double scale)
{
    const double widen = scale < 1.0 ? 1.0 : scale, support = 2.0 * widen, centre = (i + 0.5) * scale;
    const double narrow = 1.0 / widen;
    double *k = w->weight + (size_t)i * (size_t)w->taps, sum = 0.0;
    int32_t first = (int32_t)(centre - support + 0.5), last = (int32_t)(centre + support + 0.5);
    first = first < 0 ? 0 : first;
    last = last > inputs ? inputs : last;
    int32_t count = last - first;
    count = count > w->taps ? w->taps : count;
    for (int32_t j = 0; j < count; j++) {
        k[j] = bicubic((j + first - centre + 0.5) * narrow);
        sum += k[j];
    }
    for (int32_t j = 0; j < count && sum != 0.0; j++)
        k[j] /= sum;
    w->first[i] = first;
    w->count[i] = count;
}

rt_status rt_weights_init(struct rt_weights *w, int32_t inputs, int32_t outputs, struct rt_error *err)
{
    const double scale = (double)inputs / outputs;
    w->taps = (int32_t)ceil(2.0 * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
    w->first = malloc((size_t)outputs * sizeof *w->first);
    w->count = malloc((size_t)outputs * sizeof *w->count);
    w->weight = calloc((size_t)outputs * (size_t)w->taps, sizeof *w->weight);
    if (w->first == NULL || w->count == NULL || w->weight == NULL) {
        rt_weights_free(w);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the weights that resize %d pixels to %d", inputs,
                       outputs);
    }
    for (int32_t i = 0; i < outputs; i++)
        weigh_output(w, i, inputs, scale);
    return RT_OK;
}

void rt_weights_free(struct rt_weights *w)
{
    free(w->first);
    free(w->count);
    free(w->weight);
    w->first = w->count = NULL;
    w->weight = NULL;
}

static double value_at(const uint8_t *at, enum rt_pixel_mode mode)
{
    int32_t i;
    float f;
    switch (mode) {
    case RT_PIXELS_I: memcpy(&i, at, sizeof i); return i;
    case RT_PIXELS_F: memcpy(&f, at, sizeof f); return f;
    default: return at[0] + 256 * at[1]; /* also I16B */
    }
}

/* Half away from zero; what does not fit becomes INT32_MIN, as the reference's processor converts. */
static int32_t round_away(double v)
{
    v += v >= 0.0 ? 0.5 : -0.5;
    return v > -2147483649.0 && v < 2147483648.0 ? (int32_t)v : INT32_MIN;
}

static uint8_t clip_byte(int32_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void value_put(uint8_t *at, double v, enum rt_pixel_mode mode)
{
    const float f = (float)v;
    const int32_t i = mode == RT_PIXELS_F ? 0 : round_away(v);
    switch (mode) {
    case RT_PIXELS_I: memcpy(at, &i, sizeof i); break;
    case RT_PIXELS_F: memcpy(at, &f, sizeof f); break;
    default: /* the two bytes are clipped each for itself */
        at[0] = clip_byte(i % 256);
        at[1] = clip_byte(i >> 8);
    }
}

/* One axis: lines of `outputs` results; step and out_step are bytes between neighbours on that axis. */
static void weigh_line(uint8_t *out, size_t out_step, const uint8_t *in, size_t step, int32_t outputs,
                       const struct rt_weights *w, enum rt_pixel_mode mode)
{
    for (int32_t i = 0; i < outputs; i++) {
        const double *k = w->weight + (size_t)i * (size_t)w->taps;
        double sum = 0.0;
        for (int32_t j = 0; j < w->count[i]; j++)
            sum += value_at(in + (size_t)(w->first[i] + j) * step, mode) * k[j];
        value_put(out + (size_t)i * out_step, sum, mode);
    }
}

rt_status rt_resize_wide(uint8_t *dst, int32_t width, int32_t height, const struct rt_pixels *px,
                         struct rt_error *err)
{
    const size_t size = (size_t)rt_pixels_bytes(px->mode), row = (size_t)width * size;
    struct rt_weights w;
    uint8_t *mid = malloc(row * (size_t)px->height);
    if (mid == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to resize a picture to %d x %d pixels", width, height);
    rt_status st = RT_OK;
    if (width != px->width) {
        RT_TRY_TO(st, rt_weights_init(&w, px->width, width, err), err_free_mid);
        for (int32_t y = 0; y < px->height; y++)
            weigh_line(mid + (size_t)y * row, size, px->data + (size_t)y * (size_t)px->width * size, size,
                       width, &w, px->mode);
        rt_weights_free(&w);
    } else {
        memcpy(mid, px->data, row * (size_t)px->height);
    }
    if (height != px->height) {
        RT_TRY_TO(st, rt_weights_init(&w, px->height, height, err), err_free_mid);
        for (int32_t x = 0; x < width; x++)
            weigh_line(dst + (size_t)x * size, row, mid + (size_t)x * size, row, height, &w, px->mode);
        rt_weights_free(&w);
    } else {
        memcpy(dst, mid, row * (size_t)height);
    }
err_free_mid:
    free(mid);
    return st;
}
