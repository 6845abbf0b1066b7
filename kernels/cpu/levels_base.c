/* levels_base.c - the CPU operations' one level, where the compiler makes no others. */
#include "config.h"
#include "kernels/cpu/levels.h"

const struct rt_ops *rt_cpu_level(enum rt_dtype act, int i)
{
    return i > 0 ? NULL : act == RT_F32 ? &rt_cpu_f32_base_ops : &rt_cpu_bf16_base_ops;
}
