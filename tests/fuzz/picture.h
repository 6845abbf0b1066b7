/* picture.h - one picture of a format: size as the scan and as the loader read it, decoding, resize, RGB. -1 if
 * the bytes are no file of that format. */
#ifndef RT_TESTS_FUZZ_PICTURE_H
#define RT_TESTS_FUZZ_PICTURE_H

#include "data/decode.h"

int fuzz_picture(const struct rt_picture_format *wanted, const uint8_t *data, size_t bytes);

#endif
