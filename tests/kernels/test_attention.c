/* test_attention.c - attention forward and backward against their formulas in double, on every backend. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>
#include <string.h>

struct shape {
    int64_t heads, kv_heads, d, segments;
    int32_t length[6];
};

/* Head sizes of the towers and decoders, grouped queries, single keys, vision windows, an empty segment; 700
 * and 887 rows pass every block of keys and queries of the backends, which end and begin inside segments. */
static const struct shape shapes[] = {
    { 1, 1, 1, 1, { 1 } },         { 2, 1, 16, 5, { 1, 7, 0, 64, 33 } }, { 2, 2, 80, 4, { 64, 16, 64, 5 } },
    { 4, 2, 64, 2, { 65, 130 } },  { 7, 1, 128, 3, { 3, 70, 1 } },       { 12, 2, 16, 1, { 66 } },
    { 3, 1, 16, 2, { 700, 1 } },   { 1, 1, 24, 2, { 2, 600 } },          { 2, 1, 96, 3, { 129, 63, 128 } },
    { 1, 1, 112, 2, { 31, 200 } }, { 6, 2, 128, 2, { 260, 64 } },        { 7, 1, 128, 4, { 1, 300, 64, 129 } },
    { 2, 1, 80, 2, { 887, 5 } },   { 2, 2, 80, 4, { 64, 16, 150, 64 } }, { 1, 1, 128, 2, { 65, 513 } },
};

/* With inputs of 24 bits, and sums so short that the bound is far below what tf32 would do. */
static const struct shape few = { 2, 1, 8, 2, { 9, 5 } };

/* One case in double: tensors contiguous, errors as the sizes that roundings multiply. */
struct problem {
    struct rt_attention at;
    int32_t cu[8];
    int64_t nq, nkv;
    int64_t
        step; /* what the distances of rows are odd multiples of beyond the columns: 8 puts rows at 16 bytes */
    double *q, *k, *v, *o, *lse, *d_o, *dq, *dk, *dv;
    double *o_bound, *lse_bound, *dq_bound, *dk_bound, *dv_bound;
};

static struct problem make(struct op_test *t, const struct shape *s, bool causal, bool fine, int64_t step)
{
    double *(*random)(struct op_test *, uint64_t, int64_t) = fine ? op_random_fine : op_random;
    struct problem p = { .at = { .segments = s->segments,
                                 .heads = s->heads,
                                 .kv_heads = s->kv_heads,
                                 .d = s->d,
                                 .causal = causal,
                                 .scale = (float)(1 / sqrt((double)s->d)) },
                         .step = step };
    for (int64_t i = 0; i < s->segments; i++) {
        p.cu[i + 1] = p.cu[i] + s->length[i];
        if (s->length[i] > p.at.max_length)
            p.at.max_length = s->length[i];
    }
    p.at.rows = p.cu[s->segments];
    p.nq = p.at.rows * s->heads * s->d;
    p.nkv = p.at.rows * s->kv_heads * s->d;
    p.q = random(t, 1, p.nq);
    p.k = random(t, 2, p.nkv);
    p.v = random(t, 3, p.nkv);
    p.d_o = random(t, 4, p.nq);
    double **const of_q[] = { &p.o, &p.dq, &p.o_bound, &p.dq_bound };
    double **const of_kv[] = { &p.dk, &p.dv, &p.dk_bound, &p.dv_bound };
    for (int i = 0; i < 4; i++) {
        *of_q[i] = op_zeros(t, p.nq);
        *of_kv[i] = op_zeros(t, p.nkv);
    }
    p.lse = op_zeros(t, p.at.rows * s->heads);
    p.lse_bound = op_zeros(t, p.at.rows * s->heads);
    return p;
}

static int64_t segment_of(const struct problem *p, int64_t row)
{
    int64_t s = 0;
    while (p->cu[s + 1] <= row)
        s++;
    return s;
}

/* The scaled scores of one query, the keys first .. last that it sees, and how far fp32 may be off in one. */
struct row {
    int64_t first, last;
    double s[1024], error;
};

