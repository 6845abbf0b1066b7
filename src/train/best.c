/* best.c - the best evaluation so far, and its adapter where the job wants that one at the end. */
#include "config.h"
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double metric_of(const struct rt_run *run, const struct rt_eval_log *log)
{
    const char *name = run->job->train.metric_for_best_model;
    return strstr(name, "accuracy") != NULL ? log->eval_accuracy : log->eval_loss;
}

rt_status rt_best_look(struct rt_run *run, const struct rt_eval_log *log, bool *better)
{
    const struct rt_train_options *opt = &run->job->train;
    *better = false;
    if (opt->metric_for_best_model == NULL || log->empty)
        return RT_OK;
    const double metric = metric_of(run, log);
    *better = isnan(run->best_metric) ||
              (opt->greater_is_better ? metric > run->best_metric : metric < run->best_metric);
    if (!*better)
        return RT_OK;
    run->best_metric = metric;
    run->best_step = run->step;
    const size_t bytes = (size_t)run->adapter->count * sizeof(float);
    if (opt->load_best_model_at_end && run->best == NULL && (run->best = malloc(bytes)) == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY,
                       "out of host memory for the best adapter; write load_best_model_at_end: false");
    if (run->best != NULL)
        RT_TRY(rt_exec_get(run->ex, run->best, run->adapter->p, bytes));
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/checkpoint-%lld", run->job->output_dir, (long long)run->step);
    return rt_report_best(run->report, metric, run->step, opt->save_strategy == RT_STRATEGY_NO ? NULL : folder,
                          run->err);
}

rt_status rt_best_load(struct rt_run *run)
{
    if (run->best == NULL)
        return RT_OK;
    rt_report_info(run->report, "taking the adapter of step %lld, whose %s of %.6g is the best",
                   (long long)run->best_step, run->job->train.metric_for_best_model, run->best_metric);
    RT_TRY(rt_exec_put(run->ex, run->adapter->p, run->best, (size_t)run->adapter->count * sizeof(float)));
    return rt_model_refresh(run->model);
}
