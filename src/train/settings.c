/* settings.c - variables of the environment that differ between ranks: most likely a launcher that did not hand
 * them on. */
#include "config.h"
#include "base/settings.h"
#include "train/run.h"

enum { TOLD_MOST = 8 };

static const char *shown(char text[140], const char *value)
{
    if (value == NULL)
        return "not set";
    snprintf(text, 140, "\"%.120s\"", value);
    return text;
}

/* Each name is told of one rank alone. */
static void tell(struct rt_run *run, const struct rt_settings *all)
{
    int told = 0;
    char a[140], b[140];
    for (int64_t i = 0; i < all->names && told < TOLD_MOST; i++) {
        const struct rt_settings_name *const name = &all->name[i];
        const int r = rt_settings_other(all, name);
        if (r == 0)
            continue;
        told++;
        rt_report_warn(
            run->report,
            "environment: %.*s is %s on rank 0 and %s on rank %d; give all ranks the same (mpirun -x %.*s, or "
            "the batch script); ranktune check names all that differ",
            name->n, name->text, shown(a, rt_settings_value(all, 0, name)),
            shown(b, rt_settings_value(all, r, name)), r, name->n, name->text);
    }
}

rt_status rt_run_compare_settings(struct rt_run *run)
{
    struct rt_settings all;
    RT_TRY(rt_dist_settings(run->dist, &all, run->err));
    if (rt_dist_rank(run->dist) == 0)
        tell(run, &all);
    rt_settings_free(&all);
    return RT_OK;
}
