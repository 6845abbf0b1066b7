/* rows.c - moving whole rows by an index on the CPU; contracts in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"

#include <string.h>

rt_status RT_CPU(gather_rows)(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t ldx,
                              const int32_t *index, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "gather_rows", rows, cols));
    RT_TRY(rt_check_ld(ex, "gather_rows", "y", ldy, cols));
    RT_TRY(rt_check_ld(ex, "gather_rows", "x", ldx, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    memcpy(out(y) + r * ldy, in(x) + (index == NULL ? r : index[r]) * ldx, (size_t)cols * sizeof(act));
    return RT_OK;
}

rt_status RT_CPU(scatter_rows)(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t ldx,
                               const int32_t *index, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "scatter_rows", rows, cols));
    RT_TRY(rt_check_ld(ex, "scatter_rows", "y", ldy, cols));
    RT_TRY(rt_check_ld(ex, "scatter_rows", "x", ldx, cols));
    RT_TRY(rt_check(ex, "scatter_rows", rows == 0 || index != NULL, "no index"));
    RT_EACH_ROW(ex, r, rows, cols)
    memcpy(out(y) + index[r] * ldy, in(x) + r * ldx, (size_t)cols * sizeof(act));
    return RT_OK;
}

rt_status RT_CPU(gather_rows_f32)(struct rt_exec *ex, float *y, int64_t ldy, const float *x, int64_t ldx,
                                  const int32_t *index, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "gather_rows_f32", rows, cols));
    RT_TRY(rt_check_ld(ex, "gather_rows_f32", "y", ldy, cols));
    RT_TRY(rt_check_ld(ex, "gather_rows_f32", "x", ldx, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    memcpy(y + r * ldy, x + (index == NULL ? r : index[r]) * ldx, (size_t)cols * sizeof *y);
    return RT_OK;
}

rt_status RT_CPU(scatter_rows_f32)(struct rt_exec *ex, float *y, int64_t ldy, const float *x, int64_t ldx,
                                   const int32_t *index, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "scatter_rows_f32", rows, cols));
    RT_TRY(rt_check_ld(ex, "scatter_rows_f32", "y", ldy, cols));
    RT_TRY(rt_check_ld(ex, "scatter_rows_f32", "x", ldx, cols));
    RT_TRY(rt_check(ex, "scatter_rows_f32", rows == 0 || index != NULL, "no index"));
    RT_EACH_ROW(ex, r, rows, cols)
    memcpy(y + index[r] * ldy, x + r * ldx, (size_t)cols * sizeof *y);
    return RT_OK;
}
