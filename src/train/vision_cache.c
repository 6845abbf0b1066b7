/*
 * vision_cache.c - the picture features of a frozen vision tower, kept for later epochs: whether, where and how
 * many.
 *
 * The order of rows sends a picture to another rank in every epoch, so the ranks of a host share one cache.
 * They do so where they compute alike (device, threads), since only then a picture has the same features on all
 * of them. One that cannot reach the others' keeps its own.
 */
#include "config.h"
#include "base/cores.h"
#include "base/room.h"
#include "train/run.h"

#include <linux/magic.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

enum where { OFF, RAM, DISK };

static const char *const names[] = { "off", "ram", "disk" };

/* What a rank knows of its host, and what else decides about its bits. */
struct seat {
    char host[256], kind[192];
    uint64_t memory, disk; /* bytes that are free; disk is 0 where the folder is in memory itself */
};

struct plan {
    enum where where;
    int64_t pictures;
    uint64_t bytes; /* of all features */
    const char *folder;
};

static const char *folder_of(const struct rt_run *run)
{
    static const char *const variables[] = { "SLURM_TMPDIR", "FLUX_JOB_TMPDIR", "TMPDIR" };
    if (run->job->train.vision_cache_dir != NULL)
        return run->job->train.vision_cache_dir;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        if (value != NULL && value[0] != '\0')
            return value;
    }
    return "/tmp";
}

static uint64_t free_disk(const char *folder)
{
    struct statfs s;
    if (statfs(folder, &s) != 0 || s.f_type == TMPFS_MAGIC || s.f_type == RAMFS_MAGIC)
        return 0;
    return (uint64_t)s.f_bavail * (uint64_t)s.f_bsize;
}

/* Collective. *seats (malloc'ed): of all ranks. */
static rt_status find_seats(struct rt_run *run, const char *folder, struct seat **seats)
{
    struct rt_device_info info;
    struct seat mine;
    size_t bytes = 0;
    memset(&mine, 0, sizeof mine);
    RT_TRY(rt_dist_agree(run->dist, rt_exec_info(run->ex, &info), run->err));
    snprintf(mine.host, sizeof mine.host, "%s", rt_dist_host(run->dist));
    snprintf(mine.kind, sizeof mine.kind, "%s, %s, %d", run->ex->ops->name, info.name,
             run->ex->device == RT_DEVICE_CPU ? rt_cores() / rt_dist_local_size(run->dist) : 0);
    mine.memory = rt_host_room().free_bytes;
    mine.disk = free_disk(folder);
    return rt_dist_allgather(run->dist, &mine, sizeof mine, (void **)seats, &bytes, NULL, run->err);
}

/* ---- whether and where ---- */

/* Bytes that the caches of a host may take, of so many that are free. */
static uint64_t bound(const struct rt_run *run, uint64_t free_bytes)
{
    const double gib = run->job->train.vision_cache_gib;
    return isnan(gib) ? free_bytes / 2 : (uint64_t)(gib * 0x1p30);
}

static bool fits(const struct rt_run *run, uint64_t bytes, uint64_t free_bytes)
{
    return bytes <= bound(run, free_bytes) && bytes <= free_bytes / 2;
}

/* Where they fit on every host. */
static enum where choose(struct rt_run *run, const struct plan *plan, const struct seat *seat)
{
    uint64_t memory = UINT64_MAX, disk = UINT64_MAX;
    char all[32], in_memory[32], on_disk[32];
    for (int r = 0; r < rt_dist_size(run->dist); r++) {
        memory = seat[r].memory < memory ? seat[r].memory : memory;
        disk = seat[r].disk < disk ? seat[r].disk : disk;
    }
    if (fits(run, plan->bytes, memory))
        return RAM;
    if (fits(run, plan->bytes, disk))
        return DISK;
    rt_report_info(
        run->report,
        "vision_cache: off: the features of %lld pictures take %s, and there is room for %s in memory "
        "and %s on the disk of %s; vision_cache: ram or disk keeps as many as fit",
        (long long)plan->pictures, rt_size_text(all, plan->bytes), rt_size_text(in_memory, bound(run, memory)),
        rt_size_text(on_disk, bound(run, disk)), plan->folder);
    return OFF;
}

/* All ranks decide alike. */
static enum where decide(struct rt_run *run, const struct plan *plan, const struct seat *seat)
{
    const char *wish = run->job->train.vision_cache;
    const bool automatic = strcmp(wish, "auto") == 0;
    const int64_t epoch = run->steps_per_epoch;
    if (strcmp(wish, "off") == 0 || run->step >= run->steps || plan->pictures == 0)
        return OFF;
    if (plan->bytes == 0) {
        if (automatic)
            rt_report_info(run->report, "vision_cache: off: the vision tower learns");
        else
            rt_report_warn(run->report, "vision_cache: %s has no effect: the vision tower learns", wish);
        return OFF;
    }
    if (!automatic)
        return strcmp(wish, "ram") == 0 ? RAM : DISK;
    if (run->step / epoch < (run->steps - 1) / epoch)
        return choose(run, plan, seat);
    rt_report_info(run->report, "vision_cache: off: no epoch is to come after this one");
    return OFF;
}

/* ---- opening ---- */

/* What a rank has in the end. */
struct outcome {
    struct rt_cache_address address; /* process 0: none that others could join */
    int own;                         /* its own though another rank leads */
    char why[256];                   /* it has none */
};

static bool alike(const struct seat *a, const struct seat *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->kind, b->kind) == 0;
}

static int leader_of(const struct seat *seat, int rank)
{
    int r = 0;
    while (!alike(&seat[r], &seat[rank]))
        r++;
    return r;
}

