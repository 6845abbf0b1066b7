/* test_gemm.c - gemm and gemm_f32 against their formula in double, exact on whole numbers, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>

/* The real widths are cut in m, which is only rows; 1100 passes the CPU's block of 1024 in every direction. */
static const int64_t shapes[][3] = { { 1, 1, 1 },       { 3, 5, 7 },       { 17, 33, 1 },
                                     { 2, 3420, 1280 }, { 3, 1280, 3420 }, { 5, 8, 3584 },
                                     { 1100, 9, 6 },    { 4, 1100, 5 },    { 3, 4, 2100 } };

struct operands {
    int64_t m, n, k;
    bool ta, tb;
    const double *a, *b;
};

static void product(const struct operands *p, double *sum, double *size)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double s = 0, z = 0;
            for (int64_t l = 0; l < p->k; l++) {
                const double v = (p->ta ? p->a[l * p->m + i] : p->a[i * p->k + l]) *
                                 (p->tb ? p->b[j * p->k + l] : p->b[l * p->n + j]);
                s += v;
                z += fabs(v);
            }
            sum[i * p->n + j] = s;
            size[i * p->n + j] = z;
        }
}

struct tensors {
    struct op_mat a, b, bias, c;
};

static struct tensors place(struct op_backend *b, const struct operands *p, const double *bias,
                            enum op_type type_c, const double *c, int64_t pad)
{
    struct tensors x;
    x.a = op_mat(b, OP_ACT, p->ta ? p->k : p->m, p->ta ? p->m : p->k, (p->ta ? p->m : p->k) + pad, p->a);
    x.b = op_mat(b, OP_ACT, p->tb ? p->n : p->k, p->tb ? p->k : p->n, (p->tb ? p->k : p->n) + 2 * pad, p->b);
    x.bias = op_put(b, OP_ACT, 1, p->n, bias);
    x.c = op_mat(b, type_c, p->m, p->n, p->n + 3 * pad, c);
    return x;
}

/* Sums of k products in any order cost at most k roundings of the sum of sizes, alpha, beta c and bias one
 * each: (k + 3) u_f32 of all sizes; then the one rounding of the result. */
static void test_formula(struct op_test *t, const int64_t *shape, int variant, bool fine)
{
    double *(*random)(struct op_test *, uint64_t, int64_t) = fine ? op_random_fine : op_random;
    const struct operands p = { shape[0],
                                shape[1],
                                shape[2],
                                variant & 1,
                                variant >> 1 & 1,
                                random(t, 1, shape[0] * shape[2]),
                                random(t, 2, shape[1] * shape[2]) };
    const int64_t n = p.m * p.n;
    const float alpha = variant & 1 ? 0.375f : 1.0f;
    const double beta = variant >> 2 & 1, *bias = op_random(t, 3, p.n), *c = op_random(t, 4, n);
    const bool with_bias = variant >> 3 & 1 && beta == 0; /* they do not come together */
    double *sum = op_zeros(t, n), *size = op_zeros(t, n), *want = op_zeros(t, n), *bound = op_zeros(t, n);
    product(&p, sum, size);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        if (fine && b->ex->act != RT_F32)
            continue;
        const struct tensors x = place(b, &p, bias, OP_ACT, beta == 0 ? NULL : c, 3);
        const rt_status st =
            b->ex->ops->gemm(b->ex, x.c.act, x.c.ld, x.a.act, x.a.ld, p.ta, x.b.act, x.b.ld, p.tb,
                             with_bias ? x.bias.act : NULL, p.m, p.n, p.k, alpha, (float)beta);
        for (int64_t e = 0; e < n; e++) {
            const double add = with_bias ? bias[e % p.n] : 0;
            want[e] = alpha * sum[e] + beta * c[e] + add;
            const double inner = (double)(p.k + 3) * U_F32 * (alpha * size[e] + beta * fabs(c[e]) + fabs(add));
            bound[e] = inner + b->u * (fabs(want[e]) + inner);
        }
        op_check(t, st, &x.c, want, bound, "gemm [%lld,%lld,%lld]%s a%s b%s alpha %g beta %g%s", (long long)p.m,
                 (long long)p.n, (long long)p.k, fine ? " of 24 bits" : "", p.ta ? "'" : "", p.tb ? "'" : "",
                 (double)alpha, beta, with_bias ? " bias" : "");

        const struct tensors y = place(b, &p, bias, OP_F32, c, 1);
        const rt_status st32 = b->ex->ops->gemm_f32(b->ex, y.c.f32, y.c.ld, y.a.act, y.a.ld, p.ta, y.b.act,
                                                    y.b.ld, p.tb, p.m, p.n, p.k, alpha);
        for (int64_t e = 0; e < n; e++) {
            want[e] = c[e] + alpha * sum[e];
            bound[e] = (double)(p.k + 3) * U_F32 * (alpha * size[e] + fabs(c[e]));
        }
        op_check(t, st32, &y.c, want, bound, "gemm_f32 [%lld,%lld,%lld]", (long long)p.m, (long long)p.n,
                 (long long)p.k);
    }
    op_reset(t);
}

