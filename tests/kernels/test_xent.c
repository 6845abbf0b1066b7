/* test_xent.c - xent's losses, hits and gradient against the formula in double, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>

static const int64_t shapes[][2] = { { 1, 1 }, { 3, 7 }, { 4, 1000 }, { 2, 3584 }, { 2, 152064 } };

/* Backends add in blocks: no term of a row's sum goes through more than this many additions in fp32. */
enum { CHAIN = 2048 };

struct row {
    double lse, top;
};

static struct row row_of(const double *z, int64_t cols)
{
    struct row r = { 0, z[0] };
    for (int64_t c = 0; c < cols; c++)
        r.top = fmax(r.top, z[c]);
    for (int64_t c = 0; c < cols; c++)
        r.lse += exp(z[c] - r.top);
    r.lse = r.top + log(r.lse);
    return r;
}

/* p = exp(z - top) / sum: the difference rounds a number up to |z - lse| + |z|, exp costs 4 (2 ulp), the sum
 * CHAIN, the quotient or its logarithm 4. */
static double p_error(double z, struct row r)
{
    return (fabs(z - r.lse) + fabs(z) + fabs(r.top) + CHAIN + 8) * U_F32;
}

static void test_shape(struct op_test *t, int64_t rows, int64_t cols, bool with_grad)
{
    const int64_t n = rows * cols;
    double *z = op_random(t, 1, n), *weight = op_random(t, 2, rows);
    double *loss = op_zeros(t, rows), *loss_bound = op_zeros(t, rows), *hit = op_zeros(t, rows);
    double *grad = op_copy(t, z, n), *bound = op_zeros(t, n);
    int32_t targets[4];
    for (int64_t e = 0; e < n; e++)
        grad[e] = z[e] = 8 * z[e];
    for (int64_t r = 0; r < rows; r++) {
        targets[r] = (int32_t)((r * 7919 + cols / 2) % cols);
        if (r == 0)
            z[r * cols + targets[r]] = grad[r * cols + targets[r]] = 24; /* a clear hit */
    }
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        for (int64_t r = 0; r < rows; r++) {
            const double *zr = z + r * cols;
            const struct row s = row_of(zr, cols);
            loss[r] = s.lse - zr[targets[r]];
            loss_bound[r] = p_error(zr[targets[r]], s) + U_F32 * loss[r];
            hit[r] = 1;
            for (int64_t c = 0; c < cols; c++)
                if (zr[c] > zr[targets[r]] || (zr[c] == zr[targets[r]] && c < targets[r]))
                    hit[r] = 0;
            for (int64_t c = 0; c < cols && with_grad; c++) {
                const double p = exp(zr[c] - s.lse);
                const double g = weight[r] * (p - (c == targets[r]));
                const double inner = fabs(weight[r]) * (p * p_error(zr[c], s) + (c == targets[r]) * U_F32);
                grad[r * cols + c] = g;
                bound[r * cols + c] = inner + (U_F32 + b->u) * (fabs(g) + inner) + 2 * 0x1p-126 + b->tiny;
            }
        }
        const struct op_mat bz = op_put(b, OP_ACT, rows, cols, z), bw = op_put(b, OP_F32, rows, 1, weight);
        const struct op_mat bl = op_put(b, OP_F32, rows, 1, NULL), bh = op_put(b, OP_F32, rows, 1, NULL);
        const struct op_mat bt = op_ints(b, rows, targets);
        const rt_status st =
            b->ex->ops->xent(b->ex, bz.act, bl.f32, bh.f32, bt.i32, bw.f32, rows, cols, with_grad);
        op_check(t, st, &bl, loss, loss_bound, "xent loss [%lld,%lld]", (long long)rows, (long long)cols);
        op_check(t, st, &bh, hit, NULL, "xent hits");
        op_check(t, st, &bz, grad, with_grad ? bound : NULL, "xent %s",
                 with_grad ? "gradient" : "leaves the logits");
        const struct op_mat again = op_put(b, OP_ACT, rows, cols, z), bl2 = op_put(b, OP_F32, rows, 1, NULL);
        const rt_status st2 =
            b->ex->ops->xent(b->ex, again.act, bl2.f32, NULL, bt.i32, bw.f32, rows, cols, with_grad);
        double *first = op_zeros(t, rows);
        op_get(&bl, first);
        op_check(t, st2, &bl2, first, NULL, "xent without hits, the same losses");
    }
    op_reset(t);
}

