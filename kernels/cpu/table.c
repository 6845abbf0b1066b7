/* table.c - the CPU's operations for one element type. */
#include "config.h"
#include "kernels/cpu/act.h"

#define TEXT(word) #word
#define LEVEL(word) " " TEXT(word)

extern const struct rt_ops RT_CPU(ops);
const struct rt_ops RT_CPU(ops) = {
    .name = ACT_IS_F32 ? "cpu fp32" LEVEL(RT_CPU_LEVEL) : "cpu bf16" LEVEL(RT_CPU_LEVEL),
    .gemm = RT_CPU(gemm),
    .gemm_f32 = RT_CPU(gemm_f32),
    .add_rmsnorm_fwd = RT_CPU(add_rmsnorm_fwd),
    .rmsnorm_bwd = RT_CPU(rmsnorm_bwd),
    .add_layernorm_fwd = RT_CPU(add_layernorm_fwd),
    .layernorm_bwd = RT_CPU(layernorm_bwd),
    .rope = RT_CPU(rope),
    .attention_fwd = RT_CPU(attention_fwd),
    .attention_bwd = RT_CPU(attention_bwd),
    .attention_work = RT_CPU(attention_work),
    .swiglu_fwd = RT_CPU(swiglu_fwd),
    .swiglu_bwd = RT_CPU(swiglu_bwd),
    .gelu_fwd = RT_CPU(gelu_fwd),
    .gelu_bwd = RT_CPU(gelu_bwd),
    .gather_rows = RT_CPU(gather_rows),
    .scatter_rows = RT_CPU(scatter_rows),
    .gather_rows_f32 = RT_CPU(gather_rows_f32),
    .scatter_rows_f32 = RT_CPU(scatter_rows_f32),
    .embed_fwd = RT_CPU(embed_fwd),
    .embed_bwd = RT_CPU(embed_bwd),
    .patchify = RT_CPU(patchify),
    .xent = RT_CPU(xent),
    .dropout = RT_CPU(dropout),
    .cast = RT_CPU(cast),
    .widen = RT_CPU(widen),
    .l2norm = RT_CPU(l2norm),
    .adamw = RT_CPU(adamw),
};
