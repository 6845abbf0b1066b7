/* gemm.c - matrix products on the CPU through OpenBLAS, block by block; contracts in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"
#include "kernels/cpu/backend.h"
#include "kernels/cpu/blas.h"

#include <limits.h>

/* In fp32 OpenBLAS reads the tensors themselves: one block, as far as its int sizes reach. In bf16 a block of
 * each operand is converted to scratch; of the 2 BLOCK^3 operations of a block, that costs 1 / BLOCK. */
enum { BLOCK = ACT_IS_F32 ? INT_MAX : RT_CPU_BLOCK, PANEL = RT_CPU_BLOCK * RT_CPU_BLOCK };

/* op(x): x itself or its transpose. */
struct operand {
    const act *p;
    int64_t ld;
    bool trans;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Rows r0 .. r0 + rows and columns c0 .. c0 + cols of op(x), stored as x is. */
static struct panel block_of(struct operand x, int64_t r0, int64_t rows, int64_t c0, int64_t cols,
                             float *scratch)
{
    return x.trans ? panel_of(x.p + c0 * x.ld + r0, x.ld, cols, rows, scratch)
                   : panel_of(x.p + r0 * x.ld + c0, x.ld, rows, cols, scratch);
}

/* s[m, n] = beta s + alpha op(a)[m0 .., :] op(b)[:, n0 ..]; k at least 1. */
static void product(const struct rt_exec *ex, struct sums s, struct operand a, struct operand b, int64_t m0,
                    int64_t m, int64_t n0, int64_t n, int64_t k, float alpha, float beta)
{
    float *scratch = rt_cpu_scratch(ex);
    for (int64_t k0 = 0; k0 < k; k0 += BLOCK) {
        const int64_t kb = least(BLOCK, k - k0);
        const struct panel pa = block_of(a, m0, m, k0, kb, scratch);
        const struct panel pb = block_of(b, k0, kb, n0, n, scratch + PANEL);
        rt_cpu_sgemm(ex, s.p, s.ld, pa.p, pa.ld, a.trans, pb.p, pb.ld, b.trans, m, n, kb, alpha,
                     k0 == 0 ? beta : 1.0f);
    }
}

/* s = beta c + bias, both optional. */
static void start_sums(struct sums s, const act *c, int64_t ldc, const act *bias, int64_t m, int64_t n,
                       float beta)
{
    for (int64_t i = 0; i < m; i++) {
        float *si = s.p + i * s.ld;
        const act *ci = c + i * ldc;
        RT_SIMD
        for (int64_t j = 0; j < n; j++)
            si[j] = beta != 0.0f ? f32(ci[j]) : 0.0f;
        if (bias != NULL) {
            RT_SIMD
            for (int64_t j = 0; j < n; j++)
                si[j] += f32(bias[j]);
        }
    }
}

static rt_status check(struct rt_exec *ex, const char *op, int64_t ldc, int64_t lda, bool trans_a, int64_t ldb,
                       bool trans_b, int64_t m, int64_t n, int64_t k)
{
    RT_TRY(rt_check_shape(ex, op, m, n));
    RT_TRY(rt_check(ex, op, k >= 0, "k is negative"));
    RT_TRY(rt_check_ld(ex, op, "c", ldc, n));
    RT_TRY(rt_check_ld(ex, op, "a", lda, trans_a ? m : k));
    RT_TRY(rt_check_ld(ex, op, "b", ldb, trans_b ? k : n));
    return rt_check(ex, op, ldc <= INT_MAX && lda <= INT_MAX && ldb <= INT_MAX, "rows lie over 2^31 - 1 apart");
}

rt_status RT_CPU(gemm)(struct rt_exec *ex, rt_act *c, int64_t ldc, const rt_act *a, int64_t lda, bool trans_a,
                       const rt_act *b, int64_t ldb, bool trans_b, const rt_act *bias, int64_t m, int64_t n,
                       int64_t k, float alpha, float beta)
{
    RT_TRY(check(ex, "gemm", ldc, lda, trans_a, ldb, trans_b, m, n, k));
    RT_TRY(rt_check(ex, "gemm", beta == 0.0f || beta == 1.0f, "beta is neither 0 nor 1"));
    RT_TRY(rt_check(ex, "gemm", beta == 0.0f || bias == NULL, "a bias with beta 1"));
    const struct operand oa = { in(a), lda, trans_a }, ob = { in(b), ldb, trans_b };
    const bool start = beta != 0.0f || bias != NULL || k == 0;
    for (int64_t n0 = 0; n0 < n; n0 += BLOCK) {
        const int64_t nb = least(BLOCK, n - n0);
        for (int64_t m0 = 0; m0 < m; m0 += BLOCK) {
            const int64_t mb = least(BLOCK, m - m0);
            act *cb = out(c) + m0 * ldc + n0;
            const struct sums s = sums_for(cb, ldc, nb, rt_cpu_scratch(ex) + 2 * PANEL);
            if (start)
                start_sums(s, cb, ldc, bias == NULL ? NULL : in(bias) + n0, mb, nb, beta);
            if (k > 0)
                product(ex, s, oa, ob, m0, mb, n0, nb, k, alpha, start ? 1.0f : 0.0f);
            sums_round(cb, ldc, mb, nb, s);
        }
    }
    return RT_OK;
}

rt_status RT_CPU(gemm_f32)(struct rt_exec *ex, float *c, int64_t ldc, const rt_act *a, int64_t lda,
                           bool trans_a, const rt_act *b, int64_t ldb, bool trans_b, int64_t m, int64_t n,
                           int64_t k, float alpha)
{
    RT_TRY(check(ex, "gemm_f32", ldc, lda, trans_a, ldb, trans_b, m, n, k));
    const struct operand oa = { in(a), lda, trans_a }, ob = { in(b), ldb, trans_b };
    for (int64_t n0 = 0; n0 < n; n0 += BLOCK)
        for (int64_t m0 = 0; m0 < m; m0 += BLOCK)
            product(ex, (struct sums){ c + m0 * ldc + n0, ldc }, oa, ob, m0, least(BLOCK, m - m0), n0,
                    least(BLOCK, n - n0), k, alpha, 1.0f);
    return RT_OK;
}
