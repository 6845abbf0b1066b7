/* resize_lanes.h - private: the inner sum of the byte resizers. */
#ifndef RT_DATA_RESIZE_LANES_H
#define RT_DATA_RESIZE_LANES_H

#include <stddef.h>
#include <stdint.h>

/* dst[l] = clip((2^(bits - 1) + sum over j < count of k[j] * src[j * step + l]) >> bits, 0, 255) for l < lanes;
 * bits from 1 to 22. dst and src do not overlap. */
typedef void rt_weigh_fn(uint8_t *dst, const uint8_t *src, size_t step, size_t lanes, const int32_t *k,
                         int32_t count, int bits);

/* The fastest one that this processor runs; integers, so all give the same bits. */
rt_weigh_fn *rt_weigh_best(void);
rt_weigh_fn rt_weigh_plain;

#endif
