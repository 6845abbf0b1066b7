/*
 * bench_ops.c - times operations at the sizes of a mid-size job and prints GFLOP/s or GB/s an element type.
 *
 * Not run by make check: make tests/bench/bench_ops && tests/bench/bench_ops [threads] [cpu|cuda]. Bytes are
 * those that the contract has to move, each tensor once; the best of several runs counts.
 */
#include "config.h"
#include "base/clock.h"
#include "kernels/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 1024,
    HIDDEN = 2048,
    MLP = 5504,
    HEADS = 16,
    KV_HEADS = 2,
    D = 128,
    VOCAB = 32000,
    XENT_ROWS = 64,
    WINDOWS = 64,
    WINDOW = 64,
    TOWER_HEADS = 16,
    TOWER_D = 80,
    ADAMW = 4000000
};

struct bench {
    struct rt_exec *ex;
    struct rt_error err;
    rt_act *x, *y, *z, *w, *gu, *qkv, *grads, *o, *d_o;
    float *stream, *sum, *dstream,
        *gain; /* the residual stream, its gradient and the norms are f32 in every job */
    float *rstd, *lse, *table, *p, *m, *v, *g, *norm, *loss, *weight;
    int32_t *targets, *cu, host_cu[WINDOWS + 1];
    struct rt_attention at;
};

static void must(struct bench *b, rt_status st)
{
    if (st != RT_OK) {
        fprintf(stderr, "bench_ops: %s\n", b->err.text);
        exit(EXIT_FAILURE);
    }
}

/* n elements (act_bytes or 4 each) of small numbers that are exact in either type. */
static void *tensor(struct bench *b, int64_t n, size_t bytes)
{
    void *p, *host = malloc((size_t)n * bytes);
    if (host == NULL)
        exit(EXIT_FAILURE);
    for (int64_t i = 0; i < n; i++) {
        const float f = (float)((i * 2654435761u >> 7) % 255) / 128 - 1;
        memcpy((char *)host + (size_t)i * bytes, (const char *)&f + 4 - bytes, bytes);
    }
    must(b, rt_exec_alloc(b->ex, &p, (size_t)n * bytes));
    must(b, rt_exec_put(b->ex, p, host, (size_t)n * bytes));
    free(host);
    return p;
}

static rt_act *act(struct bench *b, int64_t n)
{
    return tensor(b, n, b->ex->act_bytes);
}

typedef rt_status run_fn(struct bench *b);

static void measure(struct bench *b, const char *name, run_fn *run, double work, const char *unit)
{
    double best = INFINITY;
    const double start = rt_now_s();
    for (int i = 0; i < 3 || (i < 50 && rt_now_s() - start < 0.5); i++) {
        const double t = rt_now_s();
        must(b, run(b));
        must(b, rt_exec_sync(b->ex));
        best = fmin(best, rt_now_s() - t);
    }
    printf("%-10s %-34s %10.3f ms %9.1f %s\n", b->ex->ops->name, name, best * 1e3, work / best * 1e-9, unit);
}

static rt_status gemm_nt(struct bench *b)
{
    return b->ex->ops->gemm(b->ex, b->gu, 2 * MLP, b->x, HIDDEN, false, b->w, HIDDEN, true, NULL, ROWS, 2 * MLP,
                            HIDDEN, 1, 0);
}

static rt_status gemm_nn(struct bench *b)
{
    return b->ex->ops->gemm(b->ex, b->y, HIDDEN, b->gu, 2 * MLP, false, b->w, HIDDEN, false, NULL, ROWS, HIDDEN,
                            2 * MLP, 1, 0);
}

static rt_status gemm_lora(struct bench *b)
{
    return b->ex->ops->gemm(b->ex, b->y, 8, b->x, HIDDEN, false, b->w, HIDDEN, true, NULL, ROWS, 8, HIDDEN, 1,
                            0);
}

static rt_status gemm_f32(struct bench *b)
{
    return b->ex->ops->gemm_f32(b->ex, b->p, HIDDEN, b->gu, 8, true, b->x, HIDDEN, false, 8, HIDDEN, ROWS,
                                1e-3f);
}

static rt_status rmsnorm_fwd(struct bench *b)
{
    return b->ex->ops->add_rmsnorm_fwd(b->ex, b->sum, b->y, HIDDEN, b->rstd, b->stream, b->x, b->gain, ROWS,
                                       HIDDEN, 1e-6f, false);
}

static rt_status rmsnorm_bwd(struct bench *b)
{
    return b->ex->ops->rmsnorm_bwd(b->ex, b->dstream, b->z, b->y, HIDDEN, b->stream, b->rstd, b->gain, ROWS,
                                   HIDDEN);
}

static rt_status layernorm_fwd(struct bench *b)
{
    return b->ex->ops->add_layernorm_fwd(b->ex, b->sum, b->y, HIDDEN, b->lse, b->stream, b->x, b->gain, b->gain,
                                         ROWS, HIDDEN, 1e-6f, false);
}

