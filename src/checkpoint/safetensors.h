/* safetensors.h - one file's header to a table of tensors: private to this folder. */
#ifndef RT_CHECKPOINT_SAFETENSORS_H
#define RT_CHECKPOINT_SAFETENSORS_H

#include "checkpoint/checkpoint.h"

enum { RT_ST_HEADER_MAX = 100000000 }; /* bytes; what the stock reader takes */

/* A file's size, and its header's tensors: malloc'ed, names too, in file order, shard 0. Fails: RT_ERR_FILE,
 * RT_ERR_IO, RT_ERR_MEMORY. */
rt_status rt_st_load(const char *path, uint64_t *size, struct rt_st_tensor **tensors, int64_t *count,
                     struct rt_error *err);
void rt_st_free(struct rt_st_tensor *tensors, int64_t count);

#endif
