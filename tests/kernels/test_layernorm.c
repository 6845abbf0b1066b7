/* test_layernorm.c - add_layernorm_fwd and layernorm_bwd against their formulas in double, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>

static const int64_t shapes[][2] = { { 1, 1 }, { 3, 7 }, { 2, 1280 }, { 5, 3584 }, { 2, 3420 } };
static const float eps = 0.25f;

struct stats {
    double mean, rstd, mean_size; /* mean_size: mean of the absolute values */
};

static struct stats stats_of(const double *x, int64_t cols)
{
    struct stats s = { 0, 0, 0 };
    for (int64_t c = 0; c < cols; c++) {
        s.mean += x[c] / (double)cols;
        s.mean_size += fabs(x[c]) / (double)cols;
    }
    double squares = 0;
    for (int64_t c = 0; c < cols; c++)
        squares += (x[c] - s.mean) * (x[c] - s.mean);
    s.rstd = 1 / sqrt(squares / (double)cols + eps);
    return s;
}

static double mean_error(const struct stats *s, int64_t cols)
{
    return ((double)cols + 1) * U_F32 * s->mean_size;
}

/* As in test_rmsnorm.c; the two roundings of a difference count twice in its square; that the mean is off by e
 * adds e^2 to the mean square, of which eps + variance >= 1 / rstd^2 is the measure. */
static double rstd_error(const struct stats *s, int64_t cols)
{
    const double e = mean_error(s, cols) * s->rstd;
    return ((double)cols / 2 + 6) * U_F32 + e * e;
}

static void test_fwd(struct op_test *t, int64_t rows, int64_t cols, bool with_delta, bool in_place,
                     bool round_sum)
{
    const int64_t n = rows * cols;
    const double *x = op_random(t, 1, n), *delta = op_random(t, 2, n);
    const double *w = op_random(t, 3, cols), *shift = op_random(t, 4, cols);
    double *sum = op_zeros(t, n), *y = op_zeros(t, n), *bound = op_zeros(t, n);
    double *stats = op_zeros(t, 2 * rows), *stats_bound = op_zeros(t, 2 * rows);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_put(b, OP_F32, rows, cols, x), bd = op_put(b, OP_ACT, rows, cols, delta);
        const struct op_mat bw = op_put(b, OP_F32, 1, cols, w), bb = op_put(b, OP_F32, 1, cols, shift);
        const struct op_mat bsum = op_put(b, OP_F32, rows, cols, NULL), br = op_put(b, OP_F32, rows, 2, NULL);
        const struct op_mat by = op_mat(b, OP_ACT, rows, cols, cols + 3, NULL);
        const struct op_mat *s = in_place ? &bx : &bsum;
        const rt_status st = b->ex->ops->add_layernorm_fwd(b->ex, s->f32, by.act, by.ld, br.f32, bx.f32,
                                                           with_delta ? bd.act : NULL, bw.f32, bb.f32, rows,
                                                           cols, eps, round_sum);
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t e = r * cols; e < (r + 1) * cols; e++)
                sum[e] = !with_delta ? x[e] : round_sum ? op_rn(b, x[e] + delta[e]) : x[e] + delta[e];
            const struct stats z = stats_of(sum + r * cols, cols);
            stats[2 * r] = z.mean;
            stats[2 * r + 1] = z.rstd;
            stats_bound[2 * r] = mean_error(&z, cols);
            stats_bound[2 * r + 1] = z.rstd * rstd_error(&z, cols);
            for (int64_t c = 0; c < cols; c++) { /* difference, two products, sum; then rn */
                const double off = fabs(sum[r * cols + c] - z.mean), gain = fabs(w[c]) * z.rstd;
                const double inner = gain * (mean_error(&z, cols) + off * (rstd_error(&z, cols) + 3 * U_F32));
                y[r * cols + c] = (sum[r * cols + c] - z.mean) * z.rstd * w[c] + shift[c];
                bound[r * cols + c] = 1.01 * inner + (U_F32 + b->u) * (fabs(y[r * cols + c]) + inner);
            }
        }
        const char *how = !with_delta ? "" : in_place ? " with delta in place" : " with delta";
        op_check(t, st, &by, y, bound, "add_layernorm_fwd [%lld,%lld]%s", (long long)rows, (long long)cols,
                 how);
        op_check(t, st, &br, stats, stats_bound, "stats of [%lld,%lld]%s", (long long)rows, (long long)cols,
                 how);
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
    const struct stats s = stats_of(x, p->cols);
    double f = 0;
    for (int64_t c = 0; c < p->cols; c++)
        f += p->dy[c] * p->w[c] * (x[c] - s.mean) * s.rstd;
    return f;
}

