/* tokens.c - tokens seen and the floating-point operations that the reference's logs make of them. */
#include "config.h"
#include "train/run.h"

rt_status rt_run_count_tokens(struct rt_run *run)
{
    const int64_t epoch = run->step / run->steps_per_epoch, micro = rt_run_micro(run, run->step);
    const int64_t end = micro + rt_run_micros_of_step(run, run->step);
    int64_t before = 0, after = 0, real = 0;
    for (int rank = 0; rank < rt_dist_size(run->dist); rank++)
        before += run->unstored[rank];
    RT_TRY(rt_data_fed_tokens(run->data, epoch, micro, end, run->unstored, &real, run->err));
    for (int rank = 0; rank < rt_dist_size(run->dist); rank++)
        after += run->unstored[rank];
    run->tokens_seen += (double)(run->job->train.seen_without_padding ? real : after - before);
    run->window_tokens += (double)(after - before);
    return RT_OK;
}

/* Several ranks of the reference gather their counts as f32 whenever they log or save, and add them as f32. */
void rt_run_store_flos(struct rt_run *run)
{
    const double each = 6 * (double)rt_model_flos_params(run->model);
    const int ranks = rt_dist_size(run->dist);
    float sum = 0;
    for (int rank = 0; rank < ranks; rank++)
        sum += (float)(each * (double)run->unstored[rank]);
    run->flos += ranks == 1 ? each * (double)run->unstored[0] : (double)sum;
    for (int rank = 0; rank < ranks; rank++)
        run->unstored[rank] = 0;
}
