/* decode_tiff.h - private: what a TIFF file's first directory says, shared by the two halves of its reader. */
#ifndef RT_DATA_DECODE_TIFF_H
#define RT_DATA_DECODE_TIFF_H

#include "base/status.h"
#include "data/source.h"

#include <stdbool.h>

enum { RT_TIFF_LIST = 8 }; /* values kept of tags with one a sample */

struct rt_tiff_list {
    int count; /* as in the file; values beyond RT_TIFF_LIST are not kept */
    uint32_t value[RT_TIFF_LIST];
};

struct rt_tiff {
    bool big_endian, big;   /* big: 64-bit offsets */
    uint32_t width, height; /* as stored, before orientation */
    uint32_t compression, photometric, fill_order, orientation, planar;
    struct rt_tiff_list bits, extra, format;
    uint32_t samples;
    uint64_t colour_map; /* place of 3 * 2^bits 16-bit values, or 0 */
    uint64_t colours;    /* how many values */
};

bool rt_tiff_is(const uint8_t *start, size_t bytes);

/* Fails: RT_ERR_FILE. */
rt_status rt_tiff_directory(struct rt_tiff *tiff, struct rt_source *src, struct rt_error *err);

#endif
