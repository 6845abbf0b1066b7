/*
 * xent.cu - cross entropy of rows of logits, and its gradient in place, on CUDA; contract in ops.h.
 *
 * A block a row; three passes over it (largest, sum, gradient), of which the later ones mostly hit the L2. A
 * target that is no column cannot be seen by the host: its loss is NaN.
 */
#include "config.h"
#include "kernels/cuda/common.cuh"

constexpr int THREADS = 512; /* of 152064 columns each adds 297: few enough for fp32, as on the CPU */

template <typename T, int V> static __device__ float largest(const T *z, int64_t cols)
{
    float top = -INFINITY;
    for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += THREADS * V) {
        const pack<T, V> p = load<V>(z + c);
#pragma unroll
        for (int j = 0; j < V; j++)
            top = fmaxf(top, f32(p.e[j]));
    }
    return block_max<THREADS>(top);
}

/* The sum of exp(z - top), and whether a column before the target holds the largest logit too. */
template <typename T, int V>
static __device__ double sum_exp(const T *z, int64_t cols, float top, int64_t target, bool *earlier)
{
    float sum = 0.0f;
    int found = 0;
    for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += THREADS * V) {
        const pack<T, V> p = load<V>(z + c);
#pragma unroll
        for (int j = 0; j < V; j++) {
            sum += expf(f32(p.e[j]) - top);
            found |= c + j < target && f32(p.e[j]) == top;
        }
    }
    *earlier = __syncthreads_or(found);
    return block_sum<THREADS>((double)sum);
}

template <typename T, int V>
static __global__ void rows_of_logits(T *logits, float *row_loss, float *row_hit, const int32_t *targets,
                                      const float *weight, int64_t rows, int64_t cols, bool with_grad)
{
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        T *const z = logits + r * cols;
        const int64_t target = targets[r];
        const bool valid = target >= 0 && target < cols;
        const float top = largest<T, V>(z, cols), at_target = valid ? f32(z[target]) : nanf("");
        bool earlier;
        const double sum = sum_exp<T, V>(z, cols, top, target, &earlier);
        if (threadIdx.x == 0) {
            row_loss[r] = (float)(log(sum) - ((double)at_target - (double)top));
            if (row_hit != NULL)
                row_hit[r] = at_target == top && !earlier ? 1.0f : 0.0f;
        }
        if (!with_grad)
            continue;
        /* exp(z - lse) = exp(z - top) / sum; all have read z[target] and the row: the sums above synchronize */
        const float inverse = (float)(1.0 / sum), w = weight[r];
        for (int64_t c = (int64_t)threadIdx.x * V; c < cols; c += THREADS * V) {
            pack<T, V> p = load<V>(z + c);
#pragma unroll
            for (int j = 0; j < V; j++) {
                const float prob = expf(f32(p.e[j]) - top) * inverse;
                p.e[j] = rn<T>(w * (c + j == target ? prob - 1.0f : prob));
            }
            store<V>(z + c, p);
        }
    }
}

template <typename T>
rt_status rt_cuda_ops<T>::xent(struct rt_exec *ex, rt_act *logits, float *row_loss, float *row_hit,
                               const int32_t *targets, const float *weight, int64_t rows, int64_t cols,
                               bool with_grad)
{
    RT_TRY(rt_check_shape(ex, "xent", rows, cols));
    if (rows == 0)
        return RT_OK;
    with_width(width_of(cols, { view_of(out<T>(logits), cols) }), [&](auto v) {
        rows_of_logits<T, v.value><<<blocks_of_rows(rows), THREADS, 0, rt_stream(ex)>>>(
            out<T>(logits), row_loss, row_hit, targets, weight, rows, cols, with_grad);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(xent);
