/*
 * batch.h - what data hands to model: samples laid end to end without padding, in host memory.
 *
 * Declared in base because data and model are neighbours that do not know each other. A batch is one pass
 * through the model: one micro-batch, or several of the same optimizer step merged; since the loss is a
 * weighted sum over tokens, merging changes nothing but speed.
 */
#ifndef RT_BASE_BATCH_H
#define RT_BASE_BATCH_H

#include "base/file_id.h"

#include <stdint.h>

struct rt_picture {
    const uint8_t *
        rgb[2]; /* two frames of [height, width, 3]; a still names the same one twice. Or NULL, with features */
    int32_t height, width;  /* pixels, multiples of patch * merge */
    int32_t grid_h, grid_w; /* height / patch, width / patch */
    int32_t number;         /* of the same picture every time, for keeping its features */
    struct rt_file_id file; /* that rgb surely comes from; where it is not known, features are not kept */
    const void *features;   /* what rt_model kept of an earlier pass, or NULL */
    /* A still is one temporal slot (grid t = 1); a video of t slots is t entries, each its own segment. */
};

struct rt_batch {
    int64_t tokens; /* of all samples together */
    int64_t samples;
    int64_t learned;     /* positions with a target */
    int64_t max_length;  /* of the longest sample */
    int32_t *ids;        /* [tokens] */
    int32_t *offsets;    /* [samples + 1] first token of each sample; the last is `tokens` */
    int32_t *positions;  /* [3, tokens] mRoPE: time, height, width */
    int32_t *image_rows; /* [tokens] row of the merged picture features put in here, or -1 */
    int32_t *learned_at; /* [learned] positions whose next token is learned, ascending */
    int32_t *targets;    /* [learned] that next token */
    float *weights;      /* [learned] share in the loss: 1 / (targets in its micro-batch * micro-batches of the
                            step * ranks), so that the sum over ranks is the reference's mean of means */
    int32_t *micro_of;   /* [learned] which micro-batch of this pass, 0-based */
    int64_t pictures;
    struct rt_picture *picture; /* [pictures] in the order of their tokens */
    int64_t patches;            /* sum of grid_h * grid_w */
    int64_t micros;             /* micro-batches in this pass */
};

#endif
