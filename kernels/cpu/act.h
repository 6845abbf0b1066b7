/*
 * act.h - the element type that a file of kernels/cpu is being compiled for.
 *
 * Each operation is written once over `act` and compiled with RT_ACT_F32 and with RT_ACT_BF16, for each
 * RT_CPU_LEVEL. f32() reads an element, rn() rounds to one; panels are float views of blocks that OpenBLAS can
 * read or add to: the tensor itself in fp32, a converted copy in scratch in bf16.
 */
#ifndef RT_KERNELS_CPU_ACT_H
#define RT_KERNELS_CPU_ACT_H

#include "base/bf16.h"
#include "kernels/cpu/backend.h"
#include "kernels/check.h"
#include "kernels/ops.h"

/* for (r of rows), shared out to the exec's threads: each row is made by one of them, with the same bits as by
 * any other. */
#define RT_PRAGMA(text) _Pragma(#text)
#define RT_EACH_ROW(ex, r, rows, cols)                                                                         \
    RT_PRAGMA(omp parallel for schedule(static) num_threads(rt_cpu_team(ex, (rows) * (cols))))                 \
    for (int64_t r = 0; r < (rows); r++)

/* For loops whose iterations are independent, also when an output is an input: nothing to prove. */
#define RT_SIMD _Pragma("omp simd")

/* rt_cpu_f32_avx2_gemm: the element type, the level of processor (see levels.h), the operation. */
#define RT_CPU_NAME(type, level, name) RT_CPU_PASTE(type, level, name)
#define RT_CPU_PASTE(type, level, name) rt_cpu_##type##_##level##_##name

struct panel {
    const float *p;
    int64_t ld;
};
struct sums {
    float *p;
    int64_t ld;
};

#if defined RT_ACT_F32

#define RT_CPU(name) RT_CPU_NAME(f32, RT_CPU_LEVEL, name)
typedef float act;
enum { ACT_IS_F32 = 1 };

static inline float f32(act x)
{
    return x;
}

static inline act rn(float x)
{
    return x;
}

/* A float view of x[rows, cols]; scratch holds rows * cols and is used only where a copy is needed. */
static inline struct panel panel_of(const act *x, int64_t ld, int64_t rows, int64_t cols, float *scratch)
{
    (void)rows, (void)cols, (void)scratch;
    return (struct panel){ x, ld };
}

/* Where to sum y[.., cols] in fp32 before it is rounded; not set. sums_round ends it. */
static inline struct sums sums_for(act *y, int64_t ldy, int64_t cols, float *scratch)
{
    (void)cols, (void)scratch;
    return (struct sums){ y, ldy };
}

static inline void sums_round(act *y, int64_t ldy, int64_t rows, int64_t cols, struct sums s)
{
    (void)y, (void)ldy, (void)rows, (void)cols, (void)s;
}

#elif defined RT_ACT_BF16

#define RT_CPU(name) RT_CPU_NAME(bf16, RT_CPU_LEVEL, name)
typedef rt_bf16 act;
enum { ACT_IS_F32 = 0 };

static inline float f32(act x)
{
    return rt_f32_of_bf16(x);
}

static inline act rn(float x)
{
    return rt_bf16_of_f32(x);
}

static inline struct panel panel_of(const act *x, int64_t ld, int64_t rows, int64_t cols, float *scratch)
{
    for (int64_t r = 0; r < rows; r++) {
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            scratch[r * cols + c] = f32(x[r * ld + c]);
    }
    return (struct panel){ scratch, cols };
}

static inline struct sums sums_for(act *y, int64_t ldy, int64_t cols, float *scratch)
{
    (void)y, (void)ldy;
    return (struct sums){ scratch, cols };
}

static inline void sums_round(act *y, int64_t ldy, int64_t rows, int64_t cols, struct sums s)
{
    for (int64_t r = 0; r < rows; r++) {
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            y[r * ldy + c] = rn(s.p[r * s.ld + c]);
    }
}

#else
#error "compile with RT_ACT_F32 or RT_ACT_BF16"
#endif

/* Tensors arrive as the incomplete rt_act; inside they are elements. */
static inline const act *in(const rt_act *x)
{
    return (const act *)x;
}

static inline act *out(rt_act *y)
{
    return (act *)y;
}

extern rt_gemm_fn RT_CPU(gemm);
extern rt_gemm_f32_fn RT_CPU(gemm_f32);
extern rt_add_rmsnorm_fwd_fn RT_CPU(add_rmsnorm_fwd);
extern rt_rmsnorm_bwd_fn RT_CPU(rmsnorm_bwd);
extern rt_add_layernorm_fwd_fn RT_CPU(add_layernorm_fwd);
extern rt_layernorm_bwd_fn RT_CPU(layernorm_bwd);
extern rt_rope_fn RT_CPU(rope);
extern rt_attention_fwd_fn RT_CPU(attention_fwd);
extern rt_attention_bwd_fn RT_CPU(attention_bwd);
extern rt_attention_work_fn RT_CPU(attention_work);
extern rt_swiglu_fwd_fn RT_CPU(swiglu_fwd);
extern rt_swiglu_bwd_fn RT_CPU(swiglu_bwd);
extern rt_gelu_fwd_fn RT_CPU(gelu_fwd);
extern rt_gelu_bwd_fn RT_CPU(gelu_bwd);
extern rt_gather_rows_fn RT_CPU(gather_rows);
extern rt_scatter_rows_fn RT_CPU(scatter_rows);
extern rt_gather_rows_f32_fn RT_CPU(gather_rows_f32);
extern rt_scatter_rows_f32_fn RT_CPU(scatter_rows_f32);
extern rt_embed_fwd_fn RT_CPU(embed_fwd);
extern rt_embed_bwd_fn RT_CPU(embed_bwd);
extern rt_patchify_fn RT_CPU(patchify);
extern rt_xent_fn RT_CPU(xent);
extern rt_dropout_fn RT_CPU(dropout);
extern rt_cast_fn RT_CPU(cast);
extern rt_widen_fn RT_CPU(widen);
extern rt_l2norm_fn RT_CPU(l2norm);
extern rt_adamw_fn RT_CPU(adamw);

#endif
