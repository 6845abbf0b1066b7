/* device.c - what a run computes on: opened, checked over all ranks and said before anything is loaded. */
#include "config.h"
#include "base/cores.h"
#include "train/run.h"
#include "train/seats.h"

#include <stdio.h>
#include <stdlib.h>

static void say_seats(struct rt_run *run, const struct rt_seat *seat, int ranks)
{
    char line[4096];
    for (int r = 0; r < ranks && seat[0].kind == RT_DEVICE_CUDA; r++)
        if (rt_seats_line(seat, ranks, r, line, sizeof line))
            rt_report_info(run->report, "%s", line);
    if (rt_seats_apart(seat, ranks))
        rt_report_warn(
            run->report,
            "ranks of one host see one GPU each: NCCL may not use the links between the GPUs then; let every "
            "rank see all GPUs of its host (CUDA_VISIBLE_DEVICES, --gpu-bind=none)");
    if (rt_seats_narrow(seat, ranks, line, sizeof line))
        rt_report_warn(run->report, "%s", line);
}

/* All ranks see the same seats, so they decide alike. */
static rt_status look_at_seats(struct rt_run *run)
{
    struct rt_seat mine, *seat = NULL;
    size_t bytes = 0;
    rt_seat_take(&mine, rt_dist_host(run->dist), rt_dist_local_size(run->dist));
    mine.kind = run->ex->device;
    rt_status st = rt_exec_info(run->ex, &mine.device);
    RT_TRY(rt_dist_agree(run->dist, st, run->err));
    RT_TRY(rt_dist_allgather(run->dist, &mine, sizeof mine, (void **)&seat, &bytes, NULL, run->err));
    st = rt_seats_check(seat, rt_dist_size(run->dist), run->err);
    if (st == RT_OK)
        say_seats(run, seat, rt_dist_size(run->dist));
    free(seat);
    return st;
}

rt_status rt_run_open_device(struct rt_run *run)
{
    const struct rt_train_options *opt = &run->job->train;
    const enum rt_dtype act = opt->bf16 || opt->pure_bf16 ? RT_BF16 : RT_F32;
    const int threads = rt_cores() / rt_dist_local_size(run->dist);
    struct rt_dist_lane lane;
    const char *how = "";
    rt_status st = rt_exec_open(&run->ex, opt->device, act, rt_dist_local_rank(run->dist),
                                threads < 1 ? 1 : threads, run->err);
    RT_TRY(rt_dist_agree(run->dist, st, run->err));
    RT_TRY(look_at_seats(run));
    run->sum_part = rt_dist_local_size(run->dist) < rt_dist_size(run->dist) ? RT_SUM_PART : INT64_MAX;
    if (run->ex->device == RT_DEVICE_CPU || rt_dist_size(run->dist) == 1)
        return RT_OK;
    st = rt_exec_lane(run->ex, &lane);
    RT_TRY(rt_dist_agree(run->dist, st, run->err));
    RT_TRY(rt_dist_open_device(run->dist, &lane, &how, run->err));
    if (rt_dist_has_nccl(run->dist))
        rt_report_info(run->report, "%s", how);
    else
        rt_report_warn(run->report, "%s", how);
    return RT_OK;
}
