/* rows.cu - moving whole rows by an index on CUDA; contracts in ops.h. A thread moves V elements, once. */
#include "config.h"
#include "kernels/cuda/common.cuh"

/* y[to(r), :] = x[from(r), :], an index that is NULL being r itself. */
template <typename E, int V>
static __global__ void move(E *y, int64_t ldy, const int32_t *to, const E *x, int64_t ldx, const int32_t *from,
                            int64_t rows, int64_t cols)
{
    EACH (i, rows * (cols / V)) {
        const place at = place_of(i, cols / V);
        const int64_t source = from == NULL ? at.row : from[at.row], target = to == NULL ? at.row : to[at.row];
        store<V>(y + target * ldy + at.col * V, load<V>(x + source * ldx + at.col * V));
    }
}

template <typename E>
static rt_status move_rows(struct rt_exec *ex, const char *op, E *y, int64_t ldy, const int32_t *to, const E *x,
                           int64_t ldx, const int32_t *from, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, op, rows, cols));
    RT_TRY(rt_check_ld(ex, op, "y", ldy, cols));
    RT_TRY(rt_check_ld(ex, op, "x", ldx, cols));
    if (rows == 0)
        return RT_OK;
    with_width(width_of(cols, { view_of(y, ldy), view_of(x, ldx) }), [&](auto v) {
        move<E, v.value><<<blocks_for(rows * (cols / v.value)), BLOCK, 0, rt_stream(ex)>>>(y, ldy, to, x, ldx,
                                                                                           from, rows, cols);
    });
    return RT_CUDA(ex, cudaGetLastError());
}

template <typename T>
rt_status rt_cuda_ops<T>::gather_rows(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t ldx,
                                      const int32_t *index, int64_t rows, int64_t cols)
{
    return move_rows<T>(ex, "gather_rows", out<T>(y), ldy, NULL, in<T>(x), ldx, index, rows, cols);
}

template <typename T>
rt_status rt_cuda_ops<T>::scatter_rows(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t ldx,
                                       const int32_t *index, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check(ex, "scatter_rows", rows == 0 || index != NULL, "no index"));
    return move_rows<T>(ex, "scatter_rows", out<T>(y), ldy, index, in<T>(x), ldx, NULL, rows, cols);
}

template <typename T>
rt_status rt_cuda_ops<T>::gather_rows_f32(struct rt_exec *ex, float *y, int64_t ldy, const float *x,
                                          int64_t ldx, const int32_t *index, int64_t rows, int64_t cols)
{
    return move_rows<float>(ex, "gather_rows_f32", y, ldy, NULL, x, ldx, index, rows, cols);
}

template <typename T>
rt_status rt_cuda_ops<T>::scatter_rows_f32(struct rt_exec *ex, float *y, int64_t ldy, const float *x,
                                           int64_t ldx, const int32_t *index, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check(ex, "scatter_rows_f32", rows == 0 || index != NULL, "no index"));
    return move_rows<float>(ex, "scatter_rows_f32", y, ldy, index, x, ldx, NULL, rows, cols);
}

RT_CUDA_BOTH(gather_rows);
RT_CUDA_BOTH(scatter_rows);
RT_CUDA_BOTH(gather_rows_f32);
RT_CUDA_BOTH(scatter_rows_f32);
