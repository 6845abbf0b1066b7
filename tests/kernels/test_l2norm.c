/* test_l2norm.c - l2norm against its formula in long double, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>

int main(void)
{
    static const struct {
        int64_t n;
        double scale;
    } cases[] = { { 1, 1 }, { 7, 1 }, { 1283, 0x1p-20 }, { 1000003, 1 }, { 1000003, 0x1p-40 } };
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(cases); s++) {
        double *g = op_random(&t, 1, cases[s].n);
        long double squares = 0;
        for (int64_t i = 0; i < cases[s].n; i++) {
            g[i] *= cases[s].scale;
            squares += (long double)g[i] * g[i];
        }
        const double want = (double)sqrtl(squares), bound = 1e-6 * want; /* the contract's */
        for (int i = 0; i < t.backends; i++) {
            struct op_backend *b = &t.backend[i];
            const struct op_mat x = op_put(b, OP_F32, 1, cases[s].n, g), y = op_put(b, OP_F32, 1, 1, NULL);
            op_check(&t, b->ex->ops->l2norm(b->ex, y.f32, x.f32, cases[s].n), &y, &want, &bound,
                     "l2norm of %lld", (long long)cases[s].n);
        }
        op_reset(&t);
    }
    for (int i = 0; i < t.backends; i++) {
        struct op_backend *b = &t.backend[i];
        const double bad[] = { 1, NAN, 2 }, zero = 0;
        const struct op_mat x = op_put(b, OP_F32, 1, 3, bad), y = op_put(b, OP_F32, 1, 1, NULL);
        double got = 0;
        b->ex->ops->l2norm(b->ex, y.f32, x.f32, 3);
        op_get(&y, &got);
        op_ok(isnan(got), "%s l2norm with a NaN is %g", b->name, got);
        op_check(&t, b->ex->ops->l2norm(b->ex, y.f32, x.f32, 0), &y, &zero, NULL, "l2norm of nothing is 0");
        op_refuses(b, b->ex->ops->l2norm(b->ex, y.f32, x.f32, -1), "n < 0");
    }
    return op_done(&t);
}
