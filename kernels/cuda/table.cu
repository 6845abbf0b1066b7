/* table.cu - the CUDA operations for each element type. */
#include "config.h"
#include "kernels/cuda/common.cuh"

template <typename T> static constexpr rt_ops table_of(const char *name)
{
    typedef rt_cuda_ops<T> ops;
    return {
        .name = name,
        .gemm = ops::gemm,
        .gemm_f32 = ops::gemm_f32,
        .add_rmsnorm_fwd = ops::add_rmsnorm_fwd,
        .rmsnorm_bwd = ops::rmsnorm_bwd,
        .add_layernorm_fwd = ops::add_layernorm_fwd,
        .layernorm_bwd = ops::layernorm_bwd,
        .rope = ops::rope,
        .attention_fwd = ops::attention_fwd,
        .attention_bwd = ops::attention_bwd,
        .attention_work = ops::attention_work,
        .swiglu_fwd = ops::swiglu_fwd,
        .swiglu_bwd = ops::swiglu_bwd,
        .gelu_fwd = ops::gelu_fwd,
        .gelu_bwd = ops::gelu_bwd,
        .gather_rows = ops::gather_rows,
        .scatter_rows = ops::scatter_rows,
        .gather_rows_f32 = ops::gather_rows_f32,
        .scatter_rows_f32 = ops::scatter_rows_f32,
        .embed_fwd = ops::embed_fwd,
        .embed_bwd = ops::embed_bwd,
        .patchify = ops::patchify,
        .xent = ops::xent,
        .dropout = ops::dropout,
        .cast = ops::cast,
        .widen = ops::widen,
        .l2norm = ops::l2norm,
        .adamw = ops::adamw,
    };
}

extern "C" {
extern const struct rt_ops rt_cuda_f32_ops, rt_cuda_bf16_ops;
constinit const struct rt_ops rt_cuda_f32_ops = table_of<float>("cuda fp32");
constinit const struct rt_ops rt_cuda_bf16_ops = table_of<bf16>("cuda bf16");
}
