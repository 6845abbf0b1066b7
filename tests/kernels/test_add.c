/* test_add.c - add against its formula, bit for bit, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

int main(void)
{
    static const int64_t sizes[] = { 1, 7, 64, 1283 };
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(sizes); s++)
        for (int place = 0; place < 3; place++) {
            const int64_t n = sizes[s];
            const double *x = op_random(&t, 1, n), *z = op_random(&t, 2, n);
            double *want = op_zeros(&t, n);
            for (int i = 0; i < t.backends; i++) {
                struct op_backend *b = &t.backend[i];
                const struct op_mat bx = op_put(b, OP_ACT, 1, n, x), bz = op_put(b, OP_ACT, 1, n, z);
                const struct op_mat fresh = op_put(b, OP_ACT, 1, n, NULL);
                const struct op_mat *y = place == 0 ? &fresh : place == 1 ? &bx : &bz;
                for (int64_t e = 0; e < n; e++) /* exact in fp32; bf16 rounds once */
                    want[e] = op_rn(b, x[e] + z[e]);
                op_check(&t, b->ex->ops->add(b->ex, y->act, bx.act, bz.act, n), y, want, NULL,
                         "add %lld into %s", (long long)n,
                         place == 0   ? "y"
                         : place == 1 ? "a"
                                      : "b");
                if (s == 0) {
                    op_check(&t, b->ex->ops->add(b->ex, y->act, bx.act, bz.act, 0), y, want, NULL,
                             "add of nothing");
                    op_refuses(b, b->ex->ops->add(b->ex, y->act, bx.act, bz.act, -1), "n < 0");
                }
            }
            op_reset(&t);
        }
    return op_done(&t);
}