static rt_status rope_text(struct bench *b)
{
    return b->ex->ops->rope(b->ex, b->y, HIDDEN, b->table, b->table, ROWS, HEADS, D, 1);
}

static rt_status rope_vision(struct bench *b)
{
    return b->ex->ops->rope(b->ex, b->y, HIDDEN, b->table, b->table, ROWS, HEADS, D, 1);
}

static rt_status swiglu_fwd(struct bench *b)
{
    return b->ex->ops->swiglu_fwd(b->ex, b->qkv, MLP, b->gu, ROWS, MLP);
}

static rt_status swiglu_bwd(struct bench *b)
{
    return b->ex->ops->swiglu_bwd(b->ex, b->gu, b->qkv, MLP, NULL, b->gu, ROWS, MLP);
}

static rt_status gelu_erf(struct bench *b)
{
    return b->ex->ops->gelu_fwd(b->ex, b->y, HIDDEN, b->x, ROWS, HIDDEN, RT_GELU_ERF);
}

static rt_status gelu_quick(struct bench *b)
{
    return b->ex->ops->gelu_fwd(b->ex, b->y, HIDDEN, b->x, ROWS, HIDDEN, RT_GELU_QUICK);
}

static rt_status xent(struct bench *b)
{
    return b->ex->ops->xent(b->ex, b->gu, b->loss, NULL, b->targets, b->weight, XENT_ROWS, VOCAB, true);
}

static rt_status dropout(struct bench *b)
{
    return b->ex->ops->dropout(b->ex, b->y, HIDDEN, b->x, HIDDEN, ROWS, HIDDEN, 0.1f, 1, 2, false);
}

static rt_status l2norm(struct bench *b)
{
    return b->ex->ops->l2norm(b->ex, b->norm, b->g, ADAMW);
}

static rt_status adamw(struct bench *b)
{
    const struct rt_adamw h = {
        .lr = 1e-4, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .max_norm = 1, .step = 3
    };
    return b->ex->ops->adamw(b->ex, b->p, b->m, b->v, b->g, ADAMW, b->norm, &h);
}

static rt_status attention_fwd(struct bench *b)
{
    const int64_t q = b->at.heads * b->at.d, kv = b->at.kv_heads * b->at.d, ld = q + 2 * kv;
    return b->ex->ops->attention_fwd(b->ex, b->o, q, b->lse, b->qkv, ld, rt_at(b->ex, b->qkv, q), ld,
                                     rt_at(b->ex, b->qkv, q + kv), ld, &b->at);
}

static rt_status attention_bwd(struct bench *b)
{
    const int64_t q = b->at.heads * b->at.d, kv = b->at.kv_heads * b->at.d, ld = q + 2 * kv;
    return b->ex->ops->attention_bwd(
        b->ex, b->grads, ld, rt_at(b->ex, b->grads, q), ld, rt_at(b->ex, b->grads, q + kv), ld, b->d_o, q,
        b->qkv, ld, rt_at(b->ex, b->qkv, q), ld, rt_at(b->ex, b->qkv, q + kv), ld, b->o, q, b->lse, &b->at);
}

static void segments(struct bench *b, int64_t count, int64_t length, int64_t heads, int64_t kv_heads, int64_t d,
                     bool causal)
{
    for (int64_t s = 0; s <= count; s++)
        b->host_cu[s] = (int32_t)(s * length);
    must(b, rt_exec_put(b->ex, b->cu, b->host_cu, sizeof b->host_cu));
    b->at = (struct rt_attention){ .cu = b->cu,
                                   .host_cu = b->host_cu,
                                   .segments = count,
                                   .max_length = length,
                                   .rows = count * length,
                                   .heads = heads,
                                   .kv_heads = kv_heads,
                                   .d = d,
                                   .causal = causal,
                                   .scale = 1 / sqrtf((float)d) };
}

static void attention(struct bench *b)
{
    segments(b, 1, ROWS, HEADS, KV_HEADS, D, true);
    b->ex->work_bytes = b->ex->ops->attention_work(&b->at);
    must(b, rt_exec_alloc(b->ex, &b->ex->work, b->ex->work_bytes));
    const double causal = 2.0 * HEADS * D * ROWS * (ROWS + 1.0); /* two products of the visible half */
    measure(b, "attention_fwd causal 1024, 16/2 x 128", attention_fwd, causal, "GFLOP/s");
    measure(b, "attention_bwd", attention_bwd, 2.5 * causal, "GFLOP/s");
    segments(b, WINDOWS, WINDOW, TOWER_HEADS, TOWER_HEADS, TOWER_D, false);
    const double windows = 4.0 * TOWER_HEADS * TOWER_D * WINDOWS * WINDOW * WINDOW;
    measure(b, "attention_fwd 64 windows of 64, 16 x 80", attention_fwd, windows, "GFLOP/s");
    measure(b, "attention_bwd", attention_bwd, 2.5 * windows, "GFLOP/s");
    rt_exec_free(b->ex, b->ex->work);
}

