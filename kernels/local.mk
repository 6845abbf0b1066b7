# kernels/local.mk - the CPU operations are compiled for each element type and level of processor; the CUDA ones are templates.
librt_a_SOURCES += kernels/exec.h kernels/exec.c kernels/ops.h kernels/check.h kernels/check.c kernels/backend.h \
    kernels/cpu/backend.h kernels/cpu/backend.c kernels/cpu/blas.h kernels/cpu/blas.c kernels/cpu/levels.h
CPU_OPS = kernels/cpu/act.h kernels/cpu/exp.h kernels/cpu/low.h kernels/cpu/attention.h kernels/cpu/stream.h kernels/cpu/table.c \
    kernels/cpu/adamw.c kernels/cpu/attention_bwd.c kernels/cpu/attention_fwd.c \
    kernels/cpu/cast.c kernels/cpu/dropout.c kernels/cpu/embed.c kernels/cpu/gelu.c kernels/cpu/gemm.c \
    kernels/cpu/l2norm.c kernels/cpu/layernorm.c kernels/cpu/patchify.c kernels/cpu/rmsnorm.c kernels/cpu/rope.c \
    kernels/cpu/rows.c kernels/cpu/swiglu.c kernels/cpu/xent.c
# Loops marked simd become vectors; a * b + c is not contracted behind the source's back (clang would); sqrt need not
# set errno, nor comparisons floating-point flags, which nobody reads: without that gcc leaves loops over exp scalar.
# clang warns of loops marked simd that it leaves scalar; that is no fault.
CPU_OPS_CFLAGS = $(AM_CFLAGS) -O3 -fopenmp-simd $(OPENMP_CFLAGS) -ffp-contract=off -fno-math-errno -fno-trapping-math -Wno-pass-failed
libcpu_f32_a_SOURCES = $(CPU_OPS)
libcpu_f32_a_CPPFLAGS = $(AM_CPPFLAGS) -DRT_ACT_F32 -DRT_CPU_LEVEL=base
libcpu_f32_a_CFLAGS = $(CPU_OPS_CFLAGS)
libcpu_bf16_a_SOURCES = $(CPU_OPS)
libcpu_bf16_a_CPPFLAGS = $(AM_CPPFLAGS) -DRT_ACT_BF16 -DRT_CPU_LEVEL=base
libcpu_bf16_a_CFLAGS = $(CPU_OPS_CFLAGS)
if HAVE_CPU_LEVELS
librt_a_SOURCES += kernels/cpu/levels_x86.c
CPU_LIBS += libcpu_f32_avx2.a libcpu_bf16_avx2.a libcpu_f32_avx512.a libcpu_bf16_avx512.a
libcpu_f32_avx2_a_SOURCES = $(CPU_OPS)
libcpu_f32_avx2_a_CPPFLAGS = $(AM_CPPFLAGS) -DRT_ACT_F32 -DRT_CPU_LEVEL=avx2
libcpu_f32_avx2_a_CFLAGS = $(CPU_OPS_CFLAGS) -march=x86-64-v3
libcpu_bf16_avx2_a_SOURCES = $(CPU_OPS)
libcpu_bf16_avx2_a_CPPFLAGS = $(AM_CPPFLAGS) -DRT_ACT_BF16 -DRT_CPU_LEVEL=avx2
libcpu_bf16_avx2_a_CFLAGS = $(CPU_OPS_CFLAGS) -march=x86-64-v3
libcpu_f32_avx512_a_SOURCES = $(CPU_OPS)
libcpu_f32_avx512_a_CPPFLAGS = $(AM_CPPFLAGS) -DRT_ACT_F32 -DRT_CPU_LEVEL=avx512
libcpu_f32_avx512_a_CFLAGS = $(CPU_OPS_CFLAGS) -march=x86-64-v4
libcpu_bf16_avx512_a_SOURCES = $(CPU_OPS)
libcpu_bf16_avx512_a_CPPFLAGS = $(AM_CPPFLAGS) -DRT_ACT_BF16 -DRT_CPU_LEVEL=avx512
libcpu_bf16_avx512_a_CFLAGS = $(CPU_OPS_CFLAGS) -march=x86-64-v4
else
librt_a_SOURCES += kernels/cpu/levels_base.c
endif

CUDA_INCLUDES = kernels/cuda/backend.h kernels/cuda/common.cuh kernels/cuda/low.cuh kernels/cuda/cublas.h kernels/cuda/ops.cuh \
    kernels/cuda/attention.cuh kernels/cuda/attention_mma.cuh kernels/cuda/attention_wgmma.cuh \
    kernels/cuda/attention_wgmma_bwd.cuh kernels/cuda/attention_wgmma_bwd_copy.cuh \
    kernels/cuda/attention_wgmma_bwd_keys.cuh kernels/cuda/attention_wgmma_bwd_queries.cuh \
    kernels/cuda/attention_wgmma_fwd.cuh kernels/cuda/gemm_low.cuh kernels/cuda/hopper.cuh kernels/cuda/hopper.h
CUDA_UNITS = kernels/cuda/adamw.cu kernels/cuda/attention_bwd.cu kernels/cuda/attention_fwd.cu kernels/cuda/attention_mma_bwd.cu \
    kernels/cuda/attention_mma_fwd.cu kernels/cuda/attention_wgmma.cu kernels/cuda/attention_wgmma_bwd.cu \
    kernels/cuda/attention_wgmma_fwd.cu kernels/cuda/cast.cu \
    kernels/cuda/dropout.cu kernels/cuda/embed.cu kernels/cuda/gelu.cu kernels/cuda/gemm.cu kernels/cuda/gemm_low.cu \
    kernels/cuda/l2norm.cu \
    kernels/cuda/layernorm.cu kernels/cuda/patchify.cu kernels/cuda/rmsnorm.cu kernels/cuda/rope.cu \
    kernels/cuda/rows.cu kernels/cuda/swiglu.cu kernels/cuda/table.cu kernels/cuda/xent.cu
if HAVE_CUDA
noinst_LIBRARIES += libcuda_ops.a
CUDA_OPS += libcuda_ops.a
libcuda_ops_a_SOURCES = $(CUDA_INCLUDES) $(CUDA_UNITS) kernels/cuda/backend.c kernels/cuda/beside.c kernels/cuda/cublas.c
libcuda_ops_a_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
libcuda_ops_a_CFLAGS = $(AM_CFLAGS)
else
librt_a_SOURCES += kernels/no_cuda.c
endif

# As on the CPU, a * b + c is a fused operation where the source says fmaf and nowhere else. The C compiler links, so
# nothing of the C++ runtime may be used (the statics are those of nvcc's own launch code, set to the same value always).
RT_NVCCFLAGS = -std=c++20 --fmad=false $(NVCC_GENCODE) \
    -Xcompiler -Wall,-Wextra,-fno-exceptions,-fno-rtti,-fno-threadsafe-statics
AM_V_NVCC = $(am__v_NVCC_@AM_V@)
am__v_NVCC_ = $(am__v_NVCC_@AM_DEFAULT_V@)
am__v_NVCC_0 = @echo "  NVCC    " $@;
am__v_NVCC_1 =
.cu.o:
	@$(MKDIR_P) $(@D)
	$(AM_V_NVCC)$(NVCC) $(RT_NVCCFLAGS) $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) $(NVCCFLAGS) \
	    -MMD -MP -MF $(@:.o=.d) -c $< -o $@
CUDA_DEPS = $(CUDA_UNITS:.cu=.d)
-include $(CUDA_DEPS)
CLEANFILES += kernels/cuda/*.d