static void test_hits(struct op_test *t)
{
    enum { ROWS = 5, COLS = 6 };
    static const double z[ROWS * COLS] = { 1,       3,  2,  3,  0,  0,  /**/ 1, 3, 2, 3, 0, 0,
                                           /**/ -1, -1, -1, -1, -1, -1,
                                           /**/ 0,  0,  0,  0,  0,  9,  /**/ 0, 0, 0, 0, 0, 9 };
    static const int32_t targets[ROWS] = { 1, 3, 0, 5, 4 };
    static const double hit[ROWS] = { 1, 0, 1, 1, 0 }, weight[ROWS] = { 1, 1, 1, 1, 1 };
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bz = op_put(b, OP_ACT, ROWS, COLS, z), bw = op_put(b, OP_F32, ROWS, 1, weight);
        const struct op_mat bl = op_put(b, OP_F32, ROWS, 1, NULL), bh = op_put(b, OP_F32, ROWS, 1, NULL);
        const struct op_mat bt = op_ints(b, ROWS, targets);
        const rt_status st = b->ex->ops->xent(b->ex, bz.act, bl.f32, bh.f32, bt.i32, bw.f32, ROWS, COLS, false);
        op_check(t, st, &bh, hit, NULL, "xent hits where logits are equal");
        /* a row that holds a NaN has no finite loss */
        const double bad[] = { 1, NAN, 2 }, one[] = { 1 };
        const struct op_mat nz = op_put(b, OP_ACT, 1, 3, bad), nl = op_put(b, OP_F32, 1, 1, one);
        double got = 0;
        b->ex->ops->xent(b->ex, nz.act, nl.f32, NULL, bt.i32, bw.f32, 1, 3, false);
        op_get(&nl, &got);
        op_ok(isnan(got), "%s xent of a row with a NaN is %g", b->name, got);
    }
    op_reset(t);
}

enum { N = 17, TARGET = 5 };

static double loss_of(const double *z, void *context)
{
    (void)context;
    return row_of(z, N).lse - z[TARGET];
}

static void test_differences(struct op_test *t)
{
    double *z = op_random(t, 1, N), g[N];
    for (int c = 0; c < N; c++)
        g[c] = exp(z[c] - row_of(z, N).lse) - (c == TARGET);
    const double err = op_difference(z, N, g, loss_of, NULL);
    op_ok(err <= op_difference_bound, "gradient formula against differences: %.1e <= %.1e", err,
          op_difference_bound);
    op_reset(t);
}

static void test_refusals(struct op_test *t)
{
    const double *x = op_random(t, 1, 12);
    static const int32_t targets[] = { 0, 0, 0 };
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat z = op_put(b, OP_ACT, 3, 4, x), f = op_put(b, OP_F32, 3, 1, x);
        const struct op_mat bt = op_ints(b, 3, targets);
        op_refuses(b, b->ex->ops->xent(b->ex, z.act, f.f32, NULL, bt.i32, f.f32, 3, 0, true), "no columns");
        op_refuses(b, b->ex->ops->xent(b->ex, z.act, f.f32, NULL, bt.i32, f.f32, -1, 4, true), "rows < 0");
        op_check(t, b->ex->ops->xent(b->ex, z.act, f.f32, NULL, bt.i32, f.f32, 0, 4, true), &z, x, NULL,
                 "xent of no rows");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        test_shape(&t, shapes[s][0], shapes[s][1], true);
        test_shape(&t, shapes[s][0], shapes[s][1], false);
    }
    test_hits(&t);
    test_differences(&t);
    test_refusals(&t);
    return op_done(&t);
}
