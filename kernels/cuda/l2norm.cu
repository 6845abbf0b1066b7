/*
 * l2norm.cu - the length of a vector on CUDA, summed in double; contract in ops.h.
 *
 * Up to RT_CUDA_PARTIALS blocks each leave a sum, one block adds these: the order depends on n alone. One read.
 */
#include "config.h"
#include "kernels/cuda/common.cuh"

static __global__ void squares(double *partial, const float *g, int64_t n)
{
    double sum = 0.0;
    EACH (i, n)
        sum += (double)g[i] * (double)g[i];
    sum = block_sum<BLOCK>(sum);
    if (threadIdx.x == 0)
        partial[blockIdx.x] = sum;
}

static __global__ void root(float *norm, const double *partial, int count)
{
    double sum = 0.0;
    for (int i = threadIdx.x; i < count; i += BLOCK)
        sum += partial[i];
    sum = block_sum<BLOCK>(sum);
    if (threadIdx.x == 0)
        *norm = (float)sqrt(sum);
}

template <typename T>
rt_status rt_cuda_ops<T>::l2norm(struct rt_exec *ex, float *norm, const float *g, int64_t n)
{
    RT_TRY(rt_check_shape(ex, "l2norm", n, 1));
    const unsigned most = RT_CUDA_PARTIALS, blocks = blocks_for(n), count = blocks < most ? blocks : most;
    double *const partial = rt_cuda_of(ex)->partial;
    if (count > 0)
        squares<<<count, BLOCK, 0, rt_stream(ex)>>>(partial, g, n);
    RT_TRY(RT_CUDA(ex, cudaGetLastError()));
    root<<<1, BLOCK, 0, rt_stream(ex)>>>(norm, partial, (int)count);
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(l2norm);
