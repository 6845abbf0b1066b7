/* mutate.h - texts changed at random, for readers that have to bear anything: the same changes for the same
 * seed. */
#ifndef RT_TESTS_MUTATE_H
#define RT_TESTS_MUTATE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* xorshift32 */
static inline uint32_t mutate_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

struct mutate_options {
    const char *const *piece; /* [pieces] put in here and there */
    size_t pieces;
    uint32_t span; /* fewer bytes are cut out or doubled at once */
};

/* Each change: a byte, a piece put in, a part cut out or doubled. */
static inline void mutate(char *text, size_t room, uint32_t *state, uint32_t changes,
                          const struct mutate_options *opt)
{
    for (; changes > 0; changes--) {
        const size_t length = strlen(text), at = mutate_next(state) % (length + 1);
        const char *piece = opt->piece[mutate_next(state) % opt->pieces];
        size_t span = mutate_next(state) % opt->span;
        if (span > length - at)
            span = length - at;
        switch (mutate_next(state) % 4) {
        case 0:
            if (at < length)
                text[at] = (char)(1 + mutate_next(state) % 255);
            break;
        case 1:
            if (length + strlen(piece) < room) {
                memmove(text + at + strlen(piece), text + at, length - at + 1);
                memcpy(text + at, piece, strlen(piece));
            }
            break;
        case 2: memmove(text + at, text + at + span, length - at - span + 1); break;
        default:
            if (length + span < room)
                memmove(text + at + span, text + at, length - at + 1);
            break;
        }
    }
}

#endif
