/* settings.c - environment variables that decide how ranks talk and compute: the same on all of them? */
#include "config.h"
#include "base/settings.h"
#include "check/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "NAME differs: "a" on ranks 0, 1 on x; not set on rank 2 on y" */
static void tell_difference(struct rt_check *c, const struct rt_settings *all,
                            const struct rt_settings_name *name, bool *has, bool *told)
{
    char text[1100] = "", who[400];
    size_t used = 0;
    memset(told, 0, (size_t)c->size * sizeof *told);
    for (int r = 0; r < c->size && used + 700 < sizeof text; r++) {
        if (told[r])
            continue;
        const char *const value = rt_settings_value(all, r, name);
        for (int k = 0; k < c->size; k++) {
            has[k] = rt_settings_same(value, rt_settings_value(all, k, name));
            told[k] = told[k] || has[k];
        }
        rt_ranks_text(c->hosts, c->size, has, who, sizeof who);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%.120s%s on %.400s",
                                 used > 0 ? "; " : "", value != NULL ? "\"" : "",
                                 value != NULL ? value : "not set", value != NULL ? "\"" : "", who);
    }
    rt_find_job(c->findings, RT_WARNING, "settings",
                "%.*s differs: %s\ngive all ranks the same: mpirun -x %.*s, or set it in the batch script",
                name->n, name->text, text, name->n, name->text);
}

/* has and told: scratch, one for each rank. */
static void compare(struct rt_check *c, const struct rt_settings *all, bool *has, bool *told)
{
    char alike[1000] = "";
    size_t used = 0;
    int64_t same = 0;
    for (int64_t i = 0; i < all->names; i++) {
        const struct rt_settings_name *const name = &all->name[i];
        if (rt_settings_other(all, name) != 0)
            tell_difference(c, all, name, has, told);
        else if (++same > 0 && used + 130 < sizeof alike) /* with its value */
            used += (size_t)snprintf(alike + used, sizeof alike - used, "%s%.120s", used > 0 ? ", " : ": ",
                                     name->text);
    }
    rt_find_job(c->findings, RT_OK, "settings",
                "%lld of NCCL_, UCX_, OMPI_MCA_, CUDA_, OMP_ alike on all ranks%s", (long long)same, alike);
}

rt_status rt_check_settings(struct rt_check *c)
{
    struct rt_settings all;
    RT_TRY(rt_dist_settings(c->dist, &all, c->err));
    bool *scratch = calloc((size_t)c->size, 2 * sizeof *scratch);
    rt_status st =
        scratch == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for the ranks' settings") : RT_OK;
    if (st == RT_OK && c->rank == 0)
        compare(c, &all, scratch, scratch + c->size);
    free(scratch);
    rt_settings_free(&all);
    st = rt_dist_agree(c->dist, st, c->err);
    return st == RT_OK ? rt_findings_share(c->findings, c->err) : st;
}
