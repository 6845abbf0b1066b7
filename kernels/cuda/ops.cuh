/*
 * ops.cuh - the CUDA operations as they are defined: functions of a class over the element type.
 *
 * Each .cu defines its operation once as a template, in terms of the types of ops.h, and instantiates it for
 * both.
 */
#ifndef RT_KERNELS_CUDA_OPS_CUH
#define RT_KERNELS_CUDA_OPS_CUH

extern "C" {
#include "kernels/check.h"
#include "kernels/ops.h"
}

template <typename T> struct rt_cuda_ops {
    static rt_gemm_fn gemm;
    static rt_gemm_f32_fn gemm_f32;
    static rt_add_rmsnorm_fwd_fn add_rmsnorm_fwd;
    static rt_rmsnorm_bwd_fn rmsnorm_bwd;
    static rt_add_layernorm_fwd_fn add_layernorm_fwd;
    static rt_layernorm_bwd_fn layernorm_bwd;
    static rt_rope_fn rope;
    static rt_attention_fwd_fn attention_fwd;
    static rt_attention_bwd_fn attention_bwd;
    static rt_attention_work_fn attention_work;
    static rt_swiglu_fwd_fn swiglu_fwd;
    static rt_swiglu_bwd_fn swiglu_bwd;
    static rt_gelu_fwd_fn gelu_fwd;
    static rt_gelu_bwd_fn gelu_bwd;
    static rt_gather_rows_fn gather_rows;
    static rt_scatter_rows_fn scatter_rows;
    static rt_gather_rows_f32_fn gather_rows_f32;
    static rt_scatter_rows_f32_fn scatter_rows_f32;
    static rt_embed_fwd_fn embed_fwd;
    static rt_embed_bwd_fn embed_bwd;
    static rt_patchify_fn patchify;
    static rt_xent_fn xent;
    static rt_dropout_fn dropout;
    static rt_cast_fn cast;
    static rt_widen_fn widen;
    static rt_l2norm_fn l2norm;
    static rt_adamw_fn adamw;
};

/* Puts both versions of an operation into the object: RT_CUDA_BOTH(rope). */
#define RT_CUDA_BOTH(name)                                                                                     \
    template rt_##name##_fn rt_cuda_ops<float>::name;                                                          \
    template rt_##name##_fn rt_cuda_ops<__nv_bfloat16>::name

#endif
