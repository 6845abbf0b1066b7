/* test_swiglu.c - swiglu_fwd and swiglu_bwd against their formulas in double, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>

static const int64_t shapes[][2] = { { 1, 1 }, { 3, 7 }, { 2, 1280 }, { 2, 3420 }, { 3, 18944 }, { 21, 24 } };
static const int64_t ranks[] = { 1, 8, 24, 40 };
enum { ROOM = 8 }; /* between rows of u, so that whole groups of 8 stay aligned */

static double sigma(double g)
{
    return 1 / (1 + exp(-g));
}

static double slope(double g)
{
    return sigma(g) * (1 + g * (1 - sigma(g)));
}

/* Gate and up in (-8, 8) and (-2, 2), the first rows also with gates far out. */
static double *gate_up(struct op_test *t, int64_t rows, int64_t cols)
{
    static const double far[] = { 60, -60, 100, -100, 0 };
    double *gu = op_random(t, 1, rows * 2 * cols);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++)
            gu[r * 2 * cols + c] = r == 1 && c < 5 ? far[c] : 4 * gu[r * 2 * cols + c];
    return gu;
}

static void test_fwd(struct op_test *t, int64_t rows, int64_t cols)
{
    const double *gu = gate_up(t, rows, cols);
    double *want = op_zeros(t, rows * cols), *bound = op_zeros(t, rows * cols);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bgu = op_put(b, OP_ACT, rows, 2 * cols, gu);
        const struct op_mat by = op_mat(b, OP_ACT, rows, cols, cols + 3, NULL);
        const rt_status st = b->ex->ops->swiglu_fwd(b->ex, by.act, by.ld, bgu.act, rows, cols);
        for (int64_t e = 0; e < rows * cols; e++) {
            const double g = gu[e / cols * 2 * cols + e % cols], u = gu[e / cols * 2 * cols + cols + e % cols];
            want[e] = g * sigma(g) * u;
            /* exp 4 (2 ulp), sum, quotient, two products: 8 of fp32; rn twice; below 1e-38 numbers thin out */
            bound[e] =
                1.01 * fabs(want[e]) * (8 * U_F32 + 2 * b->u) + fabs(g) * 0x1p-126 * (1 + fabs(u)) + b->tiny;
        }
        op_check(t, st, &by, want, bound, "swiglu_fwd [%lld,%lld]", (long long)rows, (long long)cols);
    }
    op_reset(t);
}

/* dy with u A added, in sum, and the sizes of its terms. */
static void add_low(double *sum, double *size, const double *dy, const double *u, const double *a, int64_t rows,
                    int64_t cols, int64_t rank)
{
    for (int64_t e = 0; e < rows * cols; e++) {
        sum[e] = dy[e];
        size[e] = fabs(dy[e]);
        for (int64_t k = 0; k < rank; k++) {
            const double term = u[e / cols * rank + k] * a[k * cols + e % cols];
            sum[e] += term;
            size[e] += fabs(term);
        }
    }
}

