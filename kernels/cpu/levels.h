/* levels.h - the tables of CPU operations: one a level of processor that this build knows, and those that run
 * here. */
#ifndef RT_KERNELS_CPU_LEVELS_H
#define RT_KERNELS_CPU_LEVELS_H

#include "kernels/exec.h"

extern const struct rt_ops rt_cpu_f32_base_ops, rt_cpu_bf16_base_ops, rt_cpu_f32_avx2_ops, rt_cpu_bf16_avx2_ops,
    rt_cpu_f32_avx512_ops, rt_cpu_bf16_avx512_ops;

/* The table for act of the i-th level that this processor runs, the best first; NULL where i is beyond the
 * last. */
const struct rt_ops *rt_cpu_level(enum rt_dtype act, int i);

#endif
