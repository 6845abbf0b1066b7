/* hdf5.h - what the files on HDF5 share: a silent error stack folded into our message, our file settings:
 * private. */
#ifndef RT_CHECKPOINT_HDF5_H
#define RT_CHECKPOINT_HDF5_H

#include "checkpoint/checkpoint.h"

#include <hdf5.h>

enum { RT_H5_NAME_MAX = 512 }; /* characters of a dataset's path */

struct rt_h5_quiet { /* how the library reported errors before us */
    H5E_auto2_t report;
    void *context;
};
/* Between the two the library prints nothing. */
void rt_h5_quiet_begin(struct rt_h5_quiet *quiet);
void rt_h5_quiet_end(const struct rt_h5_quiet *quiet);

/* "path: name: what: <cause from the library's error stack>"; name may be NULL. Call it before any other call
 * of the library. */
rt_status rt_h5_fail(struct rt_error *err, rt_status code, const char *path, const char *name,
                     const char *what);

/* File access as we want it: no lock files, core driver when in_memory (then grown by step bytes). */
rt_status rt_h5_access(hid_t *access, bool in_memory, size_t step, const char *path, struct rt_error *err);
hid_t rt_h5_file_type(const struct rt_state_item *item); /* as stored: little endian */
hid_t rt_h5_memory_type(const struct rt_state_item *item);
size_t rt_h5_item_bytes(const struct rt_state_item *item); /* of one element */

#endif
