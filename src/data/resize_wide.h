/* resize_wide.h - private: weights of the bicubic filter on one axis, and the resize of modes wider than a
 * byte. */
#ifndef RT_DATA_RESIZE_WIDE_H
#define RT_DATA_RESIZE_WIDE_H

#include "base/status.h"
#include "data/pixels.h"

#include <stdint.h>

struct rt_weights {
    int32_t taps;   /* row length of weight; no output uses more */
    int32_t *first; /* [outputs] first input of each output */
    int32_t *count; /* [outputs] inputs used */
    double *weight; /* [outputs, taps] sum 1 over the first count, 0 after */
};

/* Bicubic (a = -0.5), widened by the scale when shrinking. Fails: RT_ERR_MEMORY; *w is then empty. */
rt_status rt_weights_init(struct rt_weights *w, int32_t inputs, int32_t outputs, struct rt_error *err);
void rt_weights_free(struct rt_weights *w);

/* Pillow's bicubic of px (I16, I16B, I, F) to dst [height, width] of the same mode: sums in double, horizontal
 * pass first, each pass rounded to the mode. I16B is summed with its bytes swapped, as Pillow 11.3 does. */
rt_status rt_resize_wide(uint8_t *dst, int32_t width, int32_t height, const struct rt_pixels *px,
                         struct rt_error *err);

#endif
