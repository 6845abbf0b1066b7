/* safetensors.h - one file's header to and from a table of tensors: private to this folder. */
#ifndef RT_CHECKPOINT_SAFETENSORS_H
#define RT_CHECKPOINT_SAFETENSORS_H

#include "checkpoint/checkpoint.h"

enum { RT_ST_HEADER_MAX = 100000000 }; /* bytes; what the stock reader takes */

/* The JSON of a header whose data begins at byte data_at of the file and is data_bytes long. *tensors
 * (malloc'ed, names too) come in file order, shard 0. Fails: RT_ERR_FILE, RT_ERR_MEMORY. */
rt_status rt_st_parse(const char *json, size_t json_bytes, uint64_t data_at, uint64_t data_bytes,
                      const char *file, struct rt_st_tensor **tensors, int64_t *count, struct rt_error *err);
void rt_st_free(struct rt_st_tensor *tensors, int64_t count);

#endif
