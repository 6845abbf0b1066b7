/* rope.h - rotary tables of a batch, on the host. Private to model. */
#ifndef RT_MODEL_ROPE_H
#define RT_MODEL_ROPE_H

#include "base/status.h"

#include <stdint.h>

/* cos and sin of position * frequency, computed once for all positions that can come. */
struct rt_rope_table {
    int64_t positions, freqs;
    float *cos, *sin; /* [positions, freqs] */
};

/* freq f = 1 / base^(2 f / span); angles in fp32 as the reference has them. Fails: RT_ERR_MEMORY. */
rt_status rt_rope_table_init(struct rt_rope_table *table, int64_t positions, int64_t freqs, double base,
                             int64_t span, struct rt_error *err);
void rt_rope_table_free(struct rt_rope_table *table);

/* Text, mRoPE: rows of d/2 angles; frequency f follows time, height or width by `section` (they add up to d/2).
 * positions [3, rows]. Source: apply_multimodal_rotary_pos_emb of transformers. */
void rt_rope_text(const struct rt_rope_table *table, const int64_t section[3], const int32_t *positions,
                  int64_t rows, float *cos, float *sin);
/* Vision: row of patch (y, x) is [y freqs, x freqs]; the table has d/4 freqs. */
void rt_rope_vision_row(const struct rt_rope_table *table, int64_t y, int64_t x, float *cos, float *sin);

#endif
