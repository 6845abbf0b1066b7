/* test_rows.c - gather_rows and scatter_rows, exactly, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

static const int64_t widths[] = { 1, 7, 1280, 3420, 3584 };
static const int32_t from[] = { 4, 0, 4, 8, 2 }, to[] = { 4, 0, 7, 8, 2 };
enum { ROWS = 5, TALL = 9 };

static void test_gather(struct op_test *t, int64_t cols, bool with_index)
{
    const double *x = op_random(t, 1, TALL * cols);
    double *want = op_zeros(t, ROWS * cols);
    for (int64_t e = 0; e < ROWS * cols; e++)
        want[e] = x[(with_index ? from[e / cols] : e / cols) * cols + e % cols];
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_mat(b, OP_ACT, TALL, cols, cols + 1, x), index = op_ints(b, ROWS, from);
        const struct op_mat y = op_mat(b, OP_ACT, ROWS, cols, cols + 3, NULL);
        const rt_status st = b->ex->ops->gather_rows(b->ex, y.act, y.ld, bx.act, bx.ld,
                                                     with_index ? index.i32 : NULL, ROWS, cols);
        op_check(t, st, &y, want, NULL, "gather_rows of %lld columns%s", (long long)cols,
                 with_index ? "" : " without index");
    }
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_mat(b, OP_F32, TALL, cols, cols + 1, x), index = op_ints(b, ROWS, from);
        const struct op_mat y = op_mat(b, OP_F32, ROWS, cols, cols + 3, NULL);
        const rt_status st = b->ex->ops->gather_rows_f32(b->ex, y.f32, y.ld, bx.f32, bx.ld,
                                                         with_index ? index.i32 : NULL, ROWS, cols);
        op_check(t, st, &y, want, NULL, "gather_rows_f32 of %lld columns%s", (long long)cols,
                 with_index ? "" : " without index");
    }
    op_reset(t);
}

static void test_scatter(struct op_test *t, int64_t cols)
{
    const double *x = op_random(t, 1, ROWS * cols), *before = op_random(t, 2, TALL * cols);
    double *want = op_copy(t, before, TALL * cols);
    for (int64_t e = 0; e < ROWS * cols; e++)
        want[to[e / cols] * cols + e % cols] = x[e];
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_mat(b, OP_ACT, ROWS, cols, cols + 1, x), index = op_ints(b, ROWS, to);
        const struct op_mat y = op_mat(b, OP_ACT, TALL, cols, cols + 3, before);
        const rt_status st = b->ex->ops->scatter_rows(b->ex, y.act, y.ld, bx.act, bx.ld, index.i32, ROWS, cols);
        op_check(t, st, &y, want, NULL, "scatter_rows of %lld columns", (long long)cols);
    }
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_mat(b, OP_F32, ROWS, cols, cols + 1, x), index = op_ints(b, ROWS, to);
        const struct op_mat y = op_mat(b, OP_F32, TALL, cols, cols + 3, before);
        const rt_status st =
            b->ex->ops->scatter_rows_f32(b->ex, y.f32, y.ld, bx.f32, bx.ld, index.i32, ROWS, cols);
        op_check(t, st, &y, want, NULL, "scatter_rows_f32 of %lld columns", (long long)cols);
    }
    op_reset(t);
}

static void test_refusals(struct op_test *t)
{
    const double *x = op_random(t, 1, 12);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_put(b, OP_ACT, 3, 4, x), y = op_put(b, OP_ACT, 3, 4, x);
        const struct op_mat index = op_ints(b, 3, to);
        rt_gather_rows_fn *gather = b->ex->ops->gather_rows;
        rt_scatter_rows_fn *scatter = b->ex->ops->scatter_rows;
        op_refuses(b, gather(b->ex, y.act, 3, bx.act, 4, NULL, 3, 4), "gather with ldy < cols");
        op_refuses(b, gather(b->ex, y.act, 4, bx.act, 3, NULL, 3, 4), "gather with ldx < cols");
        op_refuses(b, gather(b->ex, y.act, 4, bx.act, 4, NULL, -3, 4), "gather with rows < 0");
        op_refuses(b, scatter(b->ex, y.act, 3, bx.act, 4, index.i32, 3, 4), "scatter with ldy < cols");
        op_refuses(b, scatter(b->ex, y.act, 4, bx.act, 3, index.i32, 3, 4), "scatter with ldx < cols");
        op_refuses(b, scatter(b->ex, y.act, 4, bx.act, 4, NULL, 3, 4), "scatter without index");
        op_check(t, gather(b->ex, y.act, 4, bx.act, 4, NULL, 0, 4), &y, x, NULL, "gather of no rows");
        op_check(t, scatter(b->ex, y.act, 4, bx.act, 4, NULL, 0, 4), &y, x, NULL, "scatter of no rows");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(widths); s++) {
        test_gather(&t, widths[s], true);
        test_gather(&t, widths[s], false);
        test_scatter(&t, widths[s]);
    }
    test_refusals(&t);
    return op_done(&t);
}