static void bench(enum rt_device device, enum rt_dtype type, int threads)
{
    struct bench b = { .norm = NULL };
    must(&b, rt_exec_open(&b.ex, device, type, 0, threads, &b.err));
    const double one = (double)b.ex->act_bytes, hidden = (double)ROWS * HIDDEN, mlp = (double)ROWS * MLP;
    rt_act **const of_hidden[] = { &b.x, &b.y, &b.z };
    rt_act **const wide[] = { &b.qkv, &b.grads, &b.o, &b.d_o };
    for (int i = 0; i < 3; i++)
        *of_hidden[i] = act(&b, (int64_t)ROWS * HIDDEN);
    for (int i = 0; i < 4; i++)
        *wide[i] = act(&b, (int64_t)WINDOWS * WINDOW * 3 * TOWER_HEADS * TOWER_D);
    b.w = act(&b, (int64_t)2 * MLP * HIDDEN);
    b.gu = act(&b, (int64_t)2 * MLP * ROWS);
    float **const vectors[] = { &b.p, &b.m, &b.v, &b.g, &b.table, &b.lse };
    for (int i = 0; i < 6; i++)
        *vectors[i] = tensor(&b, ADAMW, 4);
    float **const streams[] = { &b.stream, &b.sum, &b.dstream, &b.gain };
    for (int i = 0; i < 4; i++)
        *streams[i] = tensor(&b, (int64_t)ROWS * HIDDEN, 4);
    float **const small[] = { &b.rstd, &b.norm, &b.loss, &b.weight };
    for (int i = 0; i < 4; i++)
        *small[i] = tensor(&b, ROWS, 4);
    b.targets = tensor(&b, XENT_ROWS, 4);
    must(&b, rt_exec_zero(b.ex, b.targets, XENT_ROWS * 4));
    must(&b, rt_exec_zero(b.ex, b.v, ADAMW * 4));
    b.cu = tensor(&b, WINDOWS + 1, 4);

    measure(&b, "gemm x W' [1024,11008,2048]", gemm_nt, 4 * mlp * HIDDEN, "GFLOP/s");
    measure(&b, "gemm dy W [1024,2048,11008]", gemm_nn, 4 * mlp * HIDDEN, "GFLOP/s");
    measure(&b, "gemm x A' [1024,8,2048]", gemm_lora, 2 * hidden * 8, "GFLOP/s");
    measure(&b, "gemm_f32 dA [8,2048,1024]", gemm_f32, 2 * hidden * 8, "GFLOP/s");
    attention(&b);
    measure(&b, "swiglu_fwd [1024,5504]", swiglu_fwd, 3 * mlp * one, "GB/s");
    measure(&b, "swiglu_bwd", swiglu_bwd, 5 * mlp * one, "GB/s");
    measure(&b, "add_rmsnorm_fwd [1024,2048]", rmsnorm_fwd, hidden * (8 + 2 * one), "GB/s");
    measure(&b, "rmsnorm_bwd", rmsnorm_bwd, hidden * (12 + 2 * one), "GB/s");
    measure(&b, "add_layernorm_fwd [1024,2048]", layernorm_fwd, hidden * (8 + 2 * one), "GB/s");
    measure(&b, "rope text [1024,16,128]", rope_text, 2 * hidden * one, "GB/s");
    measure(&b, "rope vision [1024,16,128]", rope_vision, 2 * hidden * one, "GB/s");
    measure(&b, "gelu_fwd erf [1024,2048]", gelu_erf, 2 * hidden * one, "GB/s");
    measure(&b, "gelu_fwd quick [1024,2048]", gelu_quick, 2 * hidden * one, "GB/s");
    measure(&b, "xent [64,32000] with gradient", xent, 2.0 * XENT_ROWS * VOCAB * one, "GB/s");
    measure(&b, "dropout [1024,2048]", dropout, 2 * hidden * one, "GB/s");
    measure(&b, "l2norm 4 M", l2norm, 4.0 * ADAMW, "GB/s");
    measure(&b, "adamw 4 M", adamw, 28.0 * ADAMW, "GB/s");
    for (int i = 0; i < 3; i++)
        rt_exec_free(b.ex, *of_hidden[i]);
    for (int i = 0; i < 4; i++)
        rt_exec_free(b.ex, *wide[i]), rt_exec_free(b.ex, *small[i]), rt_exec_free(b.ex, *streams[i]);
    for (int i = 0; i < 6; i++)
        rt_exec_free(b.ex, *vectors[i]);
    void *const rest[] = { b.w, b.gu, b.targets, b.cu };
    for (int i = 0; i < 4; i++)
        rt_exec_free(b.ex, rest[i]);
    rt_exec_close(b.ex);
}

int main(int argc, char **argv)
{
    const int threads = argc > 1 ? atoi(argv[1]) : 1;
    const enum rt_device device = argc > 2 && strcmp(argv[2], "cuda") == 0 ? RT_DEVICE_CUDA : RT_DEVICE_CPU;
    bench(device, RT_F32, threads);
    bench(device, RT_BF16, threads);
    return EXIT_SUCCESS;
}
