/* unicode.c - which bytes are UTF-8 (Unicode 16, table 3-7: no surrogates, nothing overlong, nothing above
 * 10FFFF). */
#include "config.h"
#include "data/unicode.h"

#include <string.h>

int rt_utf8_sequence(const uint8_t *at, size_t bytes, int *skip)
{
    const uint8_t first = at[0];
    *skip = 1;
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    const int length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint8_t low = 0x80, high = 0xbf; /* of the second byte */
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    for (int i = 1; i < length; i++) {
        if ((size_t)i >= bytes || at[i] < low || at[i] > high) {
            *skip = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

size_t rt_utf8_valid(const uint8_t *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes) {
        uint64_t eight;
        int skip;
        if (bytes - at >= sizeof eight) {
            memcpy(&eight, text + at, sizeof eight);
            if ((eight & 0x8080808080808080u) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        const int length = rt_utf8_sequence(text + at, bytes - at, &skip);
        if (length == 0)
            return at;
        at += (size_t)length;
    }
    return bytes;
}
