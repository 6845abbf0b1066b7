/*
 * resize.c - bicubic resize of byte pictures to the bit of Pillow's and of torch's; contract in image.h.
 *
 * Both round weights to integers (Pillow 22 bits; torch as many as fit a signed 16-bit word) and sum in int32.
 * One routine weighs neighbouring bytes of several lines (resize_lanes.h). The vertical pass hands it rows; the
 * horizontal pass turns ROWS rows on their side first, so that neighbours in memory are the same column of
 * neighbouring rows.
 */
#include "config.h"
#include "data/image.h"
#include "data/resize_lanes.h"
#include "data/resize_wide.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 32 };

struct taps {
    struct rt_weights w;
    int32_t *k; /* [outputs, w.taps] integer weights */
    int bits;
};

/* torch: the most bits, at most 22, with which the largest weight still is below 2^15. */
static int torch_bits(const struct rt_weights *w, int32_t outputs)
{
    double most = 0.0;
    for (size_t i = 0; i < (size_t)outputs * (size_t)w->taps; i++)
        most = w->weight[i] > most ? w->weight[i] : most;
    int bits = 0;
    while (bits < 22 && (int64_t)(0.5 + most * (double)((int64_t)1 << (bits + 1))) < 1 << 15)
        bits++;
    return bits;
}

static rt_status taps_init(struct taps *t, int32_t inputs, int32_t outputs, enum rt_resize kind,
                           struct rt_error *err)
{
    RT_TRY(rt_weights_init(&t->w, inputs, outputs, err));
    const size_t count = (size_t)outputs * (size_t)t->w.taps;
    t->k = malloc(count * sizeof *t->k);
    if (t->k == NULL) {
        rt_weights_free(&t->w);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the weights that resize %d pixels to %d", inputs,
                       outputs);
    }
    t->bits = kind == RT_RESIZE_PILLOW ? 22 : torch_bits(&t->w, outputs);
    for (size_t i = 0; i < count; i++) {
        const double scaled = t->w.weight[i] * (double)(1 << t->bits);
        t->k[i] = (int32_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
    }
    return RT_OK;
}

static void taps_free(struct taps *t)
{
    rt_weights_free(&t->w);
    free(t->k);
}

static inline void swap_bits(uint64_t *a, uint64_t *b, int shift, uint64_t mask)
{
    const uint64_t t = ((*a >> shift) ^ *b) & mask;
    *b ^= t;
    *a ^= t << shift;
}