static double dot(const double *a, const double *b, int64_t n, double *size)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
        *size += fabs(a[i] * b[i]);
    }
    return sum;
}

/*
 * What ops.h lets an element type do, in units of U_F32 but for rn. fp32 rounds every term of a sum once and
 * calls exp. bf16 may run on tensor cores, which bring the terms of a sum to the exponent of the largest and
 * cut what falls below its last bit, 2 U a term, and do so to the sum so far at every 4th term or later, 2 / 4
 * more: 3. It may make exp(s - m) as 2^(s c - m c), c = scale log2(e): c is off by 2 roundings and m c by 1,
 * the difference by 1, where |s - m| is at most 2 |s|: 2 * 2 + 1 + 2 = 7 times |s|; with lse in the place of m,
 * lse log2(e) is off by 2, the difference by 1.
 */
struct roundings {
    double rn;    /* of p and ds before a product: bf16's alone */
    double term;  /* of each term of a sum of products */
    double score; /* of exp's argument, in parts of the largest score */
    double lse;   /* of it in the backward, in parts of lse */
};

static struct roundings roundings_of(const struct op_backend *b)
{
    return b->ex->act == RT_F32 ? (struct roundings){ 0, 1, 4, 2 } : (struct roundings){ b->u, 3, 7, 3 };
}

static void scores(const struct problem *p, int64_t row, int64_t head, const struct roundings *n, struct row *r)
{
    const struct rt_attention *at = &p->at;
    const int64_t segment = segment_of(p, row), kv = head / (at->heads / at->kv_heads);
    r->first = p->cu[segment];
    r->last = at->causal ? row + 1 : p->cu[segment + 1];
    r->error = 0;
    for (int64_t j = r->first; j < r->last; j++) {
        double size = 0;
        r->s[j - r->first] = at->scale * dot(p->q + (row * at->heads + head) * at->d,
                                             p->k + (j * at->kv_heads + kv) * at->d, at->d, &size);
        /* d terms of the sum of sizes, one rounding for the scale */
        r->error = fmax(r->error, ((double)at->d * n->term + 1) * U_F32 * at->scale * size);
    }
}

static void forward(struct problem *p)
{
    const struct rt_attention *at = &p->at;
    const struct roundings none = { 0 };
    struct row r;
    for (int64_t row = 0; row < at->rows; row++)
        for (int64_t head = 0; head < at->heads; head++) {
            scores(p, row, head, &none, &r);
            const int64_t kv = head / (at->heads / at->kv_heads), at_lse = head * at->rows + row;
            double top = -INFINITY, total = 0;
            for (int64_t j = 0; j < r.last - r.first; j++)
                top = fmax(top, r.s[j]);
            for (int64_t j = 0; j < r.last - r.first; j++)
                total += exp(r.s[j] - top);
            p->lse[at_lse] = top + log(total);
            for (int64_t j = r.first; j < r.last; j++) {
                const double prob = exp(r.s[j - r.first] - p->lse[at_lse]);
                for (int64_t c = 0; c < at->d; c++) {
                    const double v = p->v[(j * at->kv_heads + kv) * at->d + c];
                    p->o[(row * at->heads + head) * at->d + c] += prob * v;
                    p->o_bound[(row * at->heads + head) * at->d + c] += prob * fabs(v);
                }
            }
        }
}

/* How far one probability may be off in fp32, relative: the score and the maximum twice, their difference (at
 * most 2 |s| when both are large), exp and its rescaling 4 roundings (2 ulp) each. */
static double probability_error(const struct problem *p, int64_t row, int64_t head, const struct roundings *n,
                                struct row *r)
{
    scores(p, row, head, n, r);
    double largest = 0;
    for (int64_t j = 0; j < r->last - r->first; j++)
        largest = fmax(largest, fabs(r->s[j]));
    return 2 * r->error + (n->score * largest + 8) * U_F32;
}