/* Caches on a rank's host. */
static uint64_t caches_beside(const struct seat *seat, int ranks, int rank)
{
    uint64_t n = 0;
    for (int r = 0; r < ranks; r++)
        n += strcmp(seat[r].host, seat[rank].host) == 0 && leader_of(seat, r) == r;
    return n;
}

static rt_status open_own(struct rt_run *run, const struct rt_cache_options *opt, struct outcome *mine)
{
    struct rt_error err = { 0 };
    const rt_status st = rt_cache_open(&run->features.cache, opt, &err);
    run->features.leads = st == RT_OK;
    if (st != RT_OK)
        snprintf(mine->why, sizeof mine->why, "%.255s", err.text);
    else
        mine->address = rt_cache_address(run->features.cache);
    return st;
}

/* Collective. A folder that the job names has to be one; else a rank that cannot keep features goes on without.
 */
static rt_status open_leaders(struct rt_run *run, const struct rt_cache_options *opt, bool leads,
                              struct outcome *mine)
{
    const char *named = run->job->train.vision_cache_dir;
    rt_status st = leads ? open_own(run, opt, mine) : RT_OK;
    if (st == RT_ERR_OUTPUT && opt->folder != NULL && named != NULL)
        rt_fail(run->err, st, "vision_cache_dir: %s; write a folder that every host has, or vision_cache: ram",
                mine->why);
    else
        st = RT_OK;
    return rt_dist_agree(run->dist, st, run->err);
}

/* The leader's cache; where it cannot be reached, one of its own with its share of the bound. */
static void join(struct rt_run *run, const struct rt_cache_options *opt, const struct outcome *leader,
                 struct outcome *mine)
{
    struct rt_cache_options own = *opt;
    if (leader->address.process == 0) {
        snprintf(mine->why, sizeof mine->why, "%s", leader->why);
        return;
    }
    if (rt_cache_join(&run->features.cache, opt, &leader->address, NULL) == RT_OK)
        return;
    own.most_bytes /= (size_t)rt_dist_local_size(run->dist);
    mine->own = open_own(run, &own, mine) == RT_OK;
}

static void say_open(struct rt_run *run, const struct plan *plan, const struct outcome *outcome, uint64_t most)
{
    const int ranks = rt_dist_size(run->dist);
    int without = 0, own = 0;
    const char *why = "";
    char all[32], each[32], room[32];
    for (int r = 0; r < ranks; r++) {
        without += outcome[r].why[0] != '\0';
        own += outcome[r].own;
        why = outcome[r].why[0] != '\0' && why[0] == '\0' ? outcome[r].why : why;
    }
    if (without < ranks)
        rt_report_info(
            run->report,
            "vision_cache: %s%s%s: the features of %lld pictures, %s in all, %s each, are kept for later "
            "epochs; at most %s on a host",
            names[plan->where], plan->where == DISK ? " in " : "", plan->where == DISK ? plan->folder : "",
            (long long)plan->pictures, rt_size_text(all, plan->bytes),
            rt_size_text(each, plan->bytes / (uint64_t)plan->pictures), rt_size_text(room, most));
    if (own > 0)
        rt_report_info(run->report,
                       "vision_cache: %d ranks cannot reach the cache of their host and keep their own", own);
    if (without > 0)
        rt_report_warn(run->report, "vision_cache: %d of %d ranks keep nothing: %s", without, ranks, why);
}

/* Collective. */
static rt_status open_all(struct rt_run *run, const struct plan *plan, const struct seat *seat)
{
    const int rank = rt_dist_rank(run->dist), ranks = rt_dist_size(run->dist), leader = leader_of(seat, rank);
    const uint64_t most = bound(run, plan->where == RAM ? seat[rank].memory : seat[rank].disk);
    const struct rt_cache_options opt = { .folder = plan->where == DISK ? plan->folder : NULL,
                                          .entries = plan->pictures,
                                          .most_bytes = most / caches_beside(seat, ranks, rank) };
    struct outcome mine, *all = NULL;
    size_t bytes = 0;
    memset(&mine, 0, sizeof mine);
    RT_TRY(open_leaders(run, &opt, rank == leader, &mine));
    RT_TRY(rt_dist_allgather(run->dist, &mine, sizeof mine, (void **)&all, &bytes, NULL, run->err));
    if (rank != leader)
        join(run, &opt, &all[leader], &mine);
    free(all);
    if (run->features.cache != NULL && rt_model_keep_features(run->model, run->features.cache) != RT_OK) {
        snprintf(mine.why, sizeof mine.why, "%.255s", run->err->text);
        rt_cache_close(run->features.cache);
        run->features.cache = NULL;
    }
    RT_TRY(rt_dist_allgather(run->dist, &mine, sizeof mine, (void **)&all, &bytes, NULL, run->err));
    for (int r = 0; r < ranks; r++)
        run->features.kept = run->features.kept || all[r].why[0] == '\0';
    say_open(run, plan, all, most);
    free(all);
    return RT_OK;
}

rt_status rt_vision_cache_open(struct rt_run *run)
{
    struct plan plan = { .folder = folder_of(run) };
    struct seat *seat = NULL;
    int64_t tokens = 0;
    rt_data_pictures(run->data, &plan.pictures, &tokens);
    plan.bytes = (uint64_t)tokens * rt_model_feature_bytes(run->model);
    RT_TRY(find_seats(run, plan.folder, &seat));
    plan.where = decide(run, &plan, seat);
    const rt_status st = plan.where == OFF ? RT_OK : open_all(run, &plan, seat);
    free(seat);
    return st;
}

void rt_vision_cache_lend(const struct rt_run *run, struct rt_loader_options *where)
{
    where->features = run->features.cache;
    where->feature_bytes = rt_model_feature_bytes(run->model);
}
