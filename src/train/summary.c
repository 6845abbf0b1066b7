/* summary.c - what run_summary.json says of a run, and who writes it. */
#include "config.h"
#include "base/batch_job.h"
#include "base/clock.h"
#include "monitor/monitor.h"
#include "train/command.h"
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* One rank's part of what is known of all ranks together. */
struct share {
    double samples, pictures, rank_bytes;
    double gpu_percent_sum, gpu_percent_count, gpu_bytes, energy_j, host_bytes, monitor_s, looks;
    int on_gpu, leads;
};

static struct share share_of(const struct rt_run *run)
{
    struct rt_monitor_totals t;
    struct rusage usage = { .ru_maxrss = 0 };
    getrusage(RUSAGE_SELF, &usage);
    rt_monitoring_totals(run, &t);
    return (struct share){ .samples = run->summary.samples,
                           .pictures = run->summary.pictures,
                           .rank_bytes = (double)usage.ru_maxrss * 1024,
                           .gpu_percent_sum = t.gpu_percent_sum,
                           .gpu_percent_count = t.gpu_percent_count,
                           .gpu_bytes = t.gpu_memory_bytes,
                           .energy_j = t.energy_j,
                           .host_bytes = t.host_bytes,
                           .monitor_s = t.looks > 0 ? t.cpu_s : NAN,
                           .looks = t.looks > 0 ? (double)t.looks : NAN,
                           .on_gpu = run->ex != NULL && run->ex->device == RT_DEVICE_CUDA,
                           .leads = rt_dist_local_rank(run->dist) == 0 };
}

/* a += b, sums and maxima, where NaN is not known. */
static void add(struct share *a, const struct share *b)
{
    a->samples += b->samples;
    a->pictures += b->pictures;
    a->gpu_percent_sum += b->gpu_percent_sum;
    a->gpu_percent_count += b->gpu_percent_count;
    a->energy_j = isnan(a->energy_j)   ? b->energy_j
                  : isnan(b->energy_j) ? a->energy_j
                                       : a->energy_j + b->energy_j;
    a->rank_bytes = fmax(a->rank_bytes, b->rank_bytes); /* fmax passes over NaN */
    a->gpu_bytes = fmax(a->gpu_bytes, b->gpu_bytes);
    a->host_bytes = fmax(a->host_bytes, b->host_bytes);
    a->monitor_s = fmax(a->monitor_s, b->monitor_s);
    a->looks = fmax(a->looks, b->looks);
    a->on_gpu += b->on_gpu;
    a->leads += b->leads;
}

/* Collective. Of all ranks; where one is lost that is not to be had, and this rank's own has to do. */
static rt_status share_of_all(struct rt_run *run, struct share *sum)
{
    struct share *all = NULL;
    size_t bytes = 0;
    RT_TRY(rt_dist_allgather(run->dist, sum, sizeof *sum, (void **)&all, &bytes, NULL, NULL));
    *sum = all[0];
    for (int r = 1; r < rt_dist_size(run->dist); r++)
        add(sum, &all[r]);
    free(all);
    return RT_OK;
}

static const char *iso_time(char text[40], double wall_s)
{
    const time_t t = (time_t)wall_s;
    struct tm local = { 0 };
    localtime_r(&t, &local);
    strftime(text, 40, "%Y-%m-%dT%H:%M:%S%z", &local);
    return text;
}

enum { MOST_PHASES = 32 };

static int phases_of(const struct rt_run *run, struct rt_summary_phase phase[MOST_PHASES])
{
    int n = 0;
    for (; n < MOST_PHASES && rt_dist_phase_name(n) != NULL; n++)
        phase[n] = (struct rt_summary_phase){ rt_dist_phase_name(n), rt_dist_phase_seconds(run->dist, n) };
    return n;
}

static char *command_of(const struct rt_run *run)
{
    const struct rt_train_options *t = &run->job->train;
    const bool never = t->resume_from_checkpoint != NULL && strcmp(t->resume_from_checkpoint, "false") == 0;
    const bool anew = never || (t->overwrite_output_dir && t->resume_from_checkpoint == NULL);
    return rt_command_again(rt_dist_size(run->dist), anew, run->job->path == NULL);
}

/* s: of all ranks, or with `whole` false of this one. out: where to say the same in words; NULL: nowhere.
 * Nothing that fails here fails the run. */
