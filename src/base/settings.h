/* settings.h - environment variables that decide how ranks talk and compute, as launchers hand them on or do
 * not. */
#ifndef RT_BASE_SETTINGS_H
#define RT_BASE_SETTINGS_H

#include "base/status.h"

#include <stddef.h>

/* NCCL_, UCX_, OMPI_MCA_, PRTE_MCA_, CUDA_, OMP_ and OPENBLAS_, without what a launcher sets for each rank or
 * run, and without CUDA_VISIBLE_DEVICES, which may differ for a reason that is looked at elsewhere:
 * "NAME=VALUE" texts, each with its NUL, one after the other. *packed is malloc'ed. Fails: RT_ERR_MEMORY. */
rt_status rt_settings_pack(char **packed, size_t *bytes, struct rt_error *err);

/* The value of a name of n characters among packed texts; NULL: not set. */
const char *rt_settings_find(const char *packed, size_t bytes, const char *name, size_t n);

#endif
