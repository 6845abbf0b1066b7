# kernels/local.mk - the CPU operations are compiled twice, once an element type.
librt_a_SOURCES += kernels/exec.h kernels/ops.h
libcpu_f32_a_SOURCES = $(CPU_OPS)
libcpu_f32_a_CPPFLAGS = $(AM_CPPFLAGS) -DRT_ACT_F32
libcpu_f32_a_CFLAGS = $(AM_CFLAGS) -O3
libcpu_bf16_a_SOURCES = $(CPU_OPS)
libcpu_bf16_a_CPPFLAGS = $(AM_CPPFLAGS) -DRT_ACT_BF16
libcpu_bf16_a_CFLAGS = $(AM_CFLAGS) -O3
CPU_OPS =
