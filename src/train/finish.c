/* finish.c - what a finished run leaves: adapter, tokenizer files, results and plots, the evaluation after
 * training. */
#include "config.h"
#include "train/run.h"

#include <math.h>

static double train_loss(const struct rt_run *run)
{
    return (run->total + run->window_own) / (double)run->step;
}

static rt_status leave_files(struct rt_run *run)
{
    const struct rt_job *job = run->job;
    rt_run_store_flos(run);
    const int64_t rows = rt_data_rows(run->data, RT_TRAIN);
    const double per_step = (double)(job->data.per_device_train_batch_size *
                                     job->train.gradient_accumulation_steps * rt_dist_size(run->dist));
    const struct rt_end_log log = { .step = run->step,
                                    .epoch = rt_run_epoch(run, run->step),
                                    .train_loss = train_loss(run),
                                    .runtime_s = rt_report_elapsed_s(run->report),
                                    .total_flos = run->flos,
                                    .samples = job->train.max_steps > 0
                                                   ? (double)run->steps * per_step
                                                   : (double)rows * job->train.num_train_epochs,
                                    .tokens_seen = (int64_t)run->tokens_seen,
                                    .steps = run->steps };
    RT_TRY(rt_run_save_adapter(run, job->output_dir));
    RT_TRY(rt_run_card(run, job->output_dir, &(struct rt_card){ log.train_loss, NAN, NAN }));
    return rt_report_end(run->report, &log, run->err);
}

rt_status rt_run_finish(struct rt_run *run)
{
    rt_dist_phase(run->dist, RT_PHASE_SAVE, run->step);
    RT_TRY(rt_best_load(run));
    return rt_dist_rank(run->dist) == 0 ? leave_files(run) : RT_OK;
}

rt_status rt_run_final_eval(struct rt_run *run)
{
    struct rt_eval_log log;
    rt_dist_phase(run->dist, RT_PHASE_EVAL, run->step);
    RT_TRY(rt_evaluate(run, &log));
    RT_TRY(rt_run_share_late(run));
    if (run->job->train.do_train && rt_dist_rank(run->dist) == 0) {
        const struct rt_card card = { train_loss(run), log.eval_loss, log.eval_accuracy };
        RT_TRY(rt_run_card(run, run->job->output_dir, &card));
    }
    return rt_report_eval_results(run->report, &log, run->err);
}