static void forward_bounds(struct problem *p, const struct op_backend *b, const double *sizes, double *bound)
{
    const struct rt_attention *at = &p->at;
    const struct roundings n = roundings_of(b);
    struct row r;
    for (int64_t row = 0; row < at->rows; row++)
        for (int64_t head = 0; head < at->heads; head++) {
            const double e = probability_error(p, row, head, &n, &r), keys = (double)(r.last - r.first);
            const double lse = p->lse[head * at->rows + row];
            /* the sum of probabilities: their own error, `keys` roundings, and log of a number <= 700 */
            p->lse_bound[head * at->rows + row] = e + (keys + 10) * U_F32 + 2 * U_F32 * fabs(lse);
            for (int64_t c = 0; c < at->d; c++) {
                const int64_t i = (row * at->heads + head) * at->d + c;
                /* numerator and denominator off by e and `keys` terms each; bf16 rounds p once; then o */
                const double inner = sizes[i] * (2 * e + ((n.term + 1) * keys + 4) * U_F32 + n.rn);
                bound[i] = 1.01 * inner + b->u * (fabs(p->o[i]) + inner) + b->tiny;
            }
        }
}

struct placed {
    struct op_mat q, k, v, o, lse, d_o, dq, dk, dv, cu;
};

/* q, k and v as slices of one fused product would lie: each with its own distance of rows. */
static struct placed place(struct op_backend *b, struct problem *p)
{
    const struct rt_attention *at = &p->at;
    const int64_t wide = at->heads * at->d, narrow = at->kv_heads * at->d, rows = at->rows, step = p->step;
    struct placed x;
    x.q = op_mat(b, OP_ACT, rows, wide, wide + 2 * narrow, p->q);
    x.k = op_mat(b, OP_ACT, rows, narrow, wide + 2 * narrow + step, p->k);
    x.v = op_mat(b, OP_ACT, rows, narrow, narrow + 3 * step, p->v);
    x.o = op_mat(b, OP_ACT, rows, wide, wide + 5 * step, NULL);
    x.d_o = op_mat(b, OP_ACT, rows, wide, wide + step, p->d_o);
    x.lse = op_put(b, OP_F32, at->heads, rows, NULL);
    x.dq = op_mat(b, OP_ACT, rows, wide, wide + 7 * step, NULL);
    x.dk = op_mat(b, OP_ACT, rows, narrow, narrow + step, NULL);
    x.dv = op_mat(b, OP_ACT, rows, narrow, narrow + 2 * step, NULL);
    x.cu = op_ints(b, at->segments + 1, p->cu);
    p->at.cu = x.cu.i32;
    p->at.host_cu = p->cu;
    return x;
}

static void test_fwd(struct op_test *t, const struct shape *s, bool causal, bool fine, int64_t step)
{
    struct problem p = make(t, s, causal, fine, step);
    forward(&p);
    double *bound = op_zeros(t, p.nq);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        if (fine && b->ex->act != RT_F32)
            continue;
        const struct placed x = place(b, &p);
        forward_bounds(&p, b, p.o_bound, bound);
        const rt_status st = b->ex->ops->attention_fwd(b->ex, x.o.act, x.o.ld, x.lse.f32, x.q.act, x.q.ld,
                                                       x.k.act, x.k.ld, x.v.act, x.v.ld, &p.at);
        op_check(t, st, &x.o, p.o, bound, "attention_fwd %lld rows, %lld/%lld heads of %lld%s",
                 (long long)p.at.rows, (long long)s->heads, (long long)s->kv_heads, (long long)s->d,
                 causal ? ", causal" : "");
        op_check(t, st, &x.lse, p.lse, p.lse_bound, "lse of it");
        double *first = op_zeros(t, p.nq);
        op_get(&x.o, first);
        const struct op_mat again = op_mat(b, OP_ACT, p.at.rows, s->heads * s->d, x.o.ld, NULL);
        const rt_status st2 = b->ex->ops->attention_fwd(b->ex, again.act, again.ld, x.lse.f32, x.q.act, x.q.ld,
                                                        x.k.act, x.k.ld, x.v.act, x.v.ld, &p.at);
        op_check(t, st2, &again, first, NULL, "the same again");
    }
    op_reset(t);
}

