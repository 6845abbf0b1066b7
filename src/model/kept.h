/*
 * kept.h - what the blocks of a tower keep from forward to backward, each as much as the memory plan says, and
 * the one set of buffers that serves all blocks in turn for what they do not keep. Private to model.
 */
#ifndef RT_MODEL_KEPT_H
#define RT_MODEL_KEPT_H

#include "model/block.h"

struct rt_kept {
    int64_t blocks;
    enum rt_keep *keep;          /* [blocks] of a pass with backward */
    struct rt_block_acts *block; /* [blocks] */
    struct rt_block_acts spare;
    int64_t in_spare;          /* the block whose values lie in spare; -1: nobody's */
    struct rt_block_work work; /* of the backward */
    size_t kept_bytes, spare_bytes, work_bytes;
};

/* Everything is kept. Fails: RT_ERR_MEMORY. */
rt_status rt_kept_init(struct rt_kept *kept, int64_t blocks, struct rt_error *err);
void rt_kept_free(struct rt_kept *kept);

/* Memory for passes of up to `rows` rows; without backward one set of buffers serves all blocks. */
void rt_kept_take(struct rt_kept *kept, struct rt_arena *arena, const struct rt_tower *tower,
                  const struct rt_block *block, int64_t rows, size_t act_bytes, bool backward);

/* As rt_block_fwd and rt_block_bwd, of block[i]; x is the stream before the first block. What block[i] did not
 * keep is run again, unless it is still there. delta is scratch of the backward. */
rt_status rt_kept_fwd(const struct rt_pass *pass, const struct rt_tower *tower, const struct rt_block *block,
                      struct rt_kept *kept, int64_t i, const struct rt_place *place, const float *x,
                      rt_act *delta);
rt_status rt_kept_bwd(const struct rt_pass *pass, const struct rt_tower *tower, const struct rt_block *block,
                      struct rt_kept *kept, int64_t i, const struct rt_place *place, const float *x,
                      rt_act *delta, float *dx, rt_act *dx_act, bool need_dx);

/* The stream after the last block, without the delta that goes with it. */
static inline const float *rt_kept_last(const struct rt_kept *kept)
{
    return kept->block[kept->blocks - 1].x2;
}

#endif
