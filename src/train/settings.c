/* settings.c - variables of the environment that differ between ranks: most likely a launcher that did not hand
 * them on. */
#include "config.h"
#include "base/settings.h"
#include "train/run.h"

#include <stdlib.h>
#include <string.h>

enum { TOLD_MOST = 8 };

/* Names that were told, so that each is told of one rank alone. */
struct told {
    const char *name[TOLD_MOST];
    int count;
};

static bool is_new(struct told *told, const char *name, size_t n)
{
    for (int i = 0; i < told->count; i++)
        if (strncmp(told->name[i], name, n + 1) == 0)
            return false;
    if (told->count == TOLD_MOST)
        return false;
    told->name[told->count++] = name;
    return true;
}

static const char *shown(char text[140], const char *value)
{
    if (value == NULL)
        return "not set";
    snprintf(text, 140, "\"%.120s\"", value);
    return text;
}

/* The names among texts whose value rank r has otherwise than rank 0. */
static void compare(struct rt_run *run, struct told *told, const char *texts, size_t texts_bytes,
                    const char *zero, size_t zero_bytes, const char *other, size_t other_bytes, int r)
{
    char a[140], b[140];
    for (const char *at = texts; at < texts + texts_bytes; at += strlen(at) + 1) {
        const size_t n = strcspn(at, "=");
        const char *of_zero = rt_settings_find(zero, zero_bytes, at, n);
        const char *of_other = rt_settings_find(other, other_bytes, at, n);
        const bool same = of_zero != NULL && of_other != NULL && strcmp(of_zero, of_other) == 0;
        if (!same && is_new(told, at, n))
            rt_report_warn(
                run->report,
                "environment: %.*s is %s on rank 0 and %s on rank %d; give all ranks the same (mpirun -x %.*s, or "
                "the batch script); ranktune check names all that differ",
                (int)n, at, shown(a, of_zero), shown(b, of_other), r, (int)n, at);
    }
}

rt_status rt_run_compare_settings(struct rt_run *run)
{
    const int size = rt_dist_size(run->dist);
    char *mine = NULL, *all = NULL;
    size_t bytes = 0, all_bytes = 0, *counts = calloc((size_t)size, sizeof *counts);
    struct told told = { .count = 0 };
    rt_status st = counts == NULL ? rt_fail(run->err, RT_ERR_MEMORY, "no memory for the ranks' settings")
                                  : rt_settings_pack(&mine, &bytes, run->err);
    RT_TRY_TO(st, rt_dist_agree(run->dist, st, run->err), done);
    RT_TRY_TO(st, rt_dist_allgather(run->dist, mine, bytes, (void **)&all, &all_bytes, counts, run->err), done);
    size_t at = counts[0];
    for (int r = 1; r < size && rt_dist_rank(run->dist) == 0; r++) {
        compare(run, &told, all, counts[0], all, counts[0], all + at, counts[r], r);
        compare(run, &told, all + at, counts[r], all, counts[0], all + at, counts[r], r);
        at += counts[r];
    }
done:
    free(mine);
    free(all);
    free(counts);
    return st;
}
