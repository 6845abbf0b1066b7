/* test_adamw.c - adamw over several steps against its formula in double and against torch's fused kernel. */
#include "config.h"
#include "tests/golden/adamw.h"
#include "tests/kernels/op_test.h"

#include <math.h>
#include <string.h>

enum { STEPS = 4 };

/* Values, and how far fp32 may be off in each. */
struct state {
    double p, m, v, p_error, m_error, v_error;
};

static double clip_of(double norm, double max_norm)
{
    return max_norm > 0 ? fmin(1, max_norm / (norm + 1e-6)) : 1;
}

/* Scalars are rounded once each. A clipped gradient has 4 roundings (max_norm, its sum, quotient, product). */
static void formula(struct state *s, double g, const struct rt_adamw *h)
{
    const double u = U_F32, g_error = 4 * u * fabs(g), t = (double)h->step;
    const double bias1 = 1 - pow(h->beta1, t), bias2 = 1 - pow(h->beta2, t);
    const double p = s->p * (1 - h->lr * h->decay), m = s->m + (1 - h->beta1) * (g - s->m);
    const double v = h->beta2 * s->v + (1 - h->beta2) * g * g;
    /* m: the difference, its factor and the sum round */
    s->m_error =
        h->beta1 * s->m_error + (1 - h->beta1) * (g_error + 2 * u * (fabs(g) + fabs(s->m))) + u * fabs(m);
    /* v: g twice, three factors, the sum */
    s->v_error = h->beta2 * s->v_error + (8 + 3 + 2 + 1) * u * v;
    const double denominator = sqrt(v / bias2) + h->eps, rate = h->lr / bias1;
    /* the root halves v's error; root, its factor, quotient and sum of eps round */
    const double den_error = (v > 0 ? s->v_error / v / 2 : 0) * sqrt(v / bias2) + 4 * u * denominator;
    const double step = rate * m / denominator;
    s->p_error += 2 * u * fabs(s->p) + rate * s->m_error / denominator +
                  fabs(step) * (den_error / denominator + 4 * u) + u * fabs(p - step);
    s->p = p - step;
    s->m = m;
    s->v = v;
}

static void test_formula(struct op_test *t, int64_t n, const struct rt_adamw *hyper, double norm)
{
    const double *p0 = op_random(t, 1, n), *scale = op_random(t, 2, n);
    double *value[3], *bound[3];
    struct state *s = calloc((size_t)n, sizeof *s);
    for (int j = 0; j < 3; j++)
        value[j] = op_zeros(t, n), bound[j] = op_zeros(t, n);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat p = op_put(b, OP_F32, 1, n, p0), m = op_put(b, OP_F32, 1, n, value[1]);
        const struct op_mat v = op_put(b, OP_F32, 1, n, value[1]), bn = op_put(b, OP_F32, 1, 1, &norm);
        for (int64_t e = 0; e < n; e++)
            s[e] = (struct state){ .p = p0[e] };
        rt_status st = RT_OK;
        for (int step = 1; step <= STEPS; step++) {
            struct rt_adamw h = *hyper;
            h.step = step;
            const double *noise = op_random(t, 10 + (uint64_t)step, n);
            double *g = op_copy(t, noise, n);
            for (int64_t e = 0; e < n; e++) {
                g[e] *= fabs(scale[e]) * scale[e] / 16;
                formula(&s[e], clip_of(norm, h.max_norm) * g[e], &h);
            }
            const struct op_mat bg = op_put(b, OP_F32, 1, n, g);
            if (st == RT_OK)
                st = b->ex->ops->adamw(b->ex, p.f32, m.f32, v.f32, bg.f32, n, h.max_norm > 0 ? bn.f32 : NULL,
                                       &h);
        }
        for (int64_t e = 0; e < n; e++) {
            value[0][e] = s[e].p, value[1][e] = s[e].m, value[2][e] = s[e].v;
            bound[0][e] = s[e].p_error, bound[1][e] = s[e].m_error, bound[2][e] = s[e].v_error;
        }
        op_check(t, st, &p, value[0], bound[0], "adamw p after %d steps, n %lld, decay %g, clip %g of norm %g",
                 STEPS, (long long)n, hyper->decay, hyper->max_norm, norm);
        op_check(t, st, &m, value[1], bound[1], "m of it");
        op_check(t, st, &v, value[2], bound[2], "v of it");
        memset(value[1], 0, (size_t)n * sizeof *value[1]);
    }
    free(s);
    op_reset(t);
}

