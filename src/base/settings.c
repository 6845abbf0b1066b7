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

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of sorted texts: equal ones stand together. */
static void list_names(struct rt_settings *all, const char *const *text, int64_t texts)
{
    all->names = 0;
    for (int64_t i = 0; i < texts; i++) {
        const int n = (int)strcspn(text[i], "=");
        if (i == 0 || strncmp(text[i - 1], text[i], (size_t)n + 1) != 0)
            all->name[all->names++] = (struct rt_settings_name){ text[i], n };
    }
}

rt_status rt_settings_list(struct rt_settings *all, struct rt_error *err)
{
    int64_t texts = 0;
    size_t bytes = 0;
    all->first = calloc((size_t)all->ranks, sizeof *all->first);
    for (int r = 0; all->first != NULL && r < all->ranks; r++) {
        all->first[r] = bytes;
        bytes += all->bytes[r];
    }
    for (size_t at = 0; at < bytes; at += strlen(all->packed + at) + 1)
        texts++;
    const char **text = calloc((size_t)texts + 1, sizeof *text);
    all->name = calloc((size_t)texts + 1, sizeof *all->name);
    if (all->first == NULL || text == NULL || all->name == NULL) {
        free(text);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the ranks' settings");
    }
    texts = 0;
    for (size_t at = 0; at < bytes; at += strlen(all->packed + at) + 1)
        text[texts++] = all->packed + at;
    qsort(text, (size_t)texts, sizeof *text, by_text);
    list_names(all, text, texts);
    free(text);
    return RT_OK;
}

void rt_settings_free(struct rt_settings *all)
{
    free(all->packed);
    free(all->bytes);
    free(all->first);
    free(all->name);
}

const char *rt_settings_value(const struct rt_settings *all, int rank, const struct rt_settings_name *name)
{
    const char *const end = all->packed + all->first[rank] + all->bytes[rank];
    for (const char *at = all->packed + all->first[rank]; at < end; at += strlen(at) + 1)
        if (strncmp(at, name->text, (size_t)name->n) == 0 && at[name->n] == '=')
            return at + name->n + 1;
    return NULL;
}

bool rt_settings_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

int rt_settings_other(const struct rt_settings *all, const struct rt_settings_name *name)
{
    const char *const zero = rt_settings_value(all, 0, name);
    for (int r = 1; r < all->ranks; r++)
        if (!rt_settings_same(zero, rt_settings_value(all, r, name)))
            return r;
    return 0;
}
