/* test_rope.c - rope in both directions against its formula, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>

static const int64_t shapes[][3] = { { 1, 1, 2 },   { 3, 5, 6 },    { 4, 3, 16 },
                                     { 3, 16, 80 }, { 5, 28, 128 }, { 2, 2, 64 } }; /* rows, heads, d */

/* Angles whose cosines and sines are no bf16 numbers. */
static void tables(double *cosines, double *sines, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        cosines[i] = (float)cos(0.37 * (double)i + 0.1);
        sines[i] = (float)sin(0.37 * (double)i + 0.1);
    }
}

/* Without rounding. */
static void rotate(double *to, const double *x, const double *cosines, const double *sines, int64_t rows,
                   int64_t heads, int64_t d, int sign)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t h = 0; h < heads; h++)
            for (int64_t i = 0; i < d; i++) {
                const int64_t at = (r * heads + h) * d, pair = i % (d / 2);
                const double turned = i < d / 2 ? -x[at + i + d / 2] : x[at + i - d / 2];
                to[at + i] = x[at + i] * cosines[r * d / 2 + pair] + turned * sign * sines[r * d / 2 + pair];
            }
}

static void test_shape(struct op_test *t, const int64_t *shape, int sign)
{
    const int64_t rows = shape[0], heads = shape[1], d = shape[2], n = rows * heads * d, half = d / 2;
    const double *x = op_random(t, 1, n);
    double *cosines = op_zeros(t, rows * half), *sines = op_zeros(t, rows * half);
    double *want = op_zeros(t, n), *bound = op_zeros(t, n);
    tables(cosines, sines, rows * half);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_mat(b, OP_ACT, rows, heads * d, heads * d + 7, x);
        const struct op_mat bc = op_put(b, OP_F32, rows, half, cosines),
                            bs = op_put(b, OP_F32, rows, half, sines);
        const rt_status st = b->ex->ops->rope(b->ex, bx.act, bx.ld, bc.f32, bs.f32, rows, heads, d, sign);
        for (int64_t e = 0; e < n; e++) {
            const int64_t within = e % d, at = e / (heads * d) * half + within % half;
            const double turned = within < half ? -x[e + half] : x[e - half];
            const double first = x[e] * cosines[at], second = turned * sign * sines[at];
            const double inner = 2 * U_F32 * (fabs(first) + fabs(second)); /* two products and a sum; then rn */
            want[e] = first + second;
            bound[e] = inner + b->u * (fabs(want[e]) + inner);
        }
        op_check(t, st, &bx, want, bound, "rope [%lld,%lld,%lld] sign %d", (long long)rows, (long long)heads,
                 (long long)d, sign);
    }
    op_reset(t);
}

enum { ROWS = 2, HEADS = 3, D = 6, N = ROWS * HEADS * D };
struct point {
    const double *dy, *cosines, *sines;
};

static double weighted_y(const double *x, void *context)
{
    const struct point *p = context;
    double y[N], f = 0;
    rotate(y, x, p->cosines, p->sines, ROWS, HEADS, D, 1);
    for (int i = 0; i < N; i++)
        f += p->dy[i] * y[i];
    return f;
}

static void test_differences(struct op_test *t)
{
    double *x = op_random(t, 1, N), dx[N], cosines[N], sines[N];
    tables(cosines, sines, ROWS * D / 2);
    struct point p = { op_random(t, 2, N), cosines, sines };
    rotate(dx, p.dy, cosines, sines, ROWS, HEADS, D, -1);
    const double err = op_difference(x, N, dx, weighted_y, &p);
    op_ok(err <= op_difference_bound, "sign -1 against differences: %.1e <= %.1e", err, op_difference_bound);
    op_reset(t);
}

static void test_refusals(struct op_test *t)
{
    const double *x = op_random(t, 1, 24);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        rt_rope_fn *rope = b->ex->ops->rope;
        const struct op_mat y = op_put(b, OP_ACT, 2, 12, x), f = op_put(b, OP_F32, 2, 12, x);
        op_refuses(b, rope(b->ex, y.act, 12, f.f32, f.f32, 2, 4, 3, 1), "odd d");
        op_refuses(b, rope(b->ex, y.act, 11, f.f32, f.f32, 2, 2, 6, 1), "ldx < heads d");
        op_refuses(b, rope(b->ex, y.act, 12, f.f32, f.f32, 2, 2, 6, 0), "sign 0");
        op_refuses(b, rope(b->ex, y.act, 12, f.f32, f.f32, 2, 0, 6, 1), "no heads");
        op_check(t, rope(b->ex, y.act, 12, f.f32, f.f32, 0, 2, 6, 1), &y, x, NULL,
                 "rope without rows does nothing");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        test_shape(&t, shapes[s], 1);
        test_shape(&t, shapes[s], -1);
    }
    test_differences(&t);
    test_refusals(&t);
    return op_done(&t);
}