/* Gradients in double from given o and lse, with what roundings multiply: in each bound the size of every sum,
 * and the error of what is summed. */
static void backward(struct problem *p, const struct op_backend *b, const double *o, const double *lse)
{
    const struct rt_attention *at = &p->at;
    const struct roundings n = roundings_of(b);
    struct row r;
    for (double *const *z = (double *const[]){ p->dk, p->dv, p->dk_bound, p->dv_bound, NULL }; *z != NULL; z++)
        memset(*z, 0, (size_t)p->nkv * sizeof **z);
    memset(p->dq, 0, (size_t)p->nq * sizeof *p->dq);
    memset(p->dq_bound, 0, (size_t)p->nq * sizeof *p->dq_bound);
    for (int64_t row = 0; row < at->rows; row++)
        for (int64_t head = 0; head < at->heads; head++) {
            const int64_t kv = head / (at->heads / at->kv_heads), at_q = (row * at->heads + head) * at->d;
            const double l = lse[head * at->rows + row];
            const double e = probability_error(p, row, head, &n, &r) + n.lse * U_F32 * fabs(l);
            const double d = (double)at->d, keys = (double)(r.last - r.first);
            const double queries = (double)(at->max_length * (at->heads / at->kv_heads));
            double delta_size = 0;
            const double delta = dot(p->d_o + at_q, o + at_q, at->d, &delta_size);
            for (int64_t j = r.first; j < r.last; j++) {
                const int64_t at_k = (j * at->kv_heads + kv) * at->d;
                double dp_size = 0;
                const double dp = dot(p->d_o + at_q, p->v + at_k, at->d, &dp_size);
                const double prob = exp(r.s[j - r.first] - l), ds = at->scale * prob * (dp - delta);
                /* two dot products of d terms, p, and three roundings of the difference and products; then
                 * bf16's */
                const double ds_error = at->scale * prob * (d * n.term + 4) * U_F32 * (dp_size + delta_size) +
                                        (e + n.rn) * fabs(ds);
                for (int64_t c = 0; c < at->d; c++) {
                    p->dq[at_q + c] += ds * p->k[at_k + c];
                    p->dk[at_k + c] += ds * p->q[at_q + c];
                    p->dv[at_k + c] += prob * p->d_o[at_q + c];
                    p->dq_bound[at_q + c] +=
                        fabs(p->k[at_k + c]) * (ds_error + keys * n.term * U_F32 * fabs(ds));
                    p->dk_bound[at_k + c] +=
                        fabs(p->q[at_q + c]) * (ds_error + queries * n.term * U_F32 * fabs(ds));
                    p->dv_bound[at_k + c] +=
                        fabs(p->d_o[at_q + c]) * prob * (e + n.rn + queries * n.term * U_F32);
                }
            }
        }
}

static void add_rounding(double *bound, const double *want, int64_t n, const struct op_backend *b)
{
    for (int64_t i = 0; i < n; i++)
        bound[i] = 1.01 * bound[i] + b->u * (fabs(want[i]) + bound[i]) + b->tiny;
}

