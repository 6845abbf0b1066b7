/* decode_bmp.h - private: the header of a BMP file, shared by its two halves. */
#ifndef RT_DATA_DECODE_BMP_H
#define RT_DATA_DECODE_BMP_H

#include "base/status.h"
#include "data/pixels.h"
#include "data/source.h"

#include <stdbool.h>

struct rt_bmp {
    int64_t width, height;
    bool top_down, run_length, four_bits; /* four_bits: of the run lengths */
    enum rt_pixel_mode mode;
    int raw_bits; /* of a pixel in a row, as Pillow unpacks it; 15 and 16 are two bytes, 5-5-5 and 5-6-5 */
    int order[4]; /* 24 and 32 bits: the byte that holds red, green, blue, alpha */
    uint64_t data, stride;   /* where the rows start, bytes from one to the next */
    uint64_t palette;        /* where it is; 3 or 4 bytes an entry, blue first */
    int64_t palette_entries; /* that the file has room for */
    int palette_bytes;
};

/* Fails: RT_ERR_FILE (broken, or a kind that Pillow does not read either). */
rt_status rt_bmp_header(struct rt_bmp *bmp, struct rt_source *src, struct rt_error *err);

#endif
