/* fuzz_webp.c - a webp picture. */
#include "config.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    return fuzz_picture(&rt_format_webp, data, bytes);
}
