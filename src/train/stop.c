/* stop.c - what ends a run before its last step: signals, the time, files that a person makes; agreed by all
 * ranks. */
#include "config.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/signals.h"
#include "train/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double look_s = 10; /* a look at a file may cost a network file system something */
enum { STOPS = RT_STOP_SIGNAL | RT_STOP_TIME | RT_STOP_FILE };

static void look_for_files(struct rt_run *run)
{
    const double now = rt_now_s();
    if (rt_dist_rank(run->dist) != 0 ||
        (run->stop_state.looked_s > 0 && now - run->stop_state.looked_s < look_s))
        return;
    run->stop_state.looked_s = now;
    run->stop_state.stop_file = rt_file_there(run->job->output_dir, "STOP");
    run->stop_state.checkpoint_file = rt_file_there(run->job->output_dir, "CHECKPOINT");
}

static uint32_t own_bits(struct rt_run *run)
{
    look_for_files(run);
    return (run->stop[RT_SIGNAL_ANY] != 0 ? RT_STOP_SIGNAL : 0u) |
           (rt_time_limit_over(&run->limit, run->step > 0) ? RT_STOP_TIME : 0u) |
           (run->stop_state.stop_file ? RT_STOP_FILE : 0u) |
           (run->stop_state.checkpoint_file ? RT_STOP_CHECKPOINT : 0u) |
           (rt_hardware_failed(run) ? RT_STOP_FAULT : 0u) | (run->said[0] != '\0' ? RT_STOP_SAID : 0u) |
           (run->saving.failed ? RT_STOP_UNSAVED : 0u) |
           (run->data != NULL && rt_data_late_news(run->data) ? RT_STOP_NEWS : 0u);
}

bool rt_stop_asked(void *context)
{
    struct rt_run *run = context;
    const uint32_t bits = own_bits(run) & STOPS;
    run->stop_state.why |= bits; /* known to this rank; the others say what they know */
    return bits != 0;
}

bool rt_stop_urgent(const struct rt_run *run)
{
    return rt_signals_urgent(run->stop);
}

static rt_status agree(struct rt_run *run)
{
    rt_hardware_warn(run);
    rt_run_save_look(run);
    uint32_t mine = own_bits(run), all = 0;
    const bool alone = rt_dist_size(run->dist) == 1, more = run->step < run->steps;
    if (!alone && rt_dist_word_posted(run->dist))
        RT_TRY(rt_dist_word_take(run->dist, &all, run->err));
    if (!alone && !more) /* no word comes after this step */
        RT_TRY(rt_dist_or(run->dist, &mine, run->err));
    if (alone || !more)
        all |= mine;
    if ((all & RT_STOP_FAULT) != 0)
        return rt_hardware_agree(run);
    if ((all & RT_STOP_SAID) != 0)
        RT_TRY(rt_run_share_said(run));
    if ((all & RT_STOP_UNSAVED) != 0)
        RT_TRY(rt_run_save_wait(run));
    run->stopped = (all & STOPS) != 0 && more;
    run->save_asked = (all & RT_STOP_CHECKPOINT) != 0;
    if ((all & RT_STOP_NEWS) != 0 || run->stopped || !more)
        RT_TRY(rt_run_share_late(run));
    if (run->stopped) {
        run->stop_state.why = all & STOPS;
        rt_report_info(run->report, "%s: stopping after step %lld", rt_stop_reason(all), (long long)run->step);
    } else if (more && !alone) {
        mine &= ~(all & RT_STOP_CHECKPOINT); /* it is about to be done, and its file to go */
        RT_TRY(rt_dist_word_post(run->dist, mine, run->err));
    }
    return RT_OK;
}

rt_status rt_stop_agree(struct rt_run *run)
{
    const double from = rt_now_s();
    const rt_status st = agree(run);
    run->stop_state.agreed_s += rt_now_s() - from;
    return st;
}

rt_status rt_stop_between(struct rt_run *run)
{
    uint32_t bits = own_bits(run) & (STOPS | RT_STOP_FAULT | RT_STOP_SAID);
    RT_TRY(rt_dist_or(run->dist, &bits, run->err));
    if ((bits & RT_STOP_SAID) != 0)
        RT_TRY(rt_run_share_said(run));
    if ((bits & RT_STOP_FAULT) != 0)
        return rt_hardware_agree(run);
    bits &= STOPS;
    run->stop_state.why |= bits;
    return bits == 0 ? RT_OK : rt_fail(run->err, RT_STOPPED, "%s", rt_stop_reason(bits));
}

static void remove_file(struct rt_run *run, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", run->job->output_dir, name);
    if (unlink(path) != 0 && errno != ENOENT)
        rt_report_warn(run->report, "%s: cannot be removed: %s; remove it before the run goes on", path,
                       strerror(errno));
}

void rt_stop_acted(struct rt_run *run)
{
    if (rt_dist_rank(run->dist) != 0)
        return;
    if (run->stop_state.stop_file)
        remove_file(run, "STOP");
    if (run->stop_state.checkpoint_file)
        remove_file(run, "CHECKPOINT");
    run->stop_state.stop_file = run->stop_state.checkpoint_file = false;
}

const char *rt_stop_reason(uint32_t why)
{
    if ((why & RT_STOP_SIGNAL) != 0)
        return "asked to stop by a signal";
    if ((why & RT_STOP_FILE) != 0)
        return "asked to stop by the file STOP";
    return (why & RT_STOP_TIME) != 0 ? "max_hours is over" : "asked to stop";
}
