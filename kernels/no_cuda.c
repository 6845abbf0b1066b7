/* no_cuda.c - stands in for the CUDA backend in a build without it: refuses to open. */
#include "config.h"
#include "kernels/backend.h"
#include "kernels/ops.h"

static bool absent(int local_rank)
{
    (void)local_rank;
    return false;
}

static rt_status refuse(struct rt_exec *ex, int local_rank, int threads)
{
    (void)local_rank, (void)threads;
    return rt_fail(ex->err, RT_ERR_DEVICE,
                   "device: cuda: this build of ranktune has no CUDA; write device: cpu, or build it "
                   "with --with-cuda=DIR");
}

/* As kernels/cuda/attention_bwd.cu: a sum of each row and head. */
static size_t attention_work(const struct rt_attention *at)
{
    return (size_t)at->heads * (size_t)at->rows * sizeof(float);
}

static const struct rt_ops *table(enum rt_dtype act)
{
    static const struct rt_ops f32 = { .name = "cuda fp32", .attention_work = attention_work },
                               bf16 = { .name = "cuda bf16", .attention_work = attention_work };
    return act == RT_F32 ? &f32 : &bf16;
}

const struct rt_backend rt_cuda_backend = { .table = table, .present = absent, .open = refuse };
