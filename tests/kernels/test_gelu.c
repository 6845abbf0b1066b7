/* test_gelu.c - gelu_fwd and gelu_bwd of all kinds against their formulas in double, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>

static const int64_t shapes[][2] = { { 1, 1 }, { 3, 7 }, { 2, 1280 }, { 2, 3420 }, { 1, 5120 } };
static const struct {
    enum rt_gelu kind;
    const char *name;
} kinds[] = { { RT_GELU_ERF, "erf" }, { RT_GELU_TANH, "tanh" }, { RT_GELU_QUICK, "quick" } };

static const double pi = 3.14159265358979323846;

static double gelu(enum rt_gelu kind, double x)
{
    switch (kind) {
    case RT_GELU_ERF: return x / 2 * erfc(-x / sqrt(2));
    case RT_GELU_TANH: return x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)));
    case RT_GELU_QUICK: return x / (1 + exp(-1.702 * x));
    }
    return NAN;
}

/* How fast the inner argument grows, 1 for erf. */
static double steepness(enum rt_gelu kind, double x)
{
    return kind == RT_GELU_TANH    ? 2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x)
           : kind == RT_GELU_QUICK ? 1.702
                                   : 1;
}

static double slope(enum rt_gelu kind, double x)
{
    if (kind == RT_GELU_ERF)
        return erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) / sqrt(2 * pi);
    const double z = kind == RT_GELU_TANH ? 2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x) : 1.702 * x;
    const double s = 1 / (1 + exp(-z));
    return s * (1 + x * (1 - s) * steepness(kind, x));
}

static void test_fwd(struct op_test *t, int64_t rows, int64_t cols, size_t k)
{
    const double *half = op_random(t, 1, rows * cols);
    double *x = op_copy(t, half, rows * cols), *want = op_zeros(t, rows * cols),
           *bound = op_zeros(t, rows * cols);
    for (int64_t e = 0; e < rows * cols; e++)
        x[e] *= 4;
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_put(b, OP_ACT, rows, cols, x);
        const struct op_mat by = op_mat(b, OP_ACT, rows, cols, cols + 3, NULL);
        const rt_status st = b->ex->ops->gelu_fwd(b->ex, by.act, by.ld, bx.act, rows, cols, kinds[k].kind);
        for (int64_t e = 0; e < rows * cols; e++) {
            want[e] = gelu(kinds[k].kind, x[e]);
            /* The factor of x is within [0, 1]; it and the product are off by at most 12 roundings of 1: erf,
             * tanh or the logistic function 6, their argument 6 times s (1 - s) |z| <= 0.23, sum and
             * products 3. */
            bound[e] = 12 * U_F32 * fabs(x[e]) + b->u * fabs(want[e]) + b->tiny;
        }
        op_check(t, st, &by, want, bound, "gelu_fwd %s [%lld,%lld]", kinds[k].name, (long long)rows,
                 (long long)cols);
    }
    op_reset(t);
}

static void test_bwd(struct op_test *t, int64_t rows, int64_t cols, size_t k, bool in_place)
{
    const double *half = op_random(t, 1, rows * cols), *dy = op_random(t, 2, rows * cols);
    double *x = op_copy(t, half, rows * cols), *want = op_zeros(t, rows * cols),
           *bound = op_zeros(t, rows * cols);
    for (int64_t e = 0; e < rows * cols; e++)
        x[e] *= 4;
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_put(b, OP_ACT, rows, cols, x), fresh = op_put(b, OP_ACT, rows, cols, NULL);
        const struct op_mat bdy = op_mat(b, OP_ACT, rows, cols, cols + 2, dy), *dx = in_place ? &bx : &fresh;
        const rt_status st =
            b->ex->ops->gelu_bwd(b->ex, dx->act, bdy.act, bdy.ld, bx.act, rows, cols, kinds[k].kind);
        for (int64_t e = 0; e < rows * cols; e++) {
            want[e] = dy[e] * slope(kinds[k].kind, x[e]);
            /* s as in test_fwd; 1 - s is off by 8 roundings of 1, which x and the steepness multiply */
            bound[e] = fabs(dy[e]) * (16 + 8 * fabs(x[e]) * steepness(kinds[k].kind, x[e])) * U_F32 +
                       b->u * fabs(want[e]) + b->tiny;
        }
        op_check(t, st, dx, want, bound, "gelu_bwd %s [%lld,%lld]%s", kinds[k].name, (long long)rows,
                 (long long)cols, in_place ? " in place" : "");
    }
    op_reset(t);
}

enum { N = 31 };
struct point {
    const double *dy;
    enum rt_gelu kind;
};

static double weighted_y(const double *x, void *context)
{
    const struct point *p = context;
    double f = 0;
    for (int i = 0; i < N; i++)
        f += p->dy[i] * gelu(p->kind, x[i]);
    return f;
}

static void test_differences(struct op_test *t, size_t k)
{
    double *x = op_random(t, 1, N), dx[N];
    struct point p = { op_random(t, 2, N), kinds[k].kind };
    for (int i = 0; i < N; i++)
        dx[i] = p.dy[i] * slope(p.kind, x[i]);
    const double err = op_difference(x, N, dx, weighted_y, &p);
    op_ok(err <= op_difference_bound, "gradient of gelu %s against differences: %.1e <= %.1e", kinds[k].name,
          err, op_difference_bound);
    op_reset(t);
}

static void test_refusals(struct op_test *t)
{
    const double *x = op_random(t, 1, 12);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_put(b, OP_ACT, 3, 4, x), y = op_put(b, OP_ACT, 3, 4, x);
        op_refuses(b, b->ex->ops->gelu_fwd(b->ex, y.act, 3, bx.act, 3, 4, RT_GELU_ERF), "ldy < cols");
        op_refuses(b, b->ex->ops->gelu_fwd(b->ex, y.act, 4, bx.act, 3, 0, RT_GELU_ERF), "no columns");
        op_refuses(b, b->ex->ops->gelu_fwd(b->ex, y.act, 4, bx.act, 3, 4, (enum rt_gelu)9), "kind 9");
        op_refuses(b, b->ex->ops->gelu_bwd(b->ex, y.act, bx.act, 3, bx.act, 3, 4, RT_GELU_ERF), "lddy < cols");
        op_check(t, b->ex->ops->gelu_fwd(b->ex, y.act, 4, bx.act, 0, 4, RT_GELU_ERF), &y, x, NULL,
                 "no rows, nothing done");
        op_check(t, b->ex->ops->gelu_bwd(b->ex, y.act, bx.act, 4, bx.act, 0, 4, RT_GELU_ERF), &y, x, NULL,
                 "no rows, nothing done");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        for (size_t s = 0; s < COUNT_OF(shapes); s++) {
            test_fwd(&t, shapes[s][0], shapes[s][1], k);
            test_bwd(&t, shapes[s][0], shapes[s][1], k, false);
            test_bwd(&t, shapes[s][0], shapes[s][1], k, true);
        }
        test_differences(&t, k);
    }
    test_refusals(&t);
    return op_done(&t);
}
