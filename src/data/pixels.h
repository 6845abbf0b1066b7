/*
 * pixels.h - a decoded picture in the mode that Pillow would open it in, and what Pillow does to it there.
 *
 * Private to the picture files of this folder.
 */
#ifndef RT_DATA_PIXELS_H
#define RT_DATA_PIXELS_H

#include "base/status.h"

#include <stdint.h>

/* Pillow's modes that a file can open in; bytes a pixel as stored here. */
enum rt_pixel_mode {
    RT_PIXELS_1,    /* 1: 0 or 255 */
    RT_PIXELS_L,    /* 1 */
    RT_PIXELS_LA,   /* 2 */
    RT_PIXELS_P,    /* 1: index into palette */
    RT_PIXELS_RGB,  /* 3 */
    RT_PIXELS_RGBA, /* 4 */
    RT_PIXELS_CMYK, /* 4 */
    RT_PIXELS_I16,  /* 2: little-endian */
    RT_PIXELS_I16B, /* 2: big-endian */
    RT_PIXELS_I,    /* 4: int32 in host order */
    RT_PIXELS_F     /* 4: float in host order */
};

struct rt_pixels {
    enum rt_pixel_mode mode;
    int32_t width, height;
    uint8_t *data;           /* [height, width, bytes of mode], malloc'ed */
    uint8_t palette[256][3]; /* P; entries the file does not give are black */
};

int rt_pixels_bytes(enum rt_pixel_mode mode);

/* Sizes must have passed rt_image_size_ok. data is zeroed, palette black. Fails: RT_ERR_MEMORY; *px is then
 * empty. */
rt_status rt_pixels_alloc(struct rt_pixels *px, enum rt_pixel_mode mode, int32_t width, int32_t height,
                          struct rt_error *err);
void rt_pixels_free(struct rt_pixels *px);

/* Image.resize with its default filter: nearest for 1 and P, bicubic else; LA and RGBA are premultiplied around
 * it. The same size: untouched. Fails: RT_ERR_MEMORY; *px is then good for rt_pixels_free only. */
rt_status rt_pixels_resize(struct rt_pixels *px, int32_t width, int32_t height, struct rt_error *err);

/* Image.convert("RGB"): alpha dropped, not composited; wide modes clipped, not scaled. Fails: RT_ERR_MEMORY. */
rt_status rt_pixels_to_rgb(struct rt_pixels *px, struct rt_error *err);

#endif
