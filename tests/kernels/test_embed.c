/* test_embed.c - embed_fwd and embed_bwd, exactly, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

enum { ROWS = 6, VOCAB = 11, FEATURES = 3 };
static const int32_t ids[ROWS] = { 10, 0, 3, 3, 7, 5 }, image_rows[ROWS] = { -1, 2, 0, -1, 1, -1 };
static const int32_t no_images[ROWS] = { -1, -1, -1, -1, -1, -1 };
static const int64_t widths[] = { 1, 7, 1280, 3584 };

static void test_fwd(struct op_test *t, int64_t cols, const int32_t *images)
{
    const double *table = op_random(t, 1, VOCAB * cols), *features = op_random(t, 2, FEATURES * cols);
    double *want = op_zeros(t, ROWS * cols);
    for (int64_t e = 0; e < ROWS * cols; e++) {
        const int64_t r = e / cols, c = e % cols;
        want[e] = images[r] >= 0 ? features[images[r] * cols + c] : table[ids[r] * cols + c];
    }
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bt = op_put(b, OP_ACT, VOCAB, cols, table),
                            bf = op_put(b, OP_ACT, FEATURES, cols, features);
        const struct op_mat bi = op_ints(b, ROWS, ids), br = op_ints(b, ROWS, images);
        const struct op_mat x = op_put(b, OP_F32, ROWS, cols, NULL);
        const rt_status st = b->ex->ops->embed_fwd(b->ex, x.f32, bt.act, b->ex->act, bi.i32,
                                                   images == no_images ? NULL : bf.act, br.i32, ROWS, cols);
        op_check(t, st, &x, want, NULL, "embed_fwd of %lld columns%s", (long long)cols,
                 images == no_images ? ", text only" : "");
    }
    op_reset(t);
}

/* As fwd is x = S features, so bwd is the transpose: every feature row is used once. */
static void test_bwd(struct op_test *t, int64_t cols)
{
    const double *dx = op_random(t, 1, ROWS * cols);
    double *want = op_zeros(t, FEATURES * cols);
    for (int64_t e = 0; e < ROWS * cols; e++)
        if (image_rows[e / cols] >= 0)
            want[image_rows[e / cols] * cols + e % cols] = dx[e];
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bdx = op_put(b, OP_F32, ROWS, cols, dx), br = op_ints(b, ROWS, image_rows);
        const struct op_mat df = op_put(b, OP_ACT, FEATURES, cols, NULL);
        const rt_status st = b->ex->ops->embed_bwd(b->ex, df.act, bdx.f32, br.i32, ROWS, cols);
        op_check(t, st, &df, want, NULL, "embed_bwd of %lld columns", (long long)cols);
    }
    op_reset(t);
}

static void test_refusals(struct op_test *t)
{
    const double *x = op_random(t, 1, ROWS * 4);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat y = op_put(b, OP_ACT, ROWS, 4, x), f = op_put(b, OP_F32, ROWS, 4, x),
                            index = op_ints(b, ROWS, no_images);
        op_refuses(b, b->ex->ops->embed_fwd(b->ex, f.f32, y.act, b->ex->act, index.i32, NULL, index.i32, 2, 0),
                   "no columns");
        op_refuses(b, b->ex->ops->embed_bwd(b->ex, y.act, f.f32, index.i32, -2, 4), "rows < 0");
        op_check(t, b->ex->ops->embed_fwd(b->ex, f.f32, y.act, b->ex->act, index.i32, NULL, index.i32, 0, 4),
                 &f, x, NULL, "embed_fwd of no rows");
        op_check(t, b->ex->ops->embed_bwd(b->ex, y.act, f.f32, index.i32, 0, 4), &y, x, NULL,
                 "embed_bwd of no rows");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(widths); s++) {
        test_fwd(&t, widths[s], image_rows);
        test_fwd(&t, widths[s], no_images);
        test_bwd(&t, widths[s]);
    }
    test_refusals(&t);
    return op_done(&t);
}
