/* test_cast.c - cast and widen, bit for bit, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

static const int64_t shapes[][2] = { { 1, 1 }, { 3, 7 }, { 2, 1280 }, { 3, 3584 }, { 8, 3420 } };

static void test_shape(struct op_test *t, int64_t rows, int64_t cols, float scale)
{
    const int64_t n = rows * cols;
    const double *coarse = op_random(t, 1, n);
    double *fine = op_zeros(t, n), *want = op_zeros(t, n);
    for (int64_t e = 0; e < n; e++) /* floats that are no bf16 numbers, some halfway between two */
        fine[e] = (float)(coarse[e] * (e % 3 == 0 ? 1 + 0x1p-8 : 1 + 0x1.5p-10));
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat x = op_put(b, OP_F32, rows, cols, fine),
                            y = op_mat(b, OP_ACT, rows, cols, cols + 3, NULL);
        for (int64_t e = 0; e < n; e++) /* a product of two floats is exact in double */
            want[e] = op_rn(b, (double)scale * fine[e]);
        op_check(t, b->ex->ops->cast(b->ex, y.act, y.ld, x.f32, rows, cols, scale), &y, want, NULL,
                 "cast [%lld,%lld] times %g", (long long)rows, (long long)cols, (double)scale);
        const struct op_mat a = op_mat(b, OP_ACT, rows, cols, cols + 5, coarse),
                            f = op_put(b, OP_F32, rows, cols, NULL);
        op_check(t, b->ex->ops->widen(b->ex, f.f32, a.act, a.ld, rows, cols), &f, coarse, NULL,
                 "widen [%lld,%lld]", (long long)rows, (long long)cols);
        if (rows * cols > 1) {
            op_refuses(b, b->ex->ops->cast(b->ex, y.act, cols - 1, x.f32, rows, cols, scale), "ldy < cols");
            op_refuses(b, b->ex->ops->widen(b->ex, f.f32, a.act, cols - 1, rows, cols), "ldx < cols");
            op_refuses(b, b->ex->ops->widen(b->ex, f.f32, a.act, cols, -1, cols), "rows < 0");
        }
        op_check(t, b->ex->ops->widen(b->ex, f.f32, a.act, a.ld, 0, cols), &f, coarse, NULL,
                 "widen of no rows");
        op_check(t, b->ex->ops->cast(b->ex, y.act, y.ld, x.f32, 0, cols, scale), &y, want, NULL,
                 "cast of no rows");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        test_shape(&t, shapes[s][0], shapes[s][1], 1.0f);
        test_shape(&t, shapes[s][0], shapes[s][1], 0.3f);
    }
    return op_done(&t);
}
