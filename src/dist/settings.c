/* settings.c - every rank's environment, gathered for a comparison. */
#include "config.h"
#include "base/settings.h"
#include "dist/dist.h"

#include <stdlib.h>

rt_status rt_dist_settings(struct rt_dist *dist, struct rt_settings *all, struct rt_error *err)
{
    char *mine = NULL;
    size_t bytes = 0, all_bytes = 0;
    const int ranks = rt_dist_size(dist);
    *all = (struct rt_settings){ .ranks = ranks, .bytes = calloc((size_t)ranks, sizeof *all->bytes) };
    rt_status st = all->bytes == NULL ? rt_fail(err, RT_ERR_MEMORY, "no memory for the ranks' settings")
                                      : rt_settings_pack(&mine, &bytes, err);
    st = rt_dist_agree(dist, st, err);
    if (st == RT_OK)
        st = rt_dist_allgather(dist, mine, bytes, (void **)&all->packed, &all_bytes, all->bytes, err);
    free(mine);
    if (st == RT_OK)
        st = rt_dist_agree(dist, rt_dist_rank(dist) == 0 ? rt_settings_list(all, err) : RT_OK, err);
    if (st != RT_OK)
        rt_settings_free(all);
    return st;
}