static void test_bwd(struct op_test *t, int64_t rows, int64_t cols, int64_t rank, bool in_place)
{
    const double *gu = gate_up(t, rows, cols), *dy = op_random(t, 2, rows * cols);
    double *want = op_zeros(t, 2 * rows * cols), *bound = op_zeros(t, 2 * rows * cols);
    const double *lu = op_random(t, 5, rows * rank), *a = op_random(t, 6, rank * cols);
    double *sum = op_zeros(t, rows * cols), *sizes = op_zeros(t, rows * cols);
    add_low(sum, sizes, dy, lu, a, rows, cols, rank);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bgu = op_put(b, OP_ACT, rows, 2 * cols, gu);
        const struct op_mat bdy = op_mat(b, OP_ACT, rows, cols, rank % 8 == 0 ? cols + 8 : cols + 1, dy);
        const struct op_mat bu =
            op_mat(b, OP_ACT, rows, rank > 0 ? rank : 1, rank + ROOM, rank > 0 ? lu : NULL);
        const struct op_mat ba = op_mat(b, OP_ACT, rank > 0 ? rank : 1, cols, cols, rank > 0 ? a : NULL);
        const struct rt_low low = { bu.act, bu.ld, ba.act, ba.ld, rank };
        const struct op_mat fresh = op_put(b, OP_ACT, rows, 2 * cols, NULL), *dgu = in_place ? &bgu : &fresh;
        const rt_status st = b->ex->ops->swiglu_bwd(b->ex, dgu->act, bdy.act, bdy.ld, rank > 0 ? &low : NULL,
                                                    bgu.act, rows, cols);
        for (int64_t e = 0; e < rows * cols; e++) {
            const int64_t at = e / cols * 2 * cols + e % cols;
            const double g = gu[at], u = gu[at + cols], s = sigma(g);
            want[at] = sum[e] * u * slope(g);
            want[at + cols] = sum[e] * g * s;
            /* s is off by 6, 1 - s by 7 of what 1 is, the product with g, the sum, the product with s, dy u
             * twice: at most 16 of s (1 + |g|) */
            bound[at] = fabs(sum[e] * u) * s * (1 + fabs(g)) * 16 * U_F32 + b->u * fabs(want[at]);
            bound[at + cols] = fabs(want[at + cols]) * (9 * U_F32 + b->u);
            /* the sum of rank products: rank + 1 roundings of its terms' sizes; slope is at most 1.1 */
            const double off = ((double)rank + 1) * U_F32 * sizes[e] * (rank > 0) * (1 + b->u);
            bound[at] += off * 1.1 * fabs(u);
            bound[at + cols] += off * fabs(g * s);
            const double thin = sizes[e] * (1 + fabs(g)) * (1 + fabs(u)) * 0x1p-126 + b->tiny;
            bound[at] = 1.01 * bound[at] + thin;
            bound[at + cols] = 1.01 * bound[at + cols] + thin;
        }
        op_check(t, st, dgu, want, bound, "swiglu_bwd [%lld,%lld] rank %lld%s", (long long)rows,
                 (long long)cols, (long long)rank, in_place ? " in place" : "");
    }
    op_reset(t);
}

enum { N = 31 };

static double weighted_y(const double *gu, void *context)
{
    const double *dy = context;
    double f = 0;
    for (int i = 0; i < N; i++)
        f += dy[i] * gu[i] * sigma(gu[i]) * gu[N + i];
    return f;
}

static void test_differences(struct op_test *t)
{
    double *gu = gate_up(t, 1, N), *dy = op_random(t, 2, N), dgu[2 * N];
    for (int i = 0; i < N; i++) {
        dgu[i] = dy[i] * gu[N + i] * slope(gu[i]);
        dgu[N + i] = dy[i] * gu[i] * sigma(gu[i]);
    }
    const double err = op_difference(gu, 2 * N, dgu, weighted_y, dy);
    op_ok(err <= op_difference_bound, "gradient formula against differences: %.1e <= %.1e", err,
          op_difference_bound);
    op_reset(t);
}

static void test_refusals(struct op_test *t)
{
    const double *x = op_random(t, 1, 24);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat gu = op_put(b, OP_ACT, 3, 8, x), y = op_put(b, OP_ACT, 3, 4, x);
        op_refuses(b, b->ex->ops->swiglu_fwd(b->ex, y.act, 3, gu.act, 3, 4), "ldy < cols");
        op_refuses(b, b->ex->ops->swiglu_fwd(b->ex, y.act, 4, gu.act, 3, 0), "no columns");
        op_refuses(b, b->ex->ops->swiglu_bwd(b->ex, gu.act, y.act, 3, NULL, gu.act, 3, 4), "lddy < cols");
        op_check(t, b->ex->ops->swiglu_fwd(b->ex, y.act, 4, gu.act, 0, 4), &y, x, NULL,
                 "no rows, nothing done");
        op_check(t, b->ex->ops->swiglu_bwd(b->ex, gu.act, y.act, 4, NULL, gu.act, 0, 4), &gu, x, NULL,
                 "no rows, nothing done");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        test_fwd(&t, shapes[s][0], shapes[s][1]);
        test_bwd(&t, shapes[s][0], shapes[s][1], 0, false);
        test_bwd(&t, shapes[s][0], shapes[s][1], 0, true);
        for (size_t k = 0; k < COUNT_OF(ranks); k++)
            test_bwd(&t, shapes[s][0], shapes[s][1], ranks[k], k % 2 == 0);
    }
    test_differences(&t);
    test_refusals(&t);
    return op_done(&t);
}
