/*
 * embed.cu - token embeddings with picture features put in, on CUDA; contracts in ops.h.
 *
 * A thread moves V elements, once. A picture's row without features cannot be seen by the host: it becomes NaN.
 */
#include "config.h"
#include "kernels/cuda/common.cuh"

template <typename T, typename Table, int V>
static __global__ void fwd(float *x, const Table *table, const int32_t *ids, const T *features,
                           const int32_t *image_rows, int64_t rows, int64_t cols)
{
    EACH (i, rows * (cols / V)) {
        const place at = place_of(i, cols / V);
        const int64_t image_row = image_rows[at.row];
        pack<float, V> to;
        if (image_row < 0) {
            const pack<Table, V> from = load<V>(table + ids[at.row] * cols + at.col * V);
#pragma unroll
            for (int j = 0; j < V; j++)
                to.e[j] = f32(from.e[j]);
        } else if (features != NULL) {
            const pack<T, V> from = load<V>(features + image_row * cols + at.col * V);
#pragma unroll
            for (int j = 0; j < V; j++)
                to.e[j] = f32(from.e[j]);
        } else {
            for (int j = 0; j < V; j++)
                to.e[j] = nanf("");
        }
        store<V>(x + i * V, to);
    }
}

template <typename T, int V>
static __global__ void bwd(T *dfeatures, const float *dx, const int32_t *image_rows, int64_t rows, int64_t cols)
{
    EACH (i, rows * (cols / V)) {
        const place at = place_of(i, cols / V);
        const int64_t image_row = image_rows[at.row];
        if (image_row < 0)
            continue;
        const pack<float, V> from = load<V>(dx + i * V);
        pack<T, V> to;
#pragma unroll
        for (int j = 0; j < V; j++)
            to.e[j] = rn<T>(from.e[j]);
        store<V>(dfeatures + image_row * cols + at.col * V, to);
    }
}

template <typename T, typename Table>
static void launch_fwd(struct rt_exec *ex, float *x, const Table *table, const int32_t *ids, const T *features,
                       const int32_t *image_rows, int64_t rows, int64_t cols)
{
    const int width = width_of(cols, { view_of(x, cols), view_of(table, cols), view_of(features, cols) });
    with_width(width, [&](auto v) {
        fwd<T, Table, v.value><<<blocks_for(rows * (cols / v.value)), BLOCK, 0, rt_stream(ex)>>>(
            x, table, ids, features, image_rows, rows, cols);
    });
}

template <typename T>
rt_status rt_cuda_ops<T>::embed_fwd(struct rt_exec *ex, float *x, const void *table, enum rt_dtype table_type,
                                    const int32_t *ids, const rt_act *features, const int32_t *image_rows,
                                    int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "embed_fwd", rows, cols));
    if (rows == 0)
        return RT_OK;
    if (table_type == RT_F32)
        launch_fwd<T>(ex, x, (const float *)table, ids, in<T>(features), image_rows, rows, cols);
    else
        launch_fwd<T>(ex, x, (const bf16 *)table, ids, in<T>(features), image_rows, rows, cols);
    return RT_CUDA(ex, cudaGetLastError());
}

template <typename T>
rt_status rt_cuda_ops<T>::embed_bwd(struct rt_exec *ex, rt_act *dfeatures, const float *dx,
                                    const int32_t *image_rows, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "embed_bwd", rows, cols));
    if (rows == 0)
        return RT_OK;
    with_width(width_of(cols, { view_of(out<T>(dfeatures), cols), view_of(dx, cols) }), [&](auto v) {
        bwd<T, v.value><<<blocks_for(rows * (cols / v.value)), BLOCK, 0, rt_stream(ex)>>>(
            out<T>(dfeatures), dx, image_rows, rows, cols);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(embed_fwd);
RT_CUDA_BOTH(embed_bwd);