/* What LoRA adds to gradients: few terms, none transposed, onto what is there. Rows lie a multiple of 8
 * elements apart, as the model's do; the bound is test_formula's. */
static void test_low(struct op_test *t, const int64_t *shape, int64_t pad)
{
    const struct operands p = { shape[0],
                                shape[1],
                                shape[2],
                                false,
                                false,
                                op_random(t, 1, shape[0] * shape[2]),
                                op_random(t, 2, shape[1] * shape[2]) };
    const int64_t n = p.m * p.n;
    const double *c = op_random(t, 3, n);
    double *sum = op_zeros(t, n), *size = op_zeros(t, n), *bound = op_zeros(t, n);
    product(&p, sum, size);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct tensors x = place(b, &p, c, OP_ACT, c, pad);
        for (int64_t e = 0; e < n; e++) {
            const double inner = (double)(p.k + 3) * U_F32 * (size[e] + fabs(c[e]));
            bound[e] = inner + b->u * (fabs(sum[e] + c[e]) + inner);
        }
        double *want = op_zeros(t, n);
        for (int64_t e = 0; e < n; e++)
            want[e] = sum[e] + c[e];
        const rt_status st = b->ex->ops->gemm(b->ex, x.c.act, x.c.ld, x.a.act, x.a.ld, false, x.b.act, x.b.ld,
                                              false, NULL, p.m, p.n, p.k, 1.0f, 1.0f);
        op_check(t, st, &x.c, want, bound, "gemm of few terms [%lld,%lld,%lld], pad %lld", (long long)p.m,
                 (long long)p.n, (long long)p.k, (long long)pad);
    }
    op_reset(t);
}

/* Whole numbers up to 3, k up to 14: sums within 256 are exact in bf16, so every element must be equal. */
static void test_exact(struct op_test *t)
{
    for (int variant = 0; variant < 4; variant++) {
        const struct operands p = { 65,
                                    67,
                                    14,
                                    variant & 1,
                                    variant >> 1,
                                    op_whole(t, 5, 65 * 14, -3, 3),
                                    op_whole(t, 6, 67 * 14, -3, 3) };
        const double *bias = op_whole(t, 7, p.n, -9, 9), *c = op_whole(t, 8, p.m * p.n, -9, 9);
        double *sum = op_zeros(t, p.m * p.n), *size = op_zeros(t, p.m * p.n);
        product(&p, sum, size);
        for (int64_t e = 0; e < p.m * p.n; e++)
            sum[e] += variant & 1 ? bias[e % p.n] : c[e];
        for (int i = 0; i < t->backends; i++) {
            struct op_backend *b = &t->backend[i];
            const struct tensors x = place(b, &p, bias, OP_ACT, c, 1);
            const rt_status st = b->ex->ops->gemm(b->ex, x.c.act, x.c.ld, x.a.act, x.a.ld, p.ta, x.b.act,
                                                  x.b.ld, p.tb, variant & 1 ? x.bias.act : NULL, p.m, p.n, p.k,
                                                  1.0f, variant & 1 ? 0.0f : 1.0f);
            op_check(t, st, &x.c, sum, NULL, "gemm of whole numbers, variant %d", variant);
        }
        op_reset(t);
    }
}

/* The same bits in a second run, at a size that several threads share. */
static void test_repeat(struct op_test *t)
{
    const struct operands p = {
        300, 700, 900, false, true, op_random(t, 1, 300 * 900), op_random(t, 2, 700 * 900)
    };
    double *first = op_zeros(t, p.m * p.n);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        for (int run = 0; run < 2; run++) {
            const struct tensors x = place(b, &p, p.a, OP_ACT, NULL, 0);
            const rt_status st = b->ex->ops->gemm(b->ex, x.c.act, x.c.ld, x.a.act, x.a.ld, p.ta, x.b.act,
                                                  x.b.ld, p.tb, NULL, p.m, p.n, p.k, 0.3f, 0.0f);
            if (run == 0)
                op_get(&x.c, first);
            else
                op_check(t, st, &x.c, first, NULL, "gemm [300,700,900], the same again");
        }
    }
    op_reset(t);
}

