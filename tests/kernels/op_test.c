/* op_test.c - backends, seeded tensors, guarded buffers and comparisons for the tests of operations. */
#include "config.h"
#include "tests/kernels/op_test.h"
#include "kernels/cpu/levels.h"
#include "base/bf16.h"
#include "tests/tap.h"

#include <math.h>
#include <string.h>

enum { GUARD_BYTES = 256 }; /* keeps the alignment that rt_exec_alloc gives */

struct op_block {
    struct op_block *next;
    void *host, *device;
};

static void *must(void *p)
{
    if (p == NULL) {
        printf("Bail out! out of memory\n");
        exit(EXIT_FAILURE);
    }
    return p;
}

static void must_ok(struct op_backend *b, rt_status st)
{
    if (st != RT_OK) {
        printf("Bail out! %s: %s\n", b->name, b->err.text);
        exit(EXIT_FAILURE);
    }
}

static void keep(struct op_block **list, void *host, void *device)
{
    struct op_block *block = must(malloc(sizeof *block));
    *block = (struct op_block){ *list, host, device };
    *list = block;
}

static void drop(struct op_block **list, struct rt_exec *ex)
{
    while (*list != NULL) {
        struct op_block *block = *list;
        *list = block->next;
        free(block->host);
        if (block->device != NULL)
            rt_exec_free(ex, block->device);
        free(block);
    }
}

/* One backend more; level is that of a CPU (see kernels/cpu/levels.h). */
static void add_backend(struct op_test *t, enum rt_device device, enum rt_dtype act, int level)
{
    struct op_backend *b = &t->backend[t->backends];
    const rt_status st = rt_exec_open(&b->ex, device, act, 0, 2, &b->err);
    if (st == RT_ERR_DEVICE && device == RT_DEVICE_CUDA) {
        skip("cuda %s: %s", act == RT_F32 ? "fp32" : "bf16", b->err.text);
        return;
    }
    must_ok(b, st);
    if (device == RT_DEVICE_CPU)
        b->ex->ops = rt_cpu_level(act, level);
    b->name = b->ex->ops->name;
    b->u = act == RT_F32 ? U_F32 : U_BF16;
    b->tiny = act == RT_F32 ? 0x1p-149 : 0x1p-133;
    t->backends++;
}

void op_open(struct op_test *t)
{
    memset(t, 0, sizeof *t);
    for (int level = 0; rt_cpu_level(RT_F32, level) != NULL; level++) {
        add_backend(t, RT_DEVICE_CPU, RT_F32, level);
        add_backend(t, RT_DEVICE_CPU, RT_BF16, level);
    }
    add_backend(t, RT_DEVICE_CUDA, RT_F32, 0);
    add_backend(t, RT_DEVICE_CUDA, RT_BF16, 0);
}

void op_reset(struct op_test *t)
{
    for (int i = 0; i < t->backends; i++)
        drop(&t->backend[i].blocks, t->backend[i].ex);
    drop(&t->blocks, NULL);
}

int op_done(struct op_test *t)
{
    op_reset(t);
    for (int i = 0; i < t->backends; i++)
        rt_exec_close(t->backend[i].ex);
    return tap_done();
}

uint64_t op_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double *op_zeros(struct op_test *t, int64_t n)
{
    double *x = must(calloc((size_t)n + 1, sizeof *x));
    keep(&t->blocks, x, NULL);
    return x;
}

