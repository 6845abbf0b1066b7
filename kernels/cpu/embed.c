/* embed.c - token embeddings with picture features put in, on the CPU; contracts in ops.h. */
#include "config.h"
#include "kernels/cpu/act.h"

rt_status RT_CPU(embed_fwd)(struct rt_exec *ex, float *x, const rt_act *table, const int32_t *ids,
                            const rt_act *features, const int32_t *image_rows, int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "embed_fwd", rows, cols));
    for (int64_t r = 0; r < rows; r++) {
        RT_TRY(rt_check(ex, "embed_fwd", image_rows[r] < 0 || features != NULL,
                        "a picture's row without features"));
        const act *from = image_rows[r] >= 0 ? in(features) + image_rows[r] * cols : in(table) + ids[r] * cols;
        RT_SIMD
        for (int64_t c = 0; c < cols; c++)
            x[r * cols + c] = f32(from[c]);
    }
    return RT_OK;
}

rt_status RT_CPU(embed_bwd)(struct rt_exec *ex, rt_act *dfeatures, const float *dx, const int32_t *image_rows,
                            int64_t rows, int64_t cols)
{
    RT_TRY(rt_check_shape(ex, "embed_bwd", rows, cols));
    for (int64_t r = 0; r < rows; r++) {
        act *to = out(dfeatures) + image_rows[r] * cols;
        RT_SIMD
        for (int64_t c = 0; c < (image_rows[r] >= 0 ? cols : 0); c++)
            to[c] = rn(dx[r * cols + c]);
    }
    return RT_OK;
}