static inline uint64_t load_8(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static inline void store_8(uint8_t *at, uint64_t v)
{
    memcpy(at, &v, sizeof v);
}

/* dst[i][j] = src[j][i] for 8 x 8 bytes whose rows are src_row and dst_row bytes apart. Written out: the loops
 * of it are not unrolled at -O2, which costs half of the whole resize. */
static inline void turn_8x8(uint8_t *dst, size_t dst_row, const uint8_t *src, size_t src_row)
{
    const uint64_t quarter = 0x00000000ffffffffu, pair = 0x0000ffff0000ffffu, byte = 0x00ff00ff00ff00ffu;
    uint64_t a = load_8(src), b = load_8(src + src_row), c = load_8(src + 2 * src_row),
             d = load_8(src + 3 * src_row);
    src += 4 * src_row;
    uint64_t e = load_8(src), f = load_8(src + src_row), g = load_8(src + 2 * src_row),
             h = load_8(src + 3 * src_row);
    swap_bits(&a, &e, 32, quarter), swap_bits(&b, &f, 32, quarter);
    swap_bits(&c, &g, 32, quarter), swap_bits(&d, &h, 32, quarter);
    swap_bits(&a, &c, 16, pair), swap_bits(&b, &d, 16, pair);
    swap_bits(&e, &g, 16, pair), swap_bits(&f, &h, 16, pair);
    swap_bits(&a, &b, 8, byte), swap_bits(&c, &d, 8, byte);
    swap_bits(&e, &f, 8, byte), swap_bits(&g, &h, 8, byte);
    store_8(dst, a), store_8(dst + dst_row, b), store_8(dst + 2 * dst_row, c), store_8(dst + 3 * dst_row, d);
    dst += 4 * dst_row;
    store_8(dst, e), store_8(dst + dst_row, f), store_8(dst + 2 * dst_row, g), store_8(dst + 3 * dst_row, h);
}

/* [rows, columns] to [columns, rows], any sizes. */
static void turn(uint8_t *dst, size_t dst_row, const uint8_t *src, size_t src_row, size_t rows, size_t columns)
{
    size_t r = 0;
    for (; r + 8 <= rows; r += 8) {
        size_t c = 0;
        for (; c + 8 <= columns; c += 8)
            turn_8x8(dst + c * dst_row + r, dst_row, src + r * src_row + c, src_row);
        for (; c < columns; c++)
            for (size_t i = r; i < r + 8; i++)
                dst[c * dst_row + i] = src[i * src_row + c];
    }
    for (; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            dst[c * dst_row + r] = src[r * src_row + c];
}

/* ROWS rows at a time; side and out_side are [width, channels, ROWS] and [outputs, channels, ROWS]. */
static void horizontal(uint8_t *dst, const uint8_t *src, int32_t width, int32_t height, int32_t channels,
                       int32_t outputs, const struct taps *t, uint8_t *side, uint8_t *out_side)
{
    const size_t row = (size_t)width * (size_t)channels, out_row = (size_t)outputs * (size_t)channels;
    const size_t pixel = (size_t)channels * ROWS;
    rt_weigh_fn *weigh = rt_weigh_best();
    for (int32_t y = 0; y < height; y += ROWS) {
        const size_t rows = (size_t)(height - y < ROWS ? height - y : ROWS);
        turn(side, ROWS, src + (size_t)y * row, row, rows, row);
        for (int32_t x = 0; x < outputs; x++)
            weigh(out_side + (size_t)x * pixel, side + (size_t)t->w.first[x] * pixel, pixel, pixel,
                  t->k + (size_t)x * (size_t)t->w.taps, t->w.count[x], t->bits);
        turn(dst + (size_t)y * out_row, out_row, out_side, ROWS, out_row, rows);
    }
}

static rt_status resize_width(uint8_t *dst, int32_t outputs, const uint8_t *src, int32_t width, int32_t height,
                              int32_t channels, enum rt_resize kind, struct rt_error *err)
{
    struct taps t;
    RT_TRY(taps_init(&t, width, outputs, kind, err));
    rt_status st = RT_OK;
    uint8_t *side = calloc((size_t)(width + outputs) * (size_t)channels, ROWS);
    if (side != NULL)
        horizontal(dst, src, width, height, channels, outputs, &t, side,
                   side + (size_t)width * (size_t)channels * ROWS);
    else
        st = rt_fail(err, RT_ERR_MEMORY, "no memory to resize a picture of %d x %d pixels", width, height);
    free(side);
    taps_free(&t);
    return st;
}

static rt_status resize_height(uint8_t *dst, int32_t outputs, const uint8_t *src, int32_t height, size_t row,
                               enum rt_resize kind, struct rt_error *err)
{
    struct taps t;
    RT_TRY(taps_init(&t, height, outputs, kind, err));
    rt_weigh_fn *weigh = rt_weigh_best();
    for (int32_t y = 0; y < outputs; y++)
        weigh(dst + (size_t)y * row, src + (size_t)t.w.first[y] * row, row, row,
              t.k + (size_t)y * (size_t)t.w.taps, t.w.count[y], t.bits);
    taps_free(&t);
    return RT_OK;
}

rt_status rt_resize_bicubic(uint8_t *dst, int32_t new_width, int32_t new_height, const uint8_t *src,
                            int32_t width, int32_t height, int32_t channels, enum rt_resize kind,
                            struct rt_error *err)
{
    if (new_width < 1 || new_height < 1 || width < 1 || height < 1 || channels < 1)
        return rt_fail(err, RT_ERR_INTERNAL, "cannot resize %d x %d pixels to %d x %d", width, height,
                       new_width, new_height);
    const size_t row = (size_t)new_width * (size_t)channels;
    if (new_height == height && new_width == width) {
        memcpy(dst, src, row * (size_t)height);
        return RT_OK;
    }
    if (new_height == height)
        return resize_width(dst, new_width, src, width, height, channels, kind, err);
    if (new_width == width)
        return resize_height(dst, new_height, src, height, row, kind, err);
    uint8_t *mid = malloc(row * (size_t)height);
    if (mid == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to resize a picture of %d x %d pixels", width, height);
    rt_status st = resize_width(mid, new_width, src, width, height, channels, kind, err);
    if (st == RT_OK)
        st = resize_height(dst, new_height, mid, height, row, kind, err);
    free(mid);
    return st;
}