static void test_edges(struct op_test *t)
{
    const double *bias = op_random(t, 1, 5), *c = op_random(t, 2, 15);
    double *want = op_zeros(t, 15);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        rt_gemm_fn *gemm = b->ex->ops->gemm;
        const struct op_mat a = op_put(b, OP_ACT, 3, 5, c), mb = op_put(b, OP_ACT, 1, 5, bias);
        struct op_mat y = op_put(b, OP_ACT, 3, 5, NULL);
        rt_status st = gemm(b->ex, y.act, 5, a.act, 1, false, a.act, 5, false, mb.act, 3, 5, 0, 1.0f, 0.0f);
        for (int64_t e = 0; e < 15; e++)
            want[e] = bias[e % 5];
        op_check(t, st, &y, want, NULL, "gemm with k = 0 sets the bias");
        st = gemm(b->ex, y.act, 5, a.act, 1, false, a.act, 5, false, NULL, 3, 5, 0, 1.0f, 0.0f);
        for (int64_t e = 0; e < 15; e++)
            want[e] = 0;
        op_check(t, st, &y, want, NULL, "gemm with k = 0 and nothing else sets zero");
        y = op_put(b, OP_ACT, 3, 5, c);
        st = gemm(b->ex, y.act, 5, a.act, 1, false, a.act, 5, false, NULL, 3, 5, 0, 1.0f, 1.0f);
        op_check(t, st, &y, c, NULL, "gemm with k = 0 and beta keeps c");
        st = gemm(b->ex, y.act, 5, a.act, 5, false, a.act, 5, true, NULL, 0, 5, 5, 1.0f, 0.0f);
        op_check(t, st, &y, c, NULL, "gemm with no rows does nothing");
        op_refuses(b, gemm(b->ex, y.act, 5, a.act, 5, false, a.act, 5, true, mb.act, 3, 5, 5, 1.0f, 1.0f),
                   "a bias with beta 1");
        op_refuses(b, gemm(b->ex, y.act, 4, a.act, 5, false, a.act, 5, true, NULL, 3, 5, 5, 1.0f, 0.0f),
                   "ldc < n");
        op_refuses(b, gemm(b->ex, y.act, 5, a.act, 4, false, a.act, 5, true, NULL, 3, 5, 5, 1.0f, 0.0f),
                   "lda < k");
        op_refuses(b, gemm(b->ex, y.act, 5, a.act, 2, true, a.act, 5, true, NULL, 3, 5, 5, 1.0f, 0.0f),
                   "lda < m");
        op_refuses(b, gemm(b->ex, y.act, 5, a.act, 5, false, a.act, 4, true, NULL, 3, 5, 5, 1.0f, 0.0f),
                   "ldb < k");
        op_refuses(b, gemm(b->ex, y.act, 5, a.act, 5, false, a.act, 5, true, NULL, 3, 5, -1, 1.0f, 0.0f),
                   "k < 0");
        op_refuses(b, gemm(b->ex, y.act, 5, a.act, 5, false, a.act, 5, true, NULL, -3, 5, 5, 1.0f, 0.0f),
                   "m < 0");
        op_refuses(b, gemm(b->ex, y.act, 5, a.act, 5, false, a.act, 5, true, NULL, 3, 5, 5, 1.0f, 0.5f),
                   "beta 0.5");
        op_refuses(b, b->ex->ops->gemm_f32(b->ex, NULL, 4, a.act, 5, false, a.act, 5, true, 3, 5, 5, 1.0f),
                   "gemm_f32 with ldc < n");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(shapes); s++)
        for (int variant = 0; variant < 16; variant++)
            if (s < 3 || variant % 5 == 2 || variant == 13)
                test_formula(&t, shapes[s], variant, false);
    /* Few products, so that the bound is near what fp32 does and far below what tf32 would. */
    for (int variant = 0; variant < 4; variant++)
        test_formula(&t, (const int64_t[]){ 65, 33, 8 }, variant, true);
    static const int64_t low[][3] = { { 1, 8, 2 },      { 17, 72, 8 },   { 129, 64, 16 }, { 700, 136, 24 },
                                      { 33, 3584, 32 }, { 40, 200, 40 }, { 9, 60, 8 },    { 1100, 328, 10 } };
    for (size_t s = 0; s < COUNT_OF(low); s++)
        for (int64_t pad = 0; pad <= 8; pad += 8)
            test_low(&t, low[s], pad);
    test_exact(&t);
    test_repeat(&t);
    test_edges(&t);
    return op_done(&t);
}
