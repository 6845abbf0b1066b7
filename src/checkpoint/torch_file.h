/* torch_file.h - what torch.save wrote: a zip archive of a pickle and of the numbers that it refers to. Private
 * to this folder. */
#ifndef RT_CHECKPOINT_TORCH_FILE_H
#define RT_CHECKPOINT_TORCH_FILE_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/pickle.h"

struct rt_torch_tensor {
    const char *key; /* of its storage, [key_bytes] in the pickle */
    size_t key_bytes, item_bytes;
    enum rt_pickle_name type; /* a class of storages */
    int dims;
    int64_t shape[8];
    int64_t offset, elements, stored; /* elements: before it in its storage, of it, of the whole storage */
};
/* A value of a pickle as a tensor, row-major without gaps and within its storage; `file` and `what` are for the
 * message. Fails: RT_ERR_FILE. */
rt_status rt_torch_tensor(struct rt_torch_tensor *tensor, const struct rt_pickle *pickle,
                          const struct rt_pickle_value *value, const char *file, const char *what,
                          struct rt_error *err);

struct rt_torch;
/* Opens path and reads its pickle. Fails: RT_ERR_FILE with path and what is wrong, RT_ERR_IO, RT_ERR_MEMORY. */
rt_status rt_torch_open(struct rt_torch **file, const char *path, struct rt_error *err);
void rt_torch_close(struct rt_torch *file);
const char *rt_torch_path(const struct rt_torch *file);
const struct rt_pickle *rt_torch_pickle(const struct rt_torch *file);
/* A tensor's elements as float into dst, which may be NULL; its whole storage is read and the archive's check
 * sum of it compared. Types: F32, F16, BF16; others with dst NULL alone. Fails: RT_ERR_FILE, RT_ERR_IO,
 * RT_ERR_MEMORY. */
rt_status rt_torch_read(struct rt_torch *file, const struct rt_torch_tensor *tensor, float *dst,
                        struct rt_error *err);

#endif
