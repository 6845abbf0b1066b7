/* levels_x86.c - the levels of the CPU operations on x86-64: AVX-512, AVX2, and what every such processor has.
 */
#include "config.h"
#include "kernels/cpu/levels.h"

#include <stdbool.h>

const struct rt_ops *rt_cpu_level(enum rt_dtype act, int i)
{
    const struct {
        bool runs;
        const struct rt_ops *f32, *bf16;
    } level[] = {
        { __builtin_cpu_supports("x86-64-v4"), &rt_cpu_f32_avx512_ops, &rt_cpu_bf16_avx512_ops },
        { __builtin_cpu_supports("x86-64-v3"), &rt_cpu_f32_avx2_ops, &rt_cpu_bf16_avx2_ops },
        { true, &rt_cpu_f32_base_ops, &rt_cpu_bf16_base_ops },
    };
    for (size_t at = 0; at < sizeof level / sizeof *level; at++)
        if (level[at].runs && i-- == 0)
            return act == RT_F32 ? level[at].f32 : level[at].bf16;
    return NULL;
}
