/* test_patchify.c - patchify against its index formula told pixel by pixel, exactly, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>

static const int64_t shapes[][4] = {
    { 1, 1, 1, 1 }, { 2, 2, 14, 2 }, { 4, 6, 14, 2 }, { 6, 4, 16, 2 }, { 3, 5, 3, 1 }, { 6, 3, 2, 3 }
}; /* grid_h, grid_w, patch, merge */

static void test_shape(struct op_test *t, const int64_t *shape, bool two_frames)
{
    const int64_t gh = shape[0], gw = shape[1], p = shape[2], m = shape[3], wide = gw * p,
                  n = gh * p * wide * 3;
    uint8_t *rgb[2] = { calloc((size_t)n, 1), calloc((size_t)n, 1) };
    uint64_t seed = 9;
    for (int64_t i = 0; i < n; i++) {
        rgb[0][i] = (uint8_t)op_next(&seed);
        rgb[1][i] = two_frames ? (uint8_t)op_next(&seed) : rgb[0][i];
    }
    double *lut = op_zeros(t, 3 * 256), *want = op_zeros(t, 2 * n);
    for (int i = 0; i < 3 * 256; i++)
        lut[i] = (float)(((i % 256) - 120.77 - i / 256) / 68.5);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        for (int64_t pixel = 0; pixel < n / 3; pixel++)
            for (int64_t c = 0; c < 3; c++)
                for (int64_t f = 0; f < 2; f++) {
                    const int64_t y = pixel / wide, x = pixel % wide, py = y / p, px = x / p;
                    const int64_t row = ((py / m) * (gw / m) + px / m) * m * m + (py % m) * m + px % m;
                    const int64_t col = ((c * 2 + f) * p + y % p) * p + x % p;
                    want[row * 6 * p * p + col] = op_rn(b, lut[c * 256 + rgb[f][pixel * 3 + c]]);
                }
        const struct op_mat r0 = op_bytes(b, n, rgb[0]), r1 = op_bytes(b, n, rgb[1]);
        const struct op_mat bl = op_put(b, OP_F32, 3, 256, lut),
                            y = op_put(b, OP_ACT, gh * gw, 6 * p * p, NULL);
        const rt_status st =
            b->ex->ops->patchify(b->ex, y.act, r0.u8, two_frames ? r1.u8 : r0.u8, bl.f32, gh, gw, p, m);
        op_check(t, st, &y, want, NULL, "patchify %lldx%lld of %lld, merge %lld, %s", (long long)gh,
                 (long long)gw, (long long)p, (long long)m, two_frames ? "two frames" : "one frame twice");
        op_refuses(b, b->ex->ops->patchify(b->ex, y.act, r0.u8, r0.u8, bl.f32, gh, gw, p, m + 7),
                   "a ragged merge");
        op_refuses(b, b->ex->ops->patchify(b->ex, y.act, r0.u8, r0.u8, bl.f32, gh, gw, 0, m), "patch 0");
        op_refuses(b, b->ex->ops->patchify(b->ex, y.act, r0.u8, r0.u8, bl.f32, gh, 0, p, m), "grid_w 0");
    }
    free(rgb[0]);
    free(rgb[1]);
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        test_shape(&t, shapes[s], true);
        test_shape(&t, shapes[s], false);
    }
    return op_done(&t);
}
