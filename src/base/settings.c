/* settings.c - environment variables that decide how ranks talk and compute. */
#include "config.h"
#include "base/settings.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static const char *const prefixes[] = {
    "NCCL_", "UCX_", "OMPI_MCA_", "PRTE_MCA_", "CUDA_", "OMP_", "OPENBLAS_"
};

static const char *const own[] = { "OMPI_MCA_ess",
                                   "OMPI_MCA_orte_",
                                   "OMPI_MCA_pmix",
                                   "OMPI_MCA_initial_wdir",
                                   "OMPI_MCA_mpi_oversubscribe",
                                   "OMPI_MCA_rmaps_",
                                   "OMPI_MCA_shmem_RUNTIME",
                                   "PRTE_MCA_ess",
                                   "PRTE_MCA_prte_",
                                   "CUDA_VISIBLE_DEVICES" };

static bool begins(const char *text, const char *const *with, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(text, with[i], strlen(with[i])) == 0)
            return true;
    return false;
}

static bool counts(const char *text)
{
    return begins(text, prefixes, sizeof prefixes / sizeof *prefixes) &&
           !begins(text, own, sizeof own / sizeof *own);
}

rt_status rt_settings_pack(char **packed, size_t *bytes, struct rt_error *err)
{
    size_t room = 1, used = 0;
    for (char **e = environ; *e != NULL; e++)
        room += counts(*e) ? strlen(*e) + 1 : 0;
    *packed = malloc(room);
    if (*packed == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the environment's settings");
    for (char **e = environ; *e != NULL; e++) {
        const size_t n = strlen(*e) + 1;
        if (!counts(*e))
            continue;
        memcpy(*packed + used, *e, n);
        used += n;
    }
    *bytes = used;
    return RT_OK;
}

const char *rt_settings_find(const char *packed, size_t bytes, const char *name, size_t n)
{
    for (const char *at = packed; at < packed + bytes; at += strlen(at) + 1)
        if (strncmp(at, name, n) == 0 && at[n] == '=')
            return at + n + 1;
    return NULL;
}