double *op_whole(struct op_test *t, uint64_t seed, int64_t n, int lo, int hi)
{
    double *x = op_zeros(t, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = lo + (double)(op_next(&seed) % (uint64_t)(hi - lo + 1));
    return x;
}

double *op_random(struct op_test *t, uint64_t seed, int64_t n)
{
    double *x = op_whole(t, seed, n, -255, 255);
    for (int64_t i = 0; i < n; i++)
        x[i] /= 128;
    return x;
}

double *op_random_fine(struct op_test *t, uint64_t seed, int64_t n)
{
    double *x = op_zeros(t, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((double)(op_next(&seed) >> 11) * 0x1p-51 - 2);
    return x;
}

double *op_copy(struct op_test *t, const double *x, int64_t n)
{
    double *y = op_zeros(t, n);
    memcpy(y, x, (size_t)n * sizeof *y);
    return y;
}

static size_t width(const struct op_mat *m)
{
    return m->type == OP_ACT ? m->b->ex->act_bytes : m->type == OP_U8 ? 1 : 4;
}

static void store(const struct op_mat *m, unsigned char *at, double x)
{
    const float f = (float)x;
    const int32_t i = (int32_t)x;
    const rt_bf16 h = rt_bf16_of_f32(f);
    if (m->type == OP_U8)
        *at = (unsigned char)x;
    else if (m->type == OP_I32)
        memcpy(at, &i, 4);
    else if (m->type == OP_F32 || m->b->ex->act == RT_F32)
        memcpy(at, &f, 4);
    else
        memcpy(at, &h, 2);
}

static double load(const struct op_mat *m, const unsigned char *at)
{
    float f;
    int32_t i;
    rt_bf16 h;
    if (m->type == OP_U8)
        return *at;
    if (m->type == OP_I32)
        return memcpy(&i, at, 4), i;
    if (m->type == OP_F32 || m->b->ex->act == RT_F32)
        return memcpy(&f, at, 4), f;
    return memcpy(&h, at, 2), rt_f32_of_bf16(h);
}

struct op_mat op_mat(struct op_backend *b, enum op_type type, int64_t rows, int64_t cols, int64_t ld,
                     const double *x)
{
    struct op_mat m = { .b = b, .type = type, .rows = rows, .cols = cols, .ld = ld };
    const size_t one = width(&m);
    m.bytes = 2 * GUARD_BYTES + (size_t)(rows * ld) * one;
    m.image = must(malloc(m.bytes));
    memset(m.image, 0xff, m.bytes); /* a NaN in both float types */
    for (int64_t r = 0; r < rows && x != NULL; r++)
        for (int64_t c = 0; c < cols; c++)
            store(&m, m.image + GUARD_BYTES + (size_t)(r * ld + c) * one, x[r * cols + c]);
    must_ok(b, rt_exec_alloc(b->ex, &m.first, m.bytes));
    keep(&b->blocks, m.image, m.first);
    must_ok(b, rt_exec_put(b->ex, m.first, m.image, m.bytes));
    unsigned char *data = (unsigned char *)m.first + GUARD_BYTES;
    m.act = (rt_act *)(void *)data;
    m.f32 = (float *)(void *)data;
    m.i32 = (int32_t *)(void *)data;
    m.u8 = data;
    return m;
}

struct op_mat op_put(struct op_backend *b, enum op_type type, int64_t rows, int64_t cols, const double *x)
{
    return op_mat(b, type, rows, cols, cols, x);
}

struct op_mat op_ints(struct op_backend *b, int64_t n, const int32_t *x)
{
    double *values = must(malloc(((size_t)n + 1) * sizeof *values));
    for (int64_t i = 0; i < n; i++)
        values[i] = x[i];
    const struct op_mat m = op_put(b, OP_I32, 1, n, values);
    free(values);
    return m;
}

struct op_mat op_bytes(struct op_backend *b, int64_t n, const uint8_t *x)
{
    double *values = must(malloc(((size_t)n + 1) * sizeof *values));
    for (int64_t i = 0; i < n; i++)
        values[i] = x[i];
    const struct op_mat m = op_put(b, OP_U8, 1, n, values);
    free(values);
    return m;
}

int64_t op_get(const struct op_mat *m, double *got)
{
    unsigned char *now = must(malloc(m->bytes));
    must_ok(m->b, rt_exec_get(m->b->ex, now, m->first, m->bytes));
    const size_t one = width(m);
    int64_t stray = 0;
    for (size_t i = 0; i < m->bytes; i++) {
        const size_t at = i - GUARD_BYTES; /* wraps in front */
        const int inside =
            i >= GUARD_BYTES && i < m->bytes - GUARD_BYTES && (int64_t)(at / one) % m->ld < m->cols;
        stray += !inside && now[i] != m->image[i];
    }
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t c = 0; c < m->cols; c++)
            got[r * m->cols + c] = load(m, now + GUARD_BYTES + (size_t)(r * m->ld + c) * one);
    free(now);
    return stray;
}

int op_ok(int passed, const char *fmt, ...)
{
    char what[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return ok(passed, "%s", what);
}

int op_check(struct op_test *t, rt_status st, const struct op_mat *m, const double *want, const double *bound,
             const char *fmt, ...)
{
    char what[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (st != RT_OK)
        return ok(0, "%s %s: %s", m->b->name, what, m->b->err.text);
    const int64_t n = m->rows * m->cols;
    double *got = op_zeros(t, n), worst = 0, worst_bound = 0;
    const int64_t stray = op_get(m, got);
    int64_t bad = 0, first_bad = -1;
    for (int64_t i = 0; i < n; i++) {
        const double error = fabs(got[i] - want[i]), limit = bound == NULL ? 0 : bound[i];
        const int fails = !(error <= limit);
        bad += fails;
        if (fails && first_bad < 0)
            first_bad = i;
        if (bound != NULL && error > 0 &&
            error * worst_bound >= worst * limit) /* error / limit is the largest */
            worst = error, worst_bound = limit;
    }
    if (stray > 0)
        return ok(0, "%s %s: %lld bytes outside the result changed", m->b->name, what, (long long)stray);
    if (bad > 0)
        return ok(0, "%s %s: %lld of %lld off; element %lld is %.9g, wanted %.9g +- %.2g", m->b->name, what,
                  (long long)bad, (long long)n, (long long)first_bad, got[first_bad], want[first_bad],
                  bound == NULL ? 0 : bound[first_bad]);
    if (bound == NULL)
        return ok(1, "%s %s: all %lld equal", m->b->name, what, (long long)n);
    return ok(1, "%s %s: err %.1e <= %.1e", m->b->name, what, worst, worst > 0 ? worst_bound : bound[0]);
}

int op_refuses(struct op_backend *b, rt_status st, const char *what)
{
    const int good = st == RT_ERR_INTERNAL && b->err.status == st && b->err.text[0] != '\0';
    ok(good, "%s %s is refused: %s", b->name, what, good ? b->err.text : "no");
    memset(&b->err, 0, sizeof b->err);
    return good;
}

double op_rn(const struct op_backend *b, double x)
{
    /* Through float: a double rounding, harmless where x has at most 24 bits or a test allows for it. */
    return b->ex->act == RT_F32 ? (float)x : rt_f32_of_bf16(rt_bf16_of_f32((float)x));
}

double op_difference(double *x, int64_t n, const double *gradient, op_scalar_fn *f, void *context)
{
    const double step = 0x1p-12;
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < n; i++) {
        const double kept = x[i];
        x[i] = kept + step;
        const double above = f(x, context);
        x[i] = kept - step;
        const double below = f(x, context);
        x[i] = kept;
        const double error = fabs((above - below) / (2 * step) - gradient[i]);
        worst = error > worst || error != error ? error : worst;
        largest = fabs(gradient[i]) > largest ? fabs(gradient[i]) : largest;
    }
    return worst / largest;
}
