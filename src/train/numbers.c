/*
 * numbers.c - numbers that cannot be right: a loss or gradient that is not finite, one that leaps, adapters
 * that differ between ranks.
 *
 * Each decision is taken on sums over all ranks, whose bits are the same everywhere, so all ranks decide alike.
 */
#include "config.h"
#include "train/run.h"

#include <xxhash.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A loss this many standard deviations above the last ones is told. Losses scatter by batch, so few are needed
 * to know how much, and only what no scatter explains is worth a line. */
static const double spike_sigmas = 6.0;
enum { SPIKE_FROM = 20 };      /* losses before one can leap */
enum { IN_ALL = 10 };          /* bad steps borne in all, in units of max_bad_steps */
enum { COMPARE_EVERY = 1000 }; /* steps between comparisons of the adapters, besides each checkpoint */

void rt_run_note_samples(struct rt_run *run, int64_t micro)
{
    struct rt_run_samples *s = &run->samples;
    if (micro == 0)
        s->count = 0;
    const int64_t n = rt_loader_samples(run->loader, s->row + s->count, s->room - s->count);
    rt_dist_at(run->dist, micro, n > 0 && s->count < s->room ? s->row[s->count] : -1);
    s->count = s->count + n < s->room ? s->count + n : s->room;
}

rt_status rt_run_open_samples(struct rt_run *run)
{
    struct rt_run_samples *s = &run->samples;
    s->room = run->job->data.per_device_train_batch_size * run->job->train.gradient_accumulation_steps;
    s->row = malloc((size_t)s->room * sizeof *s->row);
    const rt_status st = s->row != NULL ? RT_OK
                                        : rt_fail(run->err, RT_ERR_MEMORY,
                                                  "no memory for the numbers of %lld rows", (long long)s->room);
    return rt_dist_agree(run->dist, st, run->err);
}

/* One line a row: which rank fed it, its number, and what a person calls it. */
static void list_samples(const struct rt_run *run, FILE *f, const int64_t *row, const size_t *bytes)
{
    for (int r = 0; r < rt_dist_size(run->dist); r++) {
        for (size_t i = 0; i < bytes[r] / sizeof *row; i++, row++) {
            char where[512] = "";
            rt_data_sample(run->data, *row, where, sizeof where);
            fprintf(f, "{\"rank\": %d, \"sample\": %lld, \"where\": \"", r, (long long)*row);
            for (const char *p = where; *p != '\0'; p++)
                fprintf(f, *p == '"' || *p == '\\' ? "\\%c" : (unsigned char)*p < ' ' ? "?" : "%c", *p);
            fprintf(f, "\"}\n");
        }
    }
}

/* Collective. The samples of this step into diag/NAME-step-N.jsonl; that they cannot be written is no reason to
 * end a run. */
static rt_status leave_samples(struct rt_run *run, const char *name)
{
    void *all = NULL;
    size_t bytes = 0, *counts = calloc((size_t)rt_dist_size(run->dist), sizeof *counts);
    const rt_status st =
        counts != NULL ? RT_OK : rt_fail(run->err, RT_ERR_MEMORY, "no memory to gather the samples of a step");
    RT_TRY(rt_dist_agree(run->dist, st, run->err));
    const rt_status gathered =
        rt_dist_allgather(run->dist, run->samples.row, (size_t)run->samples.count * sizeof *run->samples.row,
                          &all, &bytes, counts, run->err);
    if (gathered == RT_OK && rt_dist_rank(run->dist) == 0) {
        char path[4300];
        snprintf(path, sizeof path, "%.4000s/diag/%s-step-%lld.jsonl", run->job->output_dir, name,
                 (long long)run->step + 1);
        FILE *f = fopen(path, "we");
        if (f != NULL)
            list_samples(run, f, all, counts);
        if (f == NULL || ferror(f) != 0 || fflush(f) != 0)
            rt_report_warn(run->report, "%s: cannot be written: %s", path, strerror(errno));
        else
            rt_report_warn(run->report, "its samples are listed in %s", path);
        if (f != NULL)
            fclose(f);
    }
    free(all);
    free(counts);
    return gathered;
}

