/* test_rmsnorm.c - add_rmsnorm_fwd and rmsnorm_bwd against their formulas in double, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>

static const int64_t shapes[][2] = { { 1, 1 }, { 3, 7 }, { 2, 1280 }, { 5, 3584 }, { 2, 3420 } };
static const float eps = 0.25f; /* large, so that a kernel which forgets it fails */

static double rstd_of(const double *x, int64_t cols)
{
    double squares = 0;
    for (int64_t c = 0; c < cols; c++)
        squares += x[c] * x[c];
    return 1 / sqrt(squares / (double)cols + eps);
}

/* A sum of n squares costs at most n roundings of it in any order; under the root half of that counts. The
 * mean, eps, root and quotient cost one each. */
static double rstd_error(int64_t cols)
{
    return ((double)cols / 2 + 4) * U_F32;
}

static void test_fwd(struct op_test *t, int64_t rows, int64_t cols, bool with_delta, bool in_place,
                     bool round_sum)
{
    const int64_t n = rows * cols;
    const double *x = op_random(t, 1, n), *delta = op_random(t, 2, n), *w = op_random(t, 3, cols);
    double *sum = op_zeros(t, n), *y = op_zeros(t, n), *bound = op_zeros(t, n);
    double *rstd = op_zeros(t, rows), *rstd_bound = op_zeros(t, rows);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_put(b, OP_F32, rows, cols, x), bd = op_put(b, OP_ACT, rows, cols, delta);
        const struct op_mat bw = op_put(b, OP_F32, 1, cols, w), bsum = op_put(b, OP_F32, rows, cols, NULL);
        const struct op_mat by = op_mat(b, OP_ACT, rows, cols, cols + 3, NULL),
                            br = op_put(b, OP_F32, rows, 1, NULL);
        const struct op_mat *s = !with_delta ? &bsum : in_place ? &bx : &bsum;
        const rt_status st =
            b->ex->ops->add_rmsnorm_fwd(b->ex, s->f32, by.act, by.ld, br.f32, bx.f32,
                                        with_delta ? bd.act : NULL, bw.f32, rows, cols, eps, round_sum);
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t c = 0; c < cols; c++) /* exact in fp32 */
                sum[r * cols + c] = !with_delta ? x[r * cols + c]
                                    : round_sum ? op_rn(b, x[r * cols + c] + delta[r * cols + c])
                                                : x[r * cols + c] + delta[r * cols + c];
            rstd[r] = rstd_of(sum + r * cols, cols);
            rstd_bound[r] = rstd[r] * rstd_error(cols);
            for (int64_t c = 0; c < cols; c++) { /* two products and one rn */
                y[r * cols + c] = w[c] * sum[r * cols + c] * rstd[r];
                bound[r * cols + c] = 1.01 * fabs(y[r * cols + c]) * (rstd_error(cols) + 2 * U_F32 + b->u);
            }
        }
        const char *how = !with_delta ? "" : in_place ? " with delta in place" : " with delta";
        op_check(t, st, &by, y, bound, "add_rmsnorm_fwd [%lld,%lld]%s", (long long)rows, (long long)cols, how);
        op_check(t, st, &br, rstd, rstd_bound, "rstd of [%lld,%lld]%s", (long long)rows, (long long)cols, how);
        if (with_delta)
            op_check(t, st, s, sum, NULL, "sum of [%lld,%lld]%s", (long long)rows, (long long)cols, how);
    }
    op_reset(t);
}

struct point {
    int64_t cols;
    const double *dy, *w;
};

static double weighted_y(const double *x, void *context)
{
    const struct point *p = context;
    double f = 0;
    for (int64_t c = 0; c < p->cols; c++)
        f += p->dy[c] * p->w[c] * x[c] * rstd_of(x, p->cols);
    return f;
}

/* dx of one row, without what was there; size is the sum of the sizes of what is subtracted and added. */
static void gradient(double *dx, double *size, const double *x, const double *dy, const double *w, double rstd,
                     int64_t cols)
{
    double mean = 0, mean_size = 0;
    for (int64_t c = 0; c < cols; c++) {
        mean += w[c] * dy[c] * x[c] * rstd / (double)cols;
        mean_size += fabs(w[c] * dy[c] * x[c]) * rstd / (double)cols;
    }
    for (int64_t c = 0; c < cols; c++) {
        dx[c] = rstd * (w[c] * dy[c] - x[c] * rstd * mean);
        size[c] = rstd * (fabs(w[c] * dy[c]) + fabs(x[c]) * rstd * mean_size);
    }
}

