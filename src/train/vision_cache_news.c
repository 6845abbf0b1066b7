/* vision_cache_news.c - what kept picture features bring: counted pass by pass, said once an epoch. */
#include "config.h"
#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *rt_size_text(char buf[32], uint64_t bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    double x = (double)bytes;
    int unit = 0;
    for (; x >= 1024 && unit < 4; unit++)
        x /= 1024;
    snprintf(buf, 32, unit == 0 ? "%.0f %s" : "%.1f %s", x, units[unit]);
    return buf;
}

void rt_vision_cache_count(struct rt_run *run)
{
    int64_t tower = 0, kept = 0;
    rt_model_pictures(run->model, &tower, &kept);
    run->features.tower += tower;
    run->features.cached += kept;
}

struct share {
    int64_t tower, cached;
    struct rt_cache_news news; /* of the ranks that lead */
};

static void say_epoch(struct rt_run *run, const struct share *share)
{
    struct share sum = { 0 };
    char kept[32];
    for (int r = 0; r < rt_dist_size(run->dist); r++) {
        sum.tower += share[r].tower;
        sum.cached += share[r].cached;
        sum.news.entries += share[r].news.entries;
        sum.news.bytes += share[r].news.bytes;
        sum.news.changed += share[r].news.changed;
        sum.news.full = sum.news.full || share[r].news.full;
        sum.news.error = sum.news.error != 0 ? sum.news.error : share[r].news.error;
    }
    rt_report_info(run->report,
                   "vision_cache: epoch %.4g: %lld pictures with kept features, %lld through the vision tower; "
                   "%lld kept, %s%s",
                   rt_run_epoch(run, run->step), (long long)sum.cached, (long long)sum.tower,
                   (long long)sum.news.entries, rt_size_text(kept, sum.news.bytes),
                   sum.news.full ? ", which is all that vision_cache_gib allows" : "");
    if (sum.news.changed > 0)
        rt_report_warn(run->report,
                       "vision_cache: the files of %lld pictures have changed since they were read first",
                       (long long)sum.news.changed);
    if (sum.news.error != 0 && !run->features.told)
        rt_report_warn(run->report, "vision_cache: no more is kept on some host: %s", strerror(sum.news.error));
    run->features.told = run->features.told || sum.news.error != 0;
}

rt_status rt_vision_cache_step(struct rt_run *run)
{
    struct rt_run_features *f = &run->features;
    struct share mine, *all = NULL;
    size_t bytes = 0;
    if (!f->kept)
        return RT_OK;
    memset(&mine, 0, sizeof mine);
    if (f->cache != NULL)
        rt_cache_tell(f->cache, &mine.news);
    if (mine.news.error != 0 && !f->told) {
        f->told = true;
        rt_run_warn(run, "vision_cache: no more is kept, what is kept stays in use: %s",
                    strerror(mine.news.error));
    }
    if (run->step % run->steps_per_epoch != 0 && run->step != run->steps)
        return RT_OK;
    if (!f->leads)
        mine.news = (struct rt_cache_news){ 0 };
    mine.tower = f->tower;
    mine.cached = f->cached;
    f->tower = f->cached = 0;
    RT_TRY(rt_dist_allgather(run->dist, &mine, sizeof mine, (void **)&all, &bytes, NULL, run->err));
    say_epoch(run, all);
    free(all);
    return RT_OK;
}
