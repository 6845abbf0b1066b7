/* l2norm.c - the length of a vector on the CPU, summed in double; contract in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"

#include <math.h>

rt_status RT_CPU(l2norm)(struct rt_exec *ex, float *norm, const float *g, int64_t n)
{
    RT_TRY(rt_check_shape(ex, "l2norm", n, 1));
    double squares = 0.0;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < n; i++)
        squares += (double)g[i] * (double)g[i];
    *norm = (float)sqrt(squares);
    return RT_OK;
}
