/* fake_nccl.h - what a test hands to the stand-in for NCCL as its stream. */
#ifndef RT_TESTS_DIST_FAKE_NCCL_H
#define RT_TESTS_DIST_FAKE_NCCL_H

#include <stdatomic.h>
#include <stdint.h>

struct fake_stream {
    _Atomic int64_t asked, done; /* calls */
};

#endif
