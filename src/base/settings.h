/* settings.h - environment variables that decide how ranks talk and compute, as launchers hand them on or do
 * not. */
#ifndef RT_BASE_SETTINGS_H
#define RT_BASE_SETTINGS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NCCL_, UCX_, OMPI_MCA_, PRTE_MCA_, CUDA_, OMP_ and OPENBLAS_, without what a launcher sets for each rank or
 * run, and without CUDA_VISIBLE_DEVICES, which may differ for a reason that is looked at elsewhere:
 * "NAME=VALUE" texts, each with its NUL, one after the other. *packed is malloc'ed. Fails: RT_ERR_MEMORY. */
rt_status rt_settings_pack(char **packed, size_t *bytes, struct rt_error *err);

/* Those of several ranks, as rt_dist_settings gathers them. */
struct rt_settings {
    int ranks;
    char *packed;          /* every rank's texts, rank after rank */
    size_t *bytes, *first; /* [ranks] of each, and where they begin */
    struct rt_settings_name {
        const char *text; /* n characters, not ended by a NUL */
        int n;
    } * name;      /* [names] that any rank has: each once, sorted */
    int64_t names; /* 0 before rt_settings_list */
};

/* first and name, from the rest. Fails: RT_ERR_MEMORY. */
rt_status rt_settings_list(struct rt_settings *all, struct rt_error *err);
void rt_settings_free(struct rt_settings *all);

/* A rank's value; NULL: not set. */
const char *rt_settings_value(const struct rt_settings *all, int rank, const struct rt_settings_name *name);
/* Are two values the same, or both not set? */
bool rt_settings_same(const char *a, const char *b);
/* The first rank whose value is not rank 0's; 0: all have the same. */
int rt_settings_other(const struct rt_settings *all, const struct rt_settings_name *name);

#endif
