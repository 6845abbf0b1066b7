/*
 * bench_attention.c - times attention on a GPU at the shapes of the models and prints TFLOP/s of forward and
 * backward.
 *
 * Not run by make check: make tests/bench/bench_attention && tests/bench/bench_attention [repeats]. Counted are
 * the multiplications of the mathematics, 2 products forward and 5 backward, half of them where it is causal;
 * the median of five rounds counts.
 */
#include "config.h"
#include "base/clock.h"
#include "kernels/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 5 };

struct shape {
    const char *what;
    int64_t segments, length, heads, kv_heads, d;
    bool causal;
};
static const struct shape shapes[] = {
    { "decoder 2 x 1024", 2, 1024, 28, 4, 128, true },
    { "decoder 2 x 2048", 2, 2048, 28, 4, 128, true },
    { "decoder 1 x 8192", 1, 8192, 28, 4, 128, true },
    { "decoder 16 x 887", 16, 887, 28, 4, 128, true },
    { "tower, full, 4 x 3080", 4, 3080, 16, 16, 80, false },
    { "tower, windows, 192 x 64", 192, 64, 16, 16, 80, false },
    { "decoder 64 x 129", 64, 129, 28, 4, 128, true }, /* all tiles are partial */
    { "heads of 64, 8 x 2048", 8, 2048, 28, 4, 64, true },
};

struct bench {
    struct rt_exec *ex;
    struct rt_error err;
    struct rt_attention at;
    int64_t ld, wide;
    rt_act *qkv, *grads, *o, *d_o;
    float *lse;
};

static void must(struct bench *b, rt_status st)
{
    if (st != RT_OK) {
        fprintf(stderr, "bench_attention: %s\n", b->err.text);
        exit(1);
    }
}

static void *take(struct bench *b, int64_t elements, size_t bytes_each)
{
    void *p = NULL;
    must(b, rt_exec_alloc(b->ex, &p, (size_t)elements * bytes_each));
    return p;
}

/* Values of about -1 to 1 with no pattern: zeros would run faster than real data. */
static void fill(struct bench *b, rt_act *to, int64_t n)
{
    uint16_t *host = malloc((size_t)n * sizeof *host);
    uint32_t state = 1;
    for (int64_t i = 0; host != NULL && i < n; i++) {
        state = state * 1664525u + 1013904223u;
        host[i] =
            (uint16_t)((state >> 16 & 0x8000) | (0x3e80 + (state >> 8 & 0xff))); /* bf16, 0.25 to 1 and signs */
    }
    must(b, rt_exec_put(b->ex, to, host, (size_t)n * sizeof *host));
    free(host);
}

static void open_shape(struct bench *b, const struct shape *s)
{
    const int64_t rows = s->segments * s->length;
    int32_t *cu = malloc((size_t)(s->segments + 1) * sizeof *cu);
    for (int64_t i = 0; i <= s->segments; i++)
        cu[i] = (int32_t)(i * s->length);
    b->at = (struct rt_attention){ .host_cu = cu,
                                   .segments = s->segments,
                                   .max_length = s->length,
                                   .rows = rows,
                                   .heads = s->heads,
                                   .kv_heads = s->kv_heads,
                                   .d = s->d,
                                   .causal = s->causal,
                                   .scale = 1.0f / sqrtf((float)s->d) };
    b->wide = s->heads * s->d;
    b->ld = b->wide + 2 * s->kv_heads * s->d;
    int32_t *device_cu = take(b, s->segments + 1, sizeof *cu);
    must(b, rt_exec_put(b->ex, device_cu, cu, (size_t)(s->segments + 1) * sizeof *cu));
    b->at.cu = device_cu;
    b->qkv = take(b, rows * b->ld, 2);
    b->grads = take(b, rows * b->ld, 2);
    b->o = take(b, rows * b->wide, 2);
    b->d_o = take(b, rows * b->wide, 2);
    b->lse = take(b, rows * s->heads, sizeof(float));
    fill(b, b->qkv, rows * b->ld);
    fill(b, b->d_o, rows * b->wide);
    b->ex->work_bytes = b->ex->ops->attention_work(&b->at);
    b->ex->work = take(b, (int64_t)b->ex->work_bytes + 1, 1);
}

static void close_shape(struct bench *b)
{
    void *const all[] = { (void *)(uintptr_t)b->at.cu, b->qkv, b->grads, b->o, b->d_o, b->lse, b->ex->work };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        rt_exec_free(b->ex, all[i]);
    free((void *)(uintptr_t)b->at.host_cu);
}

static rt_status run(struct bench *b, bool backward)
{
    const int64_t k = b->wide, v = k + b->at.kv_heads * b->at.d, ld = b->ld, wide = b->wide;
    struct rt_exec *ex = b->ex;
    if (!backward)
        return ex->ops->attention_fwd(ex, b->o, wide, b->lse, b->qkv, ld, rt_at(ex, b->qkv, k), ld,
                                      rt_at(ex, b->qkv, v), ld, &b->at);
    return ex->ops->attention_bwd(ex, b->grads, ld, rt_at(ex, b->grads, k), ld, rt_at(ex, b->grads, v), ld,
                                  b->d_o, wide, b->qkv, ld, rt_at(ex, b->qkv, k), ld, rt_at(ex, b->qkv, v), ld,
                                  b->o, wide, b->lse, &b->at);
}

static int by_size(const void *x, const void *y)
{
    const double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Seconds of one call. */
static double seconds(struct bench *b, bool backward, int repeats)
{
    double s[ROUNDS];
    must(b, run(b, backward));
    for (int round = 0; round < ROUNDS; round++) {
        must(b, rt_exec_sync(b->ex));
        const double start = rt_now_s();
        for (int i = 0; i < repeats; i++)
            must(b, run(b, backward));
        must(b, rt_exec_sync(b->ex));
        s[round] = (rt_now_s() - start) / repeats;
    }
    qsort(s, ROUNDS, sizeof *s, by_size);
    return s[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    struct bench b = { 0 };
    const int repeats = argc > 1 ? atoi(argv[1]) : 20;
    must(&b, rt_exec_open(&b.ex, RT_DEVICE_CUDA, RT_BF16, 0, 1, &b.err));
    printf("%-26s %12s %12s %12s %12s\n", "attention, bf16", "fwd us", "TFLOP/s", "bwd us", "TFLOP/s");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        open_shape(&b, s);
        const double product =
            2.0 * (double)(s->segments * s->length * s->length * s->heads * s->d) / (s->causal ? 2 : 1);
        const double f = seconds(&b, false, repeats), g = seconds(&b, true, repeats);
        printf("%-26s %12.1f %12.1f %12.1f %12.1f\n", s->what, f * 1e6, 2 * product / f * 1e-12, g * 1e6,
               5 * product / g * 1e-12);
        fflush(stdout);
        close_shape(&b);
    }
    rt_exec_close(b.ex);
    return 0;
}