/* torch's fused CPU kernel, bit for bit on the CPU. */
static void test_golden(struct op_test *t)
{
    for (size_t k = 0; k < COUNT_OF(golden_adamw); k++) {
        const struct golden_adamw *gold = &golden_adamw[k];
        double zero[GOLDEN_N] = { 0 }, p0[GOLDEN_N], want[3][GOLDEN_N];
        for (int e = 0; e < GOLDEN_N; e++) {
            p0[e] = gold->p0[e];
            want[0][e] = gold->p[e], want[1][e] = gold->m[e], want[2][e] = gold->v[e];
        }
        for (int i = 0; i < t->backends; i++) {
            struct op_backend *b = &t->backend[i];
            if (b->ex->device != RT_DEVICE_CPU)
                continue;
            const struct op_mat p = op_put(b, OP_F32, 1, GOLDEN_N, p0),
                                m = op_put(b, OP_F32, 1, GOLDEN_N, zero);
            const struct op_mat v = op_put(b, OP_F32, 1, GOLDEN_N, zero);
            rt_status st = RT_OK;
            for (int step = 1; step <= GOLDEN_STEPS && st == RT_OK; step++) {
                double g[GOLDEN_N], norm = gold->norm[step - 1];
                for (int e = 0; e < GOLDEN_N; e++)
                    g[e] = gold->g[step - 1][e];
                const struct op_mat bg = op_put(b, OP_F32, 1, GOLDEN_N, g), bn = op_put(b, OP_F32, 1, 1, &norm);
                const struct rt_adamw h = { .lr = gold->lr,
                                            .beta1 = 0.9,
                                            .beta2 = 0.999,
                                            .eps = 1e-8,
                                            .decay = gold->decay,
                                            .max_norm = gold->max_norm,
                                            .step = step };
                st = b->ex->ops->adamw(b->ex, p.f32, m.f32, v.f32, bg.f32, GOLDEN_N, bn.f32, &h);
            }
            op_check(t, st, &p, want[0], NULL, "adamw p as torch's, case %zu", k);
            op_check(t, st, &m, want[1], NULL, "m as torch's");
            op_check(t, st, &v, want[2], NULL, "v as torch's");
        }
        op_reset(t);
    }
}

static void test_edges(struct op_test *t)
{
    const double x[] = { 1, 2, 3 }, zero[] = { 0, 0, 0 }, nan = NAN;
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct rt_adamw h = {
            .lr = 0.1, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .max_norm = 1, .step = 0
        };
        const struct op_mat p = op_put(b, OP_F32, 1, 3, x), m = op_put(b, OP_F32, 1, 3, zero);
        const struct op_mat v = op_put(b, OP_F32, 1, 3, zero), norm = op_put(b, OP_F32, 1, 1, &nan);
        op_refuses(b, b->ex->ops->adamw(b->ex, p.f32, m.f32, v.f32, p.f32, 3, norm.f32, &h), "step 0");
        struct rt_adamw first = h;
        first.step = 1;
        op_refuses(b, b->ex->ops->adamw(b->ex, p.f32, m.f32, v.f32, p.f32, -1, norm.f32, &first), "n < 0");
        op_check(t, b->ex->ops->adamw(b->ex, p.f32, m.f32, v.f32, p.f32, 0, norm.f32, &first), &p, x, NULL,
                 "adamw of nothing");
        double got[3] = { 0 };
        b->ex->ops->adamw(b->ex, p.f32, m.f32, v.f32, m.f32, 3, norm.f32, &first);
        op_get(&p, got);
        op_ok(isnan(got[0]) && isnan(got[2]), "%s adamw with a norm that is no number shows it", b->name);
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    const struct rt_adamw plain = { .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 };
    struct rt_adamw decays = plain, clips = plain;
    decays.decay = 0.1;
    clips.decay = 0.01, clips.max_norm = 1;
    static const int64_t sizes[] = { 1, 7, 1283 };
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        test_formula(&t, sizes[s], &plain, 5);
        test_formula(&t, sizes[s], &decays, 5);
        test_formula(&t, sizes[s], &clips, 5);   /* scaled by 1 / 5 */
        test_formula(&t, sizes[s], &clips, 0.5); /* left alone */
    }
    clips.max_norm = -1; /* none */
    test_formula(&t, 64, &clips, 5);
    test_golden(&t);
    test_edges(&t);
    return op_done(&t);
}
