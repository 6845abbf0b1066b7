/* loader.h - what the loader shows to preview and to its tests. */
#ifndef RT_DATA_LOADER_H
#define RT_DATA_LOADER_H

#include "data/assemble.h"
#include "data/data.h"

/* The pass behind the batch handed out last. */
const struct rt_pass *rt_loader_pass(const struct rt_loader *loader);
/* Most bytes of pictures that passes held at once, the one handed out included. */
size_t rt_loader_peak_bytes(struct rt_loader *loader);

#endif
