/* image_size.h - private: the sizes a picture passes through on its way into the model. */
#ifndef RT_DATA_IMAGE_SIZE_H
#define RT_DATA_IMAGE_SIZE_H

#include "base/status.h"
#include "data/image.h"

#include <stdint.h>

struct rt_size {
    int32_t width, height;
};

/* LLaMA-Factory's resizes, first on the picture's own mode, then as RGB, and last the processor's. */
struct rt_image_sizes {
    struct rt_size own[2], rgb[3], model;
    int owns, rgbs; /* how many of own and rgb are done */
};

/* Fails: RT_ERR_DATA when a side would become 0, the aspect is over 200, or a size is beyond what
 * rt_image_size_ok takes. */
rt_status rt_image_sizes(struct rt_image_sizes *sizes, const struct rt_image_rules *rules, int32_t width,
                         int32_t height, struct rt_error *err);

/* Is this a size that may be decoded? 1 to 65,500 a side, at most 2^28 pixels. */
bool rt_image_size_ok(int64_t width, int64_t height);

#endif
