/* kept.c - activations of a tower's blocks: who keeps what, and running the rest again. */
#include "config.h"
#include "model/kept.h"

#include <stdlib.h>

rt_status rt_kept_init(struct rt_kept *kept, int64_t blocks, struct rt_error *err)
{
    kept->blocks = blocks;
    kept->in_spare = -1;
    kept->keep = calloc((size_t)blocks, sizeof *kept->keep);
    kept->block = calloc((size_t)blocks, sizeof *kept->block);
    if (kept->keep == NULL || kept->block == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of host memory for the model");
    return RT_OK;
}

void rt_kept_free(struct rt_kept *kept)
{
    free(kept->keep);
    free(kept->block);
}

void rt_kept_take(struct rt_kept *kept, struct rt_arena *arena, const struct rt_tower *tower,
                  const struct rt_block *block, int64_t rows, size_t act_bytes, bool backward)
{
    const struct rt_block widest = rt_block_widest(block, kept->blocks);
    enum rt_keep least = RT_KEEP_ALL;
    size_t mark = arena->used_bytes;
    for (int64_t i = 0; i < kept->blocks; i++) {
        const enum rt_keep keep = backward ? kept->keep[i] : RT_KEEP_NONE;
        least = keep > least ? keep : least;
    }
    kept->spare = (struct rt_block_acts){ 0 };
    rt_block_spare_take(&kept->spare, arena, tower, &widest, rows, act_bytes, least);
    kept->spare_bytes = arena->used_bytes - mark;
    mark = arena->used_bytes;
    for (int64_t i = 0; i < kept->blocks; i++) {
        kept->block[i] = kept->spare;
        rt_block_acts_take(&kept->block[i], arena, tower, &block[i], rows, act_bytes,
                           backward ? kept->keep[i] : RT_KEEP_NONE);
    }
    kept->kept_bytes = arena->used_bytes - mark;
    mark = arena->used_bytes;
    if (backward)
        rt_block_work_take(&kept->work, arena, tower, &widest, rows, act_bytes);
    kept->work_bytes = arena->used_bytes - mark;
}

rt_status rt_kept_fwd(const struct rt_pass *pass, const struct rt_tower *tower, const struct rt_block *block,
                      struct rt_kept *kept, int64_t i, const struct rt_place *place, const float *x,
                      rt_act *delta)
{
    if (kept->keep[i] != RT_KEEP_ALL)
        kept->in_spare = i;
    return rt_block_fwd(pass, tower, &block[i], &kept->block[i], place, i == 0 ? x : kept->block[i - 1].x2,
                        delta, i == 0);
}

rt_status rt_kept_bwd(const struct rt_pass *pass, const struct rt_tower *tower, const struct rt_block *block,
                      struct rt_kept *kept, int64_t i, const struct rt_place *place, const float *x,
                      rt_act *delta, float *dx, rt_act *dx_act, bool need_dx)
{
    const struct rt_block_acts *acts = &kept->block[i];
    if (kept->in_spare != i)
        RT_TRY(rt_block_again(pass, tower, &block[i], acts, place, x, delta, i == 0, kept->keep[i]));
    if (kept->keep[i] != RT_KEEP_ALL)
        kept->in_spare = -1; /* backward overwrites parts of it */
    return rt_block_bwd(pass, tower, &block[i], acts, &kept->work, place, x, dx, dx_act, i == 0, need_dx);
}
