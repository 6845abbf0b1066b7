/* report.c - a run's report: opened before the data is read, begun with the first step, closed after the last
 * evaluation. */
#include "config.h"
#include "report/report.h"
#include "base/clock.h"
#include "base/file.h"
#include "report/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static rt_status open_outputs(struct rt_report *r, struct rt_error *err)
{
    json_t *old = NULL;
    if (rt_file_make_folder(r->opt.output_dir, err) != RT_OK)
        return rt_fail_in(err, "output_dir: ");
    RT_TRY(rt_results_read(&old, r->opt.output_dir, err));
    json_decref(old);
    return rt_trainer_log_open(&r->log, r->opt.output_dir, r->opt.overwrite_output_dir, err);
}

static rt_status open_log(struct rt_report *r, const char *folder, int rank, struct rt_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "rank-%d.log", rank);
    RT_TRY(rt_file_make_folder(folder, err));
    char *path = NULL;
    RT_TRY(rt_file_path(&path, err, "%s/%s", folder, name));
    r->console.file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    const rt_status st = r->console.file < 0 ? rt_file_fail_out(err, errno, "write", path) : RT_OK;
    free(path);
    return st;
}

rt_status rt_report_open_other(struct rt_report **report, const struct rt_report_options *opt, int rank,
                               struct rt_error *err)
{
    if (opt->log_dir == NULL)
        return RT_OK;
    struct rt_report *r = calloc(1, sizeof *r);
    if (r == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the report");
    r->other = true;
    r->log.fd = -1;
    rt_console_open(&r->console, -1, true);
    const rt_status st = open_log(r, opt->log_dir, rank, err);
    if (st != RT_OK)
        rt_report_close(r);
    else
        *report = r;
    return st;
}

rt_status rt_report_open(struct rt_report **report, const struct rt_report_options *opt, struct rt_error *err)
{
    struct rt_report *r = calloc(1, sizeof *r);
    if (r == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the report");
    rt_status st = RT_OK;
    r->log.fd = -1;
    r->tb_start = -1;
    r->opt = *opt;
    r->opt.output_dir = opt->output_dir != NULL ? strdup(opt->output_dir) : NULL;
    r->opt.logging_dir = opt->logging_dir != NULL ? strdup(opt->logging_dir) : NULL;
    r->history = json_array();
    r->eval_results = json_object();
    r->runs = rt_tensorboard_runs();
    rt_console_open(&r->console, STDERR_FILENO, opt->disable_tqdm);
    rt_console_colours(&r->console, opt->color);
    if ((opt->output_dir != NULL && r->opt.output_dir == NULL) ||
        (opt->logging_dir != NULL && r->opt.logging_dir == NULL) || r->history == NULL ||
        r->eval_results == NULL || r->runs == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "no memory for the report");
    if (st == RT_OK && opt->output_dir != NULL)
        st = open_outputs(r, err);
    if (st == RT_OK && opt->log_dir != NULL)
        st = open_log(r, opt->log_dir, 0, err);
    if (st != RT_OK) {
        rt_report_close(r);
        return st;
    }
    *report = r;
    return RT_OK;
}

void rt_report_close(struct rt_report *r)
{
    if (r == NULL)
        return;
    rt_console_close(&r->console);
    rt_tensorboard_close(r->tb);
    rt_trainer_log_close(&r->log);
    json_decref(r->history);
    json_decref(r->eval_results);
    free(r->best.checkpoint);
    free(r->runs);
    free((char *)r->opt.logging_dir); /* copies of ours behind the const of the options */
    free((char *)r->opt.output_dir);
    free(r);
}

rt_status rt_report_tensorboard(struct rt_report *r, struct rt_error *err)
{
    if (!r->opt.tensorboard || r->tb != NULL)
        return RT_OK;
    char *folder;
    RT_TRY(rt_tensorboard_folder(&folder, r->opt.output_dir, r->opt.logging_dir, r->runs, err));
    const rt_status st = rt_tensorboard_open(&r->tb, folder, r->tb_start, err);
    free(folder);
    if (st == RT_OK)
        r->tb_start = -1;
    return st;
}

rt_status rt_report_begin(struct rt_report *r, const struct rt_report_options *opt, int64_t step,
                          struct rt_error *err)
{
    if (rt_report_idle(r))
        return RT_OK;
    r->opt.total_steps = opt->total_steps;
    r->opt.logging_steps = opt->logging_steps;
    r->opt.eval_steps = opt->eval_steps;
    r->opt.save_steps = opt->save_steps;
    r->opt.num_train_epochs = opt->num_train_epochs;
    RT_TRY(rt_report_tensorboard(r, err));
    rt_console_bar_end(&r->console);
    r->began = true;
    r->start_s = r->step_s = rt_now_s();
    r->step = step;
    r->saved_at_end = r->saved && step >= r->opt.total_steps;
    if (step == 0 && rt_trainer_log_anew(&r->log))
        rt_report_warn(
            r,
            "%s holds lines of a run that left no checkpoint to go on from, or was not to be gone on with; it "
            "starts anew",
            r->log.path);
    return RT_OK;
}

double rt_report_elapsed_s(const struct rt_report *r)
{
    return rt_report_idle(r) || !r->began ? 0 : r->before_s + (rt_now_s() - r->start_s);
}

rt_status rt_report_text(struct rt_report *r, const char *tag, const char *text, struct rt_error *err)
{
    if (rt_report_idle(r) || !r->opt.tensorboard)
        return RT_OK;
    RT_TRY(rt_report_tensorboard(r, err));
    return rt_tensorboard_text(r->tb, 0, tag, text, err);
}
