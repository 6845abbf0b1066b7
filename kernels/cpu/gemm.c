/* gemm.c - matrix products on the CPU through OpenBLAS, shared out to threads, block by block; contracts in
 * ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"
#include "kernels/cpu/backend.h"
#include "kernels/cpu/blas.h"

#include <limits.h>

/* In fp32 OpenBLAS reads the tensors themselves: one block, as far as its int sizes reach. In bf16 a block of
 * each operand is converted to scratch; of the 2 BLOCK^3 operations of a block, that costs 1 / BLOCK. */
enum { BLOCK = ACT_IS_F32 ? INT_MAX : RT_CPU_BLOCK, PANEL = RT_CPU_BLOCK * RT_CPU_BLOCK };

/* Multiplications that a thread has to get, some 20 microseconds; rows or columns of a share are a multiple of
 * GRAIN, the side of the tiles that OpenBLAS keeps in registers. */
enum { PRODUCTS_PER_THREAD = 1 << 20, GRAIN = 16 };

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

/* Rows and columns of c that one thread makes. */
struct share {
    int64_t m0, m, n0, n;
};

static int team_of(const struct rt_exec *ex, int64_t m, int64_t n, int64_t k)
{
    const int most = ((const struct rt_cpu *)ex->backend)->threads;
    const double useful = (double)m * (double)n * (double)k / PRODUCTS_PER_THREAD;
    return useful >= most ? most : useful < 1 ? 1 : (int)useful;
}

/* Share i of team: the longer side of c is cut. */
static struct share share_of(int64_t m, int64_t n, int i, int team)
{
    const int64_t side = m >= n ? m : n,
                  each = (side + (int64_t)team * GRAIN - 1) / ((int64_t)team * GRAIN) * GRAIN;
    const int64_t from = least(i * each, side), length = least(each, side - from);
    return m >= n ? (struct share){ from, length, 0, n } : (struct share){ 0, m, from, length };
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
        rt_cpu_sgemm(s.p, s.ld, pa.p, pa.ld, a.trans, pb.p, pb.ld, b.trans, m, n, kb, alpha,
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

/* A product of which c is what is made: everything but the share. */
struct gemm {
    const struct rt_exec *ex;
    act *c;
    const act *bias;
    int64_t ldc, k;
    struct operand a, b;
    float alpha, beta;
};

static void make_share(const struct gemm *g, struct share h)
{
    const bool start = g->beta != 0.0f || g->bias != NULL || g->k == 0;
    for (int64_t n0 = h.n0; n0 < h.n0 + h.n; n0 += BLOCK) {
        const int64_t nb = least(BLOCK, h.n0 + h.n - n0);
        for (int64_t m0 = h.m0; m0 < h.m0 + h.m; m0 += BLOCK) {
            const int64_t mb = least(BLOCK, h.m0 + h.m - m0);
            act *cb = g->c + m0 * g->ldc + n0;
            const struct sums s = sums_for(cb, g->ldc, nb, rt_cpu_scratch(g->ex) + 2 * PANEL);
            if (start)
                start_sums(s, cb, g->ldc, g->bias == NULL ? NULL : g->bias + n0, mb, nb, g->beta);
            if (g->k > 0)
                product(g->ex, s, g->a, g->b, m0, mb, n0, nb, g->k, g->alpha, start ? 1.0f : 0.0f);
            sums_round(cb, g->ldc, mb, nb, s);
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
    const struct gemm g = {
        ex,    out(c), bias == NULL ? NULL : in(bias), ldc, k, { in(a), lda, trans_a }, { in(b), ldb, trans_b },
        alpha, beta
    };
    const int team = team_of(ex, m, n, k);
    RT_PRAGMA(omp parallel for schedule(static) num_threads(team))
    for (int i = 0; i < team; i++)
        make_share(&g, share_of(m, n, i, team));
    return RT_OK;
}

rt_status RT_CPU(gemm_f32)(struct rt_exec *ex, float *c, int64_t ldc, const rt_act *a, int64_t lda,
                           bool trans_a, const rt_act *b, int64_t ldb, bool trans_b, int64_t m, int64_t n,
                           int64_t k, float alpha)
{
    RT_TRY(check(ex, "gemm_f32", ldc, lda, trans_a, ldb, trans_b, m, n, k));
    const struct operand oa = { in(a), lda, trans_a }, ob = { in(b), ldb, trans_b };
    const int team = team_of(ex, m, n, k);
    RT_PRAGMA(omp parallel for schedule(static) num_threads(team))
    for (int i = 0; i < team; i++) {
        const struct share h = share_of(m, n, i, team);
        for (int64_t n0 = h.n0; n0 < h.n0 + h.n; n0 += BLOCK)
            for (int64_t m0 = h.m0; m0 < h.m0 + h.m; m0 += BLOCK)
                product(ex, (struct sums){ c + m0 * ldc + n0, ldc }, oa, ob, m0, least(BLOCK, h.m0 + h.m - m0),
                        n0, least(BLOCK, h.n0 + h.n - n0), k, alpha, 1.0f);
    }
    return RT_OK;
}