static void test_bwd(struct op_test *t, int64_t rows, int64_t cols)
{
    const int64_t n = rows * cols;
    const double *x = op_random(t, 1, n), *dy = op_random(t, 2, n), *w = op_random(t, 3, cols);
    const double *before = op_random(t, 4, n);
    double *want = op_zeros(t, n), *size = op_zeros(t, n), *bound = op_zeros(t, n), *rstd = op_zeros(t, rows);
    double *act_bound = op_zeros(t, n);
    for (int64_t r = 0; r < rows; r++) {
        rstd[r] = (float)rstd_of(x + r * cols, cols);
        gradient(want + r * cols, size + r * cols, x + r * cols, dy + r * cols, w, rstd[r], cols);
    }
    for (int64_t e = 0; e < n; e++)
        want[e] += before[e];
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bdx = op_put(b, OP_F32, rows, cols, before),
                            brounded = op_put(b, OP_ACT, rows, cols, NULL),
                            bx = op_put(b, OP_F32, rows, cols, x);
        const struct op_mat bdy = op_mat(b, OP_ACT, rows, cols, cols + 5, dy),
                            bw = op_put(b, OP_F32, 1, cols, w);
        const struct op_mat br = op_put(b, OP_F32, rows, 1, rstd);
        const rt_status st = b->ex->ops->rmsnorm_bwd(b->ex, bdx.f32, brounded.act, bdy.act, bdy.ld, bx.f32,
                                                     br.f32, bw.f32, rows, cols);
        for (int64_t e = 0; e < n; e++) { /* cols roundings of the sum, 8 around it, then the sum with dx */
            const double inner = ((double)cols + 8) * U_F32 * size[e];
            bound[e] = inner + U_F32 * (fabs(want[e]) + inner);
            act_bound[e] = bound[e] + b->u * (fabs(want[e]) + bound[e]);
        }
        op_check(t, st, &bdx, want, bound, "rmsnorm_bwd [%lld,%lld]", (long long)rows, (long long)cols);
        op_check(t, st, &brounded, want, act_bound, "rmsnorm_bwd rounded [%lld,%lld]", (long long)rows,
                 (long long)cols);
    }
    op_reset(t);
}

static void test_differences(struct op_test *t)
{
    enum { COLS = 23 };
    double *x = op_random(t, 1, COLS), dx[COLS], size[COLS];
    struct point p = { COLS, op_random(t, 2, COLS), op_random(t, 3, COLS) };
    gradient(dx, size, x, p.dy, p.w, rstd_of(x, COLS), COLS);
    const double err = op_difference(x, COLS, dx, weighted_y, &p);
    op_ok(err <= op_difference_bound, "gradient formula against differences: %.1e <= %.1e", err,
          op_difference_bound);
    op_reset(t);
}

static void test_refusals(struct op_test *t)
{
    const double *x = op_random(t, 1, 12);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct {
            rt_add_rmsnorm_fwd_fn *fwd;
            rt_rmsnorm_bwd_fn *bwd;
        } op = { b->ex->ops->add_rmsnorm_fwd, b->ex->ops->rmsnorm_bwd };
        const struct op_mat bx = op_put(b, OP_ACT, 3, 4, x), y = op_put(b, OP_ACT, 3, 4, x);
        const struct op_mat r = op_put(b, OP_F32, 3, 1, x), f = op_put(b, OP_F32, 3, 4, x);
        op_refuses(b, op.fwd(b->ex, NULL, y.act, 3, r.f32, f.f32, NULL, f.f32, 3, 4, eps, false), "ldy < cols");
        op_refuses(b, op.fwd(b->ex, NULL, y.act, 4, r.f32, f.f32, NULL, f.f32, 3, 0, eps, false), "no columns");
        op_refuses(b, op.fwd(b->ex, NULL, y.act, 4, r.f32, f.f32, NULL, f.f32, -1, 4, eps, false), "rows < 0");
        op_refuses(b, op.bwd(b->ex, f.f32, y.act, bx.act, 3, f.f32, r.f32, f.f32, 3, 4), "lddy < cols");
        rt_status st = op.fwd(b->ex, NULL, y.act, 4, r.f32, f.f32, NULL, f.f32, 0, 4, eps, false);
        op_check(t, st, &y, x, NULL, "add_rmsnorm_fwd without rows does nothing");
        st = op.bwd(b->ex, f.f32, y.act, bx.act, 4, f.f32, r.f32, f.f32, 0, 4);
        op_check(t, st, &f, x, NULL, "rmsnorm_bwd without rows does nothing");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        test_fwd(&t, shapes[s][0], shapes[s][1], false, false, false);
        test_fwd(&t, shapes[s][0], shapes[s][1], true, false, false);
        test_fwd(&t, shapes[s][0], shapes[s][1], true, true, true);
        test_bwd(&t, shapes[s][0], shapes[s][1]);
    }
    test_differences(&t);
    test_refusals(&t);
    return op_done(&t);
}