static void gradient(double *dx, double *size, const double *x, const double *dy, const double *w, double mean,
                     double rstd, int64_t cols)
{
    double p = 0, px = 0, p_size = 0, px_size = 0;
    for (int64_t c = 0; c < cols; c++) {
        const double v = w[c] * dy[c] / (double)cols, xh = (x[c] - mean) * rstd;
        p += v;
        px += v * xh;
        p_size += fabs(v);
        px_size += fabs(v * xh);
    }
    for (int64_t c = 0; c < cols; c++) {
        const double xh = (x[c] - mean) * rstd;
        dx[c] = rstd * (w[c] * dy[c] - p - xh * px);
        size[c] = rstd * (fabs(w[c] * dy[c]) + p_size + fabs(xh) * px_size);
    }
}

static void test_bwd(struct op_test *t, int64_t rows, int64_t cols)
{
    const int64_t n = rows * cols;
    const double *x = op_random(t, 1, n), *dy = op_random(t, 2, n), *w = op_random(t, 3, cols);
    const double *before = op_random(t, 4, n);
    double *want = op_zeros(t, n), *size = op_zeros(t, n), *bound = op_zeros(t, n),
           *stats = op_zeros(t, 2 * rows), *act_bound = op_zeros(t, n);
    for (int64_t r = 0; r < rows; r++) {
        const struct stats s = stats_of(x + r * cols, cols);
        stats[2 * r] = (float)s.mean;
        stats[2 * r + 1] = (float)s.rstd;
        gradient(want + r * cols, size + r * cols, x + r * cols, dy + r * cols, w, stats[2 * r],
                 stats[2 * r + 1], cols);
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
        const struct op_mat bs = op_put(b, OP_F32, rows, 2, stats);
        const rt_status st = b->ex->ops->layernorm_bwd(b->ex, bdx.f32, brounded.act, bdy.act, bdy.ld, bx.f32,
                                                       bs.f32, bw.f32, rows, cols);
        for (int64_t e = 0; e < n; e++) { /* cols roundings of the sums, 8 around them, the sum with dx */
            const double inner = ((double)cols + 8) * U_F32 * size[e];
            bound[e] = inner + U_F32 * (fabs(want[e]) + inner);
            act_bound[e] = bound[e] + b->u * (fabs(want[e]) + bound[e]);
        }
        op_check(t, st, &bdx, want, bound, "layernorm_bwd [%lld,%lld]", (long long)rows, (long long)cols);
        op_check(t, st, &brounded, want, act_bound, "layernorm_bwd rounded [%lld,%lld]", (long long)rows,
                 (long long)cols);
    }
    op_reset(t);
}

static void test_differences(struct op_test *t)
{
    enum { COLS = 23 };
    double *x = op_random(t, 1, COLS), dx[COLS], size[COLS];
    struct point p = { COLS, op_random(t, 2, COLS), op_random(t, 3, COLS) };
    const struct stats s = stats_of(x, COLS);
    gradient(dx, size, x, p.dy, p.w, s.mean, s.rstd, COLS);
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
        rt_add_layernorm_fwd_fn *fwd = b->ex->ops->add_layernorm_fwd;
        rt_layernorm_bwd_fn *bwd = b->ex->ops->layernorm_bwd;
        const struct op_mat bx = op_put(b, OP_ACT, 3, 4, x), y = op_put(b, OP_ACT, 3, 4, x);
        const struct op_mat s = op_put(b, OP_F32, 3, 2, x), f = op_put(b, OP_F32, 3, 4, x);
        op_refuses(b, fwd(b->ex, NULL, y.act, 3, s.f32, f.f32, NULL, f.f32, f.f32, 3, 4, eps, false),
                   "ldy < cols");
        op_refuses(b, fwd(b->ex, NULL, y.act, 4, s.f32, f.f32, NULL, f.f32, f.f32, 3, 0, eps, false),
                   "no columns");
        op_refuses(b, bwd(b->ex, f.f32, y.act, bx.act, 3, f.f32, s.f32, f.f32, 3, 4), "lddy < cols");
        rt_status st = fwd(b->ex, NULL, y.act, 4, s.f32, f.f32, NULL, f.f32, f.f32, 0, 4, eps, false);
        op_check(t, st, &y, x, NULL, "add_layernorm_fwd without rows does nothing");
        st = bwd(b->ex, f.f32, y.act, bx.act, 4, f.f32, s.f32, f.f32, 0, 4);
        op_check(t, st, &f, x, NULL, "layernorm_bwd without rows does nothing");
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