static void test_bwd(struct op_test *t, const struct shape *s, bool causal, bool fine, int64_t step)
{
    struct problem p = make(t, s, causal, fine, step);
    forward(&p);
    double *o = op_copy(t, p.o, p.nq), *lse = op_copy(t, p.lse, p.at.rows * s->heads);
    for (int64_t i = 0; i < p.at.rows * s->heads; i++)
        lse[i] = (float)lse[i];
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        if (fine && b->ex->act != RT_F32)
            continue;
        struct placed x = place(b, &p);
        for (int64_t e = 0; e < p.nq; e++)
            o[e] = op_rn(b, p.o[e]);
        x.o = op_mat(b, OP_ACT, p.at.rows, s->heads * s->d, s->heads * s->d + 5 * p.step, o);
        x.lse = op_put(b, OP_F32, s->heads, p.at.rows, lse);
        backward(&p, b, o, lse);
        add_rounding(p.dq_bound, p.dq, p.nq, b);
        add_rounding(p.dk_bound, p.dk, p.nkv, b);
        add_rounding(p.dv_bound, p.dv, p.nkv, b);
        const size_t bytes = b->ex->ops->attention_work(&p.at);
        const struct op_mat work = op_put(b, OP_U8, 1, (int64_t)bytes + 1, NULL);
        b->ex->work = work.u8;
        b->ex->work_bytes = bytes;
        const rt_status st = b->ex->ops->attention_bwd(
            b->ex, x.dq.act, x.dq.ld, x.dk.act, x.dk.ld, x.dv.act, x.dv.ld, x.d_o.act, x.d_o.ld, x.q.act,
            x.q.ld, x.k.act, x.k.ld, x.v.act, x.v.ld, x.o.act, x.o.ld, x.lse.f32, &p.at);
        b->ex->work = NULL;
        b->ex->work_bytes = 0;
        op_check(t, st, &x.dq, p.dq, p.dq_bound, "attention_bwd dq, %lld rows, %lld/%lld heads of %lld%s",
                 (long long)p.at.rows, (long long)s->heads, (long long)s->kv_heads, (long long)s->d,
                 causal ? ", causal" : "");
        op_check(t, st, &x.dk, p.dk, p.dk_bound, "dk of it");
        op_check(t, st, &x.dv, p.dv, p.dv_bound, "dv of it");
        double *after = op_zeros(t, (int64_t)bytes + 1);
        op_ok(op_get(&work, after) == 0 && after[bytes] == 255, "%s stays inside its %zu bytes of workspace",
              b->name, bytes);
    }
    op_reset(t);
}

static double weighted_o(const double *x, void *context)
{
    struct problem *p = context;
    (void)x; /* it is one of p->q, p->k, p->v */
    memset(p->o, 0, (size_t)p->nq * sizeof *p->o);
    forward(p);
    double f = 0;
    for (int64_t i = 0; i < p->nq; i++)
        f += p->d_o[i] * p->o[i];
    return f;
}

static void test_differences(struct op_test *t, bool causal)
{
    static const struct shape small = { 4, 2, 6, 3, { 5, 1, 3 } };
    struct problem p = make(t, &small, causal, false, 1);
    forward(&p);
    backward(&p, &t->backend[0], op_copy(t, p.o, p.nq), op_copy(t, p.lse, p.at.rows * small.heads));
    const double q = op_difference(p.q, p.nq, p.dq, weighted_o, &p);
    const double k = op_difference(p.k, p.nkv, p.dk, weighted_o, &p);
    const double v = op_difference(p.v, p.nkv, p.dv, weighted_o, &p);
    const double err = fmax(q, fmax(k, v));
    op_ok(err <= op_difference_bound, "gradient formulas%s against differences: %.1e <= %.1e",
          causal ? ", causal" : "", err, op_difference_bound);
    op_reset(t);
}