rt_status rt_run_skip_step(struct rt_run *run, double loss)
{
    const double most = run->job->train.max_bad_steps;
    rt_report_warn(run->report, "step %lld: loss %g, gradient norm %g: not finite, the step is left out",
                   (long long)run->step + 1, loss, run->grad_norm);
    if (run->bad_all == 0)
        RT_TRY(leave_samples(run, "bad"));
    run->summary.skipped_steps++;
    run->bad_steps++;
    run->bad_all++;
    if ((double)run->bad_steps <= most && (double)run->bad_all <= IN_ALL * most)
        return RT_OK;
    run->together = true;
    const bool in_row = (double)run->bad_steps > most;
    return rt_fail(
        run->err, RT_ERR_NUMBERS,
        "loss or gradient not finite in %lld steps %s, the last step %lld; lower learning_rate, look at "
        "the data, or raise max_bad_steps",
        (long long)(in_row ? run->bad_steps : run->bad_all), in_row ? "in a row" : "in all",
        (long long)run->step + 1);
}

rt_status rt_run_look_for_spike(struct rt_run *run, double loss)
{
    struct rt_run_losses *l = &run->losses;
    const int n = l->count < RT_RUN_LOSSES ? (int)l->count : RT_RUN_LOSSES;
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++)
        sum += l->loss[i];
    const double mean = n > 0 ? sum / n : 0;
    for (int i = 0; i < n; i++)
        squares += (l->loss[i] - mean) * (l->loss[i] - mean);
    const double sigma = n > 1 ? sqrt(squares / (n - 1)) : 0;
    l->loss[l->count++ % RT_RUN_LOSSES] = loss;
    if (n < SPIKE_FROM || !(sigma > 0) || !(loss - mean > spike_sigmas * sigma))
        return RT_OK;
    rt_report_warn(
        run->report,
        "step %lld: loss %.4g leaps %.1f standard deviations above the mean %.4g of the last %d steps",
        (long long)run->step + 1, loss, (loss - mean) / sigma, mean, n);
    return leave_samples(run, "spike");
}

/* The ranks whose digest is not that of most; where as many have one as another, that of the lowest rank
 * counts. */
static int differing(const XXH128_hash_t *digest, int ranks, char *text, size_t bytes)
{
    int best = 0, most = 0, differ = 0;
    size_t used = 0;
    for (int r = 0; r < ranks; r++) {
        int same = 0;
        for (int s = 0; s < ranks; s++)
            same += XXH128_isEqual(digest[r], digest[s]);
        if (same > most) {
            most = same;
            best = r;
        }
    }
    for (int r = 0; r < ranks; r++)
        if (!XXH128_isEqual(digest[r], digest[best]) && differ++ < 8)
            used += (size_t)snprintf(text + used, bytes - used, "%s%d", differ > 1 ? ", " : "", r);
    if (differ > 8)
        snprintf(text + used, bytes - used, " and %d more", differ - 8);
    return differ;
}

/* Where the ranks that differ are, for the one who has to look at the machine. */
static rt_status fail_differing(struct rt_run *run, const char *ranks)
{
    char mine[300] = "";
    char *all = NULL;
    size_t bytes = 0;
    snprintf(mine, sizeof mine, "%s%d on %.200s", rt_dist_rank(run->dist) > 0 ? ", " : "",
             rt_dist_rank(run->dist), rt_dist_host(run->dist));
    RT_TRY(rt_dist_allgather(run->dist, mine, strlen(mine), (void **)&all, &bytes, NULL, run->err));
    run->together = true;
    rt_fail(
        run->err, RT_ERR_HARDWARE,
        "after step %lld the adapter of rank %s differs from that of the others, though all computed the same "
        "update: memory or a GPU returned wrong bits there (ranks: %.*s); start again without that host",
        (long long)run->step, ranks, (int)(bytes < 1200 ? bytes : 1200), all);
    free(all);
    return RT_ERR_HARDWARE;
}

rt_status rt_run_compare_adapters(struct rt_run *run, bool saves)
{
    const struct rt_adapter *ad = run->adapter;
    const size_t bytes = (size_t)ad->count * sizeof(float);
    char ranks[160] = "";
    void *all = NULL;
    size_t gathered = 0;
    if (rt_dist_size(run->dist) == 1 || (!saves && run->step % COMPARE_EVERY != 0))
        return RT_OK;
    float *host = malloc(bytes);
    rt_status st = host != NULL ? rt_exec_get(run->ex, host, ad->p, bytes)
                                : rt_fail(run->err, RT_ERR_MEMORY, "no memory to compare the ranks' adapters");
    const XXH128_hash_t mine = st == RT_OK ? XXH3_128bits(host, bytes) : (XXH128_hash_t){ 0 };
    free(host);
    RT_TRY(st);
    RT_TRY(rt_dist_allgather(run->dist, &mine, sizeof mine, &all, &gathered, NULL, run->err));
    const int differ = differing(all, rt_dist_size(run->dist), ranks, sizeof ranks);
    free(all);
    return differ > 0 ? fail_differing(run, ranks) : RT_OK;
}
