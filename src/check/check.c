/* check.c - the parts of a check, in the order in which a run would meet what they look at. */
#include "config.h"
#include "check/check.h"
#include "check/state.h"

#include "monitor/nvml.h"

#include <stdlib.h>

/* Longest wait for another rank: as long as a run waits while it sets up; then the link or the rank is lost. */
enum { SCAN_TIMEOUT_S = 1800, TALK_TIMEOUT_S = 120 };

static rt_status look(struct rt_check *c)
{
    rt_dist_set_timeout(c->dist, SCAN_TIMEOUT_S);
    RT_TRY(rt_check_hosts(c));
    RT_TRY(rt_check_settings(c));
    RT_TRY(rt_check_output(c));
    RT_TRY(rt_check_devices(c));
    RT_TRY(rt_check_data(c));
    RT_TRY(rt_check_model(c));
    rt_dist_set_timeout(c->dist, TALK_TIMEOUT_S);
    RT_TRY(rt_check_speed(c));
    RT_TRY(rt_check_sums(c));
    RT_TRY(rt_check_disk(c));
    RT_TRY(rt_check_time(c));
    return rt_findings_end(c->findings, c->err);
}

rt_status rt_check_job(const struct rt_job *job, const struct rt_check_options *opt, struct rt_dist *dist,
                       struct rt_error *err)
{
    struct rt_check c = {
        .job = job, .opt = opt, .dist = dist, .err = err, .rank = rt_dist_rank(dist), .size = rt_dist_size(dist)
    };
    const rt_status st = look(&c);
    if (st == RT_ERR_COMM) /* a device that waits for another rank would not let go of its memory */
        rt_dist_abort(dist, st, err->text);
    rt_model_close(c.model);
    rt_data_close(c.data);
    rt_dist_close_device(dist);
    rt_nvml_close(c.nvml);
    rt_exec_close(c.ex);
    rt_findings_close(c.findings);
    free(c.seat);
    free(c.hosts);
    free(c.place);
    return st;
}