static void test_refusals(struct op_test *t)
{
    static const struct shape small = { 2, 1, 4, 2, { 3, 2 } };
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        struct problem p = make(t, &small, true, false, 1);
        const struct placed x = place(b, &p);
        static const int32_t short_cu[] = { 0, 3, 4 }, back_cu[] = { 0, 6, 5 };
        struct rt_attention bad[5] = { p.at, p.at, p.at, p.at, p.at };
        static const char *const what[] = { "3 heads over 2", "d 0", "segments that end early",
                                            "a segment that ends before it starts",
                                            "max_length below a segment" };
        bad[0].heads = 3, bad[0].kv_heads = 2;
        bad[1].d = 0;
        bad[2].host_cu = short_cu;
        bad[3].host_cu = back_cu;
        bad[4].max_length = 2;
        for (int j = 0; j < 5; j++)
            op_refuses(b,
                       b->ex->ops->attention_fwd(b->ex, x.o.act, x.o.ld, x.lse.f32, x.q.act, x.q.ld, x.k.act,
                                                 x.k.ld, x.v.act, x.v.ld, &bad[j]),
                       what[j]);
        op_refuses(b,
                   b->ex->ops->attention_fwd(b->ex, x.o.act, 7, x.lse.f32, x.q.act, x.q.ld, x.k.act, x.k.ld,
                                             x.v.act, x.v.ld, &p.at),
                   "ldo < heads d");
        op_refuses(b,
                   b->ex->ops->attention_fwd(b->ex, x.o.act, x.o.ld, x.lse.f32, x.q.act, x.q.ld, x.k.act, 3,
                                             x.v.act, x.v.ld, &p.at),
                   "ldk < kv_heads d");
        op_refuses(b,
                   b->ex->ops->attention_bwd(b->ex, x.dq.act, x.dq.ld, x.dk.act, x.dk.ld, x.dv.act, 3,
                                             x.d_o.act, x.d_o.ld, x.q.act, x.q.ld, x.k.act, x.k.ld, x.v.act,
                                             x.v.ld, x.o.act, x.o.ld, x.lse.f32, &p.at),
                   "lddv < kv_heads d");
        if (b->ex->ops->attention_work(&p.at) > 0)
            op_refuses(b,
                       b->ex->ops->attention_bwd(b->ex, x.dq.act, x.dq.ld, x.dk.act, x.dk.ld, x.dv.act, x.dv.ld,
                                                 x.d_o.act, x.d_o.ld, x.q.act, x.q.ld, x.k.act, x.k.ld, x.v.act,
                                                 x.v.ld, x.o.act, x.o.ld, x.lse.f32, &p.at),
                       "no workspace");
        struct rt_attention none = { .heads = 2, .kv_heads = 1, .d = 4, .scale = 1 };
        op_ok(b->ex->ops->attention_fwd(b->ex, NULL, 8, NULL, NULL, 8, NULL, 4, NULL, 4, &none) == RT_OK,
              "%s attention_fwd of no rows does nothing", b->name);
        op_ok(b->ex->ops->attention_bwd(b->ex, NULL, 8, NULL, 4, NULL, 4, NULL, 8, NULL, 8, NULL, 4, NULL, 4,
                                        NULL, 8, NULL, &none) == RT_OK,
              "%s attention_bwd of no rows does nothing", b->name);
    }
    op_reset(t);
}

/* Large scores: exp would overflow without the maximum, and the last key takes all. */
static void test_large(struct op_test *t)
{
    static const struct shape s = { 1, 1, 1, 1, { 3 } };
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        struct problem p = make(t, &s, false, false, 1);
        static const double q[] = { 64, -64, 0 }, k[] = { -64, 0, 64 }, v[] = { 1, 2, 4 };
        static const double o[] = { 4, 1, 7.0 / 3 }, zero[] = { 0, 0, 0x1p-7 };
        p.at.scale = 1;
        struct placed x = place(b, &p);
        x.q = op_put(b, OP_ACT, 3, 1, q);
        x.k = op_put(b, OP_ACT, 3, 1, k);
        x.v = op_put(b, OP_ACT, 3, 1, v);
        const rt_status st = b->ex->ops->attention_fwd(b->ex, x.o.act, x.o.ld, x.lse.f32, x.q.act, 1, x.k.act,
                                                       1, x.v.act, 1, &p.at);
        op_check(t, st, &x.o, o, zero, "attention_fwd with scores of 4096");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    for (size_t s = 0; s < COUNT_OF(shapes); s++)
        for (int causal = 0; causal < 2; causal++) {
            test_fwd(&t, &shapes[s], causal, false, 1);
            test_bwd(&t, &shapes[s], causal, false, 1);
            if (shapes[s].d % 16 != 0)
                continue; /* rows at 16 bytes are another matter to tensor cores alone */
            test_fwd(&t, &shapes[s], causal, false, 8);
            test_bwd(&t, &shapes[s], causal, false, 8);
        }
    test_fwd(&t, &few, true, true, 1);
    test_bwd(&t, &few, true, true, 1);
    test_differences(&t, false);
    test_differences(&t, true);
    test_large(&t);
    test_refusals(&t);
    return op_done(&t);
}
