/* positions.h - multimodal rotary position ids of one sample. */
#ifndef RT_DATA_POSITIONS_H
#define RT_DATA_POSITIONS_H

#include <stdint.h>

/* Where the next tokens of a sample go: one counter that text advances by its tokens and a picture by its
 * longer side (in merged patches). Starts at 0 with each sample. */

/* `count` text tokens from *next on: all three axes count up. Each of t, h, w has room for count. */
void rt_positions_text(int32_t *t, int32_t *h, int32_t *w, int64_t count, int32_t *next);
/* A picture of slots x rows x columns merged patches: time next + slot, height next + row, width next + column;
 * room for slots * rows * columns. Source: get_rope_index of transformers 5.6 (a still has one slot). */
void rt_positions_picture(int32_t *t, int32_t *h, int32_t *w, int32_t slots, int32_t rows, int32_t columns,
                          int32_t *next);

#endif
