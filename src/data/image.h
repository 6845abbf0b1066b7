/*
 * image.h - pictures: sizes from headers, decoding as Pillow does it, and the two resizes of the reference.
 *
 * A picture passes LLaMA-Factory's limits first (Pillow's resize on the picture's own mode), then the
 * processor's smart_resize (torchvision's, or Pillow's with use_fast_tokenizer: false). Thread-safe: no state.
 */
#ifndef RT_DATA_IMAGE_H
#define RT_DATA_IMAGE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From preprocessor_config.json (or processor_config.json's image_processor) and the job. */
struct rt_image_rules {
    int64_t image_max_pixels, image_min_pixels; /* the job's */
    int64_t max_pixels, min_pixels;             /* the processor's: areas */
    int32_t patch, merge, temporal;             /* 14, 2, 2 */
    bool torch_resize;                          /* false: Pillow's in the processor too */
    float lut[3][256]; /* byte to normalised value, as the chosen backend computes it */
};
/* json: text of preprocessor_config.json; may be NULL (class defaults). Fails: RT_ERR_FILE. */
rt_status rt_image_rules_read(struct rt_image_rules *rules, const char *json, size_t bytes, bool torch_resize,
                              int64_t image_max_pixels, int64_t image_min_pixels, struct rt_error *err);

/* Width and height as stored (no EXIF rotation; a TIFF's orientation tag is heeded, as Pillow does) and a cheap
 * check that the file is whole, reading only what that needs: JPEG: an EOI, nearly always its last bytes (a
 * file without one is decoded to see); PNG: IEND, or all chunks of data; WebP, BMP: length fields. Fails:
 * RT_ERR_FILE with path and what is wrong: missing, empty, no picture ("starts with '<!DOCTYPE'"), unknown
 * format, 0 or more than 65,500 pixels a side or 2^28 in all, truncated. */
rt_status rt_image_header(const char *path, int32_t *width, int32_t *height, struct rt_error *err);

/* Size in the model of a width x height picture: multiples of patch * merge. Fails: RT_ERR_DATA (a side would
 * become 0, or the picture too large). */
rt_status rt_image_model_size(const struct rt_image_rules *rules, int32_t width, int32_t height,
                              int32_t *model_width, int32_t *model_height, struct rt_error *err);

/* Decode and do both resizes: *rgb (malloc'ed) [model_height, model_width, 3]. Fails: RT_ERR_FILE (broken data,
 * with path), RT_ERR_MEMORY, RT_ERR_DATA when the size is no longer what the header said (expect_* as
 * rt_image_model_size). */
rt_status rt_image_load(const struct rt_image_rules *rules, const char *path, int32_t expect_width,
                        int32_t expect_height, uint8_t **rgb, struct rt_error *err);

/* The two resizers, public for their tests: weights of 22 bits, or of as many as fit torch's 16-bit words. */
enum rt_resize { RT_RESIZE_PILLOW, RT_RESIZE_TORCH };
/* src [height, width, channels] bytes to dst [new_height, new_width, channels]; bicubic, a = -0.5, antialias.
 * Fails: RT_ERR_MEMORY. */
rt_status rt_resize_bicubic(uint8_t *dst, int32_t new_width, int32_t new_height, const uint8_t *src,
                            int32_t width, int32_t height, int32_t channels, enum rt_resize kind,
                            struct rt_error *err);

#endif
