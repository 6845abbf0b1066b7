# kernels/local.mk - the CPU operations are compiled twice, once an element type.
librt_a_SOURCES += kernels/exec.h kernels/exec.c kernels/ops.h kernels/check.h kernels/check.c kernels/backend.h \
    kernels/no_cuda.c kernels/cpu/backend.h kernels/cpu/backend.c kernels/cpu/blas.h kernels/cpu/blas.c
CPU_OPS = kernels/cpu/act.h kernels/cpu/exp.h kernels/cpu/attention.h kernels/cpu/table.c \
    kernels/cpu/adamw.c kernels/cpu/attention_bwd.c kernels/cpu/attention_fwd.c \
    kernels/cpu/cast.c kernels/cpu/dropout.c kernels/cpu/embed.c kernels/cpu/gelu.c kernels/cpu/gemm.c \
    kernels/cpu/l2norm.c kernels/cpu/layernorm.c kernels/cpu/patchify.c kernels/cpu/rmsnorm.c kernels/cpu/rope.c \
    kernels/cpu/rows.c kernels/cpu/swiglu.c kernels/cpu/xent.c
# Loops marked simd become vectors; a * b + c is not contracted behind the source's back (clang would); sqrt need not
# set errno, nor comparisons floating-point flags, which nobody reads: without that gcc leaves loops over exp scalar.
# clang warns of loops marked simd that it leaves scalar; that is no fault.
CPU_OPS_CFLAGS = $(AM_CFLAGS) -O3 -fopenmp-simd -ffp-contract=off -fno-math-errno -fno-trapping-math -Wno-pass-failed
libcpu_f32_a_SOURCES = $(CPU_OPS)
libcpu_f32_a_CPPFLAGS = $(AM_CPPFLAGS) -DRT_ACT_F32
libcpu_f32_a_CFLAGS = $(CPU_OPS_CFLAGS)
libcpu_bf16_a_SOURCES = $(CPU_OPS)
libcpu_bf16_a_CPPFLAGS = $(AM_CPPFLAGS) -DRT_ACT_BF16
libcpu_bf16_a_CFLAGS = $(CPU_OPS_CFLAGS)