static void write_summary(struct rt_run *run, int code, const char *reason, const struct share *s, bool whole,
                          FILE *out)
{
    const int ranks = rt_dist_size(run->dist), local = rt_dist_local_size(run->dist);
    const double wall_s = rt_now_s() - run->started_s;
    struct rt_summary_phase phase[MOST_PHASES];
    struct rt_error err = { .text = "" };
    const struct rt_batch_job batch = rt_batch_job();
    char started[40], directory[4096], job[sizeof batch.system + sizeof batch.id + 2];
    snprintf(job, sizeof job, "%s %s", batch.system, batch.id);
    char *command = code != 0 ? command_of(run) : NULL;
    const int gpus = whole ? s->on_gpu : s->on_gpu * ranks; /* all or none */
    const struct rt_data *data = run->named; /* another thread may be asking, while it is opened */
    const struct rt_summary_log log = {
        .exit_code = code,
        .stopped = run->err->status == RT_STOPPED,
        .reason = reason,
        .started = iso_time(started, rt_wall_s() - wall_s),
        .version = PACKAGE_VERSION,
        .batch = batch.system[0] != '\0' ? job : NULL,
        .host = rt_dist_host(run->dist),
        .pid = (int)getpid(),
        .ranks = ranks,
        .hosts = whole ? s->leads : (ranks + local - 1) / local,
        .gpus = gpus,
        .first_step = run->summary.first_step,
        .step = run->step,
        .steps = run->steps,
        .tokens_seen = run->tokens_seen,
        .samples = whole ? s->samples : NAN,
        .pictures = whole ? s->pictures : NAN,
        .tokens = run->tokens_seen - run->summary.first_tokens,
        .bad_rows = data != NULL ? rt_data_bad_rows(data) : 0,
        .skipped_steps = run->summary.skipped_steps,
        .wall_s = wall_s,
        .phases = phase,
        .phase_count = phases_of(run, phase),
        .gpu_hours = gpus * wall_s / 3600,
        .gpu_percent = s->gpu_percent_count > 0 ? s->gpu_percent_sum / s->gpu_percent_count : NAN,
        .gpu_memory_bytes = s->gpu_bytes,
        .host_memory_bytes = s->host_bytes,
        .rank_memory_bytes = s->rank_bytes,
        .kwh = s->energy_j / 3.6e6,
        .monitor_s = s->monitor_s,
        .monitor_looks = s->looks,
        .agreed_s = run->stop_state.agreed_s,
        .checkpoints = run->summary.saved,
        .checkpoint_count = run->summary.saved_count,
        .directory = getcwd(directory, sizeof directory),
        .command = command,
    };
    if (rt_summary_write(run->job->output_dir, &log, out, &err) != RT_OK)
        rt_report_warn(run->report, "%s", err.text);
    free(command);
}

void rt_summary_begin(struct rt_run *run)
{
    run->summary.ours = true;
    if (rt_dist_rank(run->dist) != 0)
        return;
    const struct share mine = share_of(run);
    write_summary(run, -1, "it runs, or was ended from outside: killed, or its host was lost", &mine, false,
                  NULL);
}

void rt_summary_resumed(struct rt_run *run)
{
    run->summary.first_step = run->step;
    run->summary.first_tokens = run->tokens_seen;
}

void rt_summary_fed(struct rt_run *run, const struct rt_batch *batch)
{
    run->summary.samples += (double)batch->samples;
    run->summary.pictures += (double)batch->pictures;
}

void rt_summary_saved(struct rt_run *run, int64_t step)
{
    struct rt_run_summary *s = &run->summary;
    if ((s->saved_count & (s->saved_count - 1)) == 0) { /* full: 0, 1, 2, 4, ... */
        int64_t *grown =
            realloc(s->saved, (size_t)(s->saved_count > 0 ? 2 * s->saved_count : 1) * sizeof *grown);
        if (grown == NULL)
            return;
        s->saved = grown;
    }
    s->saved[s->saved_count++] = step;
}

/* As main.c ends with. */
static int code_of(const struct rt_run *run, rt_status st)
{
    return st == RT_STOPPED && run->err->exit_code > 0 ? run->err->exit_code : rt_exit_code(st);
}

void rt_summary_end(struct rt_run *run, rt_status st)
{
    const bool whole = st == RT_OK || st == RT_STOPPED; /* all ranks are here, in the same state */
    rt_monitoring_stop(run, 5);
    if (run->summary.ours) {
        struct share sum = share_of(run);
        const bool known = whole && share_of_all(run, &sum) == RT_OK;
        if (rt_dist_rank(run->dist) == 0)
            write_summary(run, code_of(run, st), st == RT_OK ? "training complete" : run->err->text, &sum,
                          known, stdout);
    }
    free(run->summary.saved);
    run->summary.saved = NULL;
}

void rt_summary_abort(struct rt_run *run, rt_status failed)
{
    rt_run_say_rest(run);
    const rt_status st = rt_dist_why(run->dist, rt_hardware_explain(run, failed));
    rt_monitoring_stop(run, 0.5); /* the last minute is what somebody will look at */
    if (run->summary.ours && !rt_dist_silent(run->dist)) {
        const struct share mine = share_of(run);
        char reason[sizeof run->err->text + 320];
        snprintf(reason, sizeof reason, "rank %d on %s: %s", rt_dist_rank(run->dist), rt_dist_host(run->dist),
                 run->err->text);
        write_summary(run, rt_exit_code(st), reason, &mine, false, stdout);
    }
    rt_dist_abort(run->dist, st, run->err->text);
}

void rt_summary_forced(void *context, int code, const char *text)
{
    struct rt_run *run = context;
    const struct share mine = share_of(run);
    char reason[2400];
    snprintf(reason, sizeof reason, "rank %d on %s: %s", rt_dist_rank(run->dist), rt_dist_host(run->dist),
             text);
    if (run->summary.ours)
        write_summary(run, code, reason, &mine, false, NULL); /* stdio's lock may be held for ever */
}
