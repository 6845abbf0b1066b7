/* embed.c - token embeddings with picture features put in, on the CPU; contracts in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"

#include <string.h>

/* One row of a table of either type. */
static void read_row(float *to, const void *table, enum rt_dtype type, int64_t row, int64_t cols)
{
    if (type == RT_F32)
        memcpy(to, (const float *)table + row * cols, (size_t)cols * sizeof *to);
    else
        for (int64_t c = 0; c < cols; c++)
            to[c] = rt_f32_of_bf16(((const rt_bf16 *)table)[row * cols + c]);
}

rt_status RT_CPU(embed_fwd)(struct rt_exec *ex, float *x, const void *table, enum rt_dtype table_type,
                            const int32_t *ids, const rt_act *features, const int32_t *image_rows, int64_t rows,
                            int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "embed_fwd", rows, cols));
    for (int64_t r = 0; r < rows; r++)
        RT_TRY(rt_check(ex, "embed_fwd", image_rows[r] < 0 || features != NULL,
                        "a picture's row without features"));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        if (image_rows[r] >= 0)
            read_row(x + r * cols, features, ex->act, image_rows[r], cols);
        else
            read_row(x + r * cols, table, table_type, ids[r], cols);
    }
    return RT_OK;
}

rt_status RT_CPU(embed_bwd)(struct rt_exec *ex, rt_act *dfeatures, const float *dx, const int32_t *image_rows,
                            int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "embed_bwd", rows, cols));
    RT_EACH_ROW(ex, r, rows, cols)
    {
        if (image_rows[r] < 0)
            continue;
        act *to = out(dfeatures) + image_rows[r] * cols;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            to[c] = rn(dx[r * cols + c]);
    }
    return RT_OK;
}
