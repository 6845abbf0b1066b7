/* decode_tiff_mode.h - private: Pillow's mode for a TIFF file, and its rows of samples to pixels of that mode.
 */
#ifndef RT_DATA_DECODE_TIFF_MODE_H
#define RT_DATA_DECODE_TIFF_MODE_H

#include "data/decode_tiff.h"
#include "data/pixels.h"

struct rt_tiff_mode {
    enum rt_pixel_mode mode;
    int bits, samples;  /* of a sample; samples of a pixel as stored */
    int channels;       /* samples that are used, the first ones */
    bool invert;        /* 0 is white */
    bool is_signed;     /* 16 bits to I */
    bool premultiplied; /* undone for RGBA */
    bool planar;        /* samples of a pixel lie on planes of their own */
};

/* Fails: RT_ERR_FILE for a layout that is not read. */
rt_status rt_tiff_choose(struct rt_tiff_mode *mode, const struct rt_tiff *tiff, struct rt_source *src,
                         struct rt_error *err);

/* Bytes of `width` pixels in a row of one strip or tile, as libtiff hands it over. */
uint64_t rt_tiff_row_bytes(const struct rt_tiff_mode *mode, uint64_t width);

/* width pixels from libtiff's row (native byte order) to pixels of the mode; plane is 0 unless planar. */
void rt_tiff_unpack(uint8_t *out, const uint8_t *in, int32_t width, int plane, const struct rt_tiff_mode *mode);

/* What is done once all rows are there: premultiplied alpha is divided out. */
void rt_tiff_finish(struct rt_pixels *px, const struct rt_tiff_mode *mode);

#endif
