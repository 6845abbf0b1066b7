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
    return rt_check_time(c);
}

rt_status rt_check_job(const struct rt_job *job, const struct rt_check_options *opt, struct rt_dist *dist,
                       struct rt_error *err)
{
    struct rt_check c = {
        .job = job, .opt = opt, .dist = dist, .err = err, .rank = rt_dist_rank(dist), .size = rt_dist_size(dist)
    };
    rt_status st = look(&c);
    if (st != RT_OK) /* what one rank alone met keeps the others waiting */
        rt_dist_abort(dist, st, err->text);
    st = rt_findings_end(c.findings, err);
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
