/* init.h - the parts of a random model folder. Private to model. */
#ifndef RT_MODEL_INIT_H
#define RT_MODEL_INIT_H

#include "base/status.h"
#include "kernels/exec.h"
#include "model/build.h"
#include "model/preset.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* init_config.c: all but the weights, for the tokenizer.json that is in the folder. Fails: RT_ERR_FILE (its
 * added tokens), RT_ERR_IO. */
rt_status rt_init_configs(const struct rt_preset *preset, enum rt_dtype dtype, const char *folder,
                          struct rt_error *err);
/* folder/file; json is given away, and NULL where there was no memory for it. Fails: RT_ERR_IO. */
rt_status rt_init_dump(json_t *json, const char *folder, const char *file, struct rt_error *err);

/* init_weights.c: random values for all of weight [count], under the published models' names. */
rt_status rt_init_weights(const struct rt_preset *preset, const struct rt_weight *weight, int64_t count,
                          enum rt_dtype dtype, uint64_t seed, size_t shard_bytes, const char *folder,
                          struct rt_error *err);

#endif
