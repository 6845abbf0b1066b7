/* preview.c - ranktune preview: what the model will see. */
#include "config.h"
#include "dist/dist.h"
#include "tools/open_job.h"
#include "tools/tools.h"
#include "train/train.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_line(const char *line, void *context)
{
    fputs(line, context);
    fputc('\n', context);
}

static void show_progress(const char *what, int64_t done, int64_t total, void *context)
{
    (void)what, (void)done, (void)total, (void)context;
}

static void show_note(const char *text, void *context)
{
    if (rt_dist_rank(context) == 0)
        fprintf(stderr, "ranktune: %s\n", text);
}

static rt_status whole(const char *flag, const char *value, int64_t low, int64_t high, int64_t *out,
                       struct rt_error *err)
{
    char *end = NULL;
    errno = 0;
    *out = value == NULL ? -1 : strtoll(value, &end, 10);
    if (value == NULL || end == value || *end != '\0' || *out < low || *out > high || errno != 0)
        return rt_fail(err, RT_ERR_USAGE, "preview: %s needs a whole number of at least %lld; write %s %lld",
                       flag, (long long)low, flag, (long long)low);
    return RT_OK;
}

/* Is word FLAG or FLAG=VALUE? Then *value is what follows, and *i moves behind it. */
static bool flag(const char *name, int argc, char **argv, int *i, const char **value)
{
    const size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0 || (argv[*i][n] != '\0' && argv[*i][n] != '='))
        return false;
    if (argv[*i][n] == '=')
        *value = argv[*i] + n + 1;
    else
        *value = ++*i < argc ? argv[*i] : NULL;
    return true;
}

/* Takes preview's own flags out of argv; the rest is the job's. */
static rt_status own_flags(int *argc, char **argv, struct rt_preview_options *opt, struct rt_error *err)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        int64_t size = opt->size, rank = opt->rank;
        const char *value = NULL;
        if (strcmp(argv[i], "--json") == 0)
            opt->json = true;
        else if (flag("--ranks", *argc, argv, &i, &value))
            RT_TRY(whole("--ranks", value, 1, INT_MAX, &size, err));
        else if (flag("--rank", *argc, argv, &i, &value))
            RT_TRY(whole("--rank", value, 0, INT_MAX, &rank, err));
        else if (flag("--micros", *argc, argv, &i, &value))
            RT_TRY(whole("--micros", value, 1, INT64_MAX, &opt->micros, err));
        else
            argv[kept++] = argv[i];
        opt->size = (int)size;
        opt->rank = (int)rank;
    }
    *argc = kept;
    if (opt->rank >= opt->size)
        return rt_fail(err, RT_ERR_USAGE, "preview: --rank %d is not below --ranks %d", opt->rank, opt->size);
    return RT_OK;
}

rt_status rt_tool_preview(int argc, char **argv, struct rt_dist *dist, const volatile sig_atomic_t *stop,
                          struct rt_error *err)
{
    (void)stop;
    struct rt_preview_options opt = { .rank = rt_dist_rank(dist), .size = rt_dist_size(dist) };
    RT_TRY(own_flags(&argc, argv, &opt, err));
    if (argc == 0)
        return rt_fail(err, RT_ERR_USAGE, "preview: give a job file");
    struct rt_job *job = NULL;
    RT_TRY(rt_open_job(&job, argc, argv, dist, err));
    opt.bf16 = job->train.bf16 || job->train.pure_bf16;
    struct rt_data_options data_options = job->data;
    data_options.output_dir = NULL; /* a preview leaves no files */
    struct rt_data *data = NULL;
    const struct rt_notes notes = { show_progress, show_note, dist };
    rt_status st = rt_data_open(&data, &data_options, dist, &notes, err);
    if (st == RT_OK)
        opt.steps = rt_train_count(&job->train, data, opt.size).steps;
    if (rt_dist_size(dist) == 1)
        signal(SIGPIPE, SIG_DFL); /* preview | head ends as other programs do */
    if (st == RT_OK && rt_dist_rank(dist) == 0)
        st = rt_data_preview(data, &opt, print_line, stdout, err);
    if (st == RT_OK && (fflush(stdout) != 0 || ferror(stdout)))
        st = rt_fail(err, RT_ERR_IO, "standard output: %s", strerror(errno));
    st = rt_dist_agree(dist, st, err);
    rt_data_close(data);
    rt_job_close(job);
    return st;
}
