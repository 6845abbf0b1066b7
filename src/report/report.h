/*
 * report.h - numbers to logs: console lines and bar, trainer_log.jsonl, trainer_state.json, result files,
 * plots, TensorBoard event files. Rank 0 opens a report; the others use NULL, or one that only keeps lines in a
 * file, and every other call does nothing. One thread calls, unless it says otherwise.
 *
 * Order of calls: open, [resume], begin, steps with their logs, end, [eval_results], close.
 * What writes fails with RT_ERR_OUTPUT (not allowed, no such folder) or RT_ERR_IO (disk full, I/O error),
 * naming path and reason. Files are written aside and renamed; trainer_log.jsonl and event files grow by one
 * write(2) a record. Field names, order and number format are those of LLaMA-Factory 0.9.5 and
 * transformers 5.6.0.
 */
#ifndef RT_REPORT_REPORT_H
#define RT_REPORT_REPORT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct rt_report_options {
    const char *output_dir;  /* NULL: no files; only the lines and bars of a command that is no run */
    const char *logging_dir; /* TensorBoard folder, or NULL: output_dir/runs/<MonDD_HH-MM-SS>_<host> */
    bool tensorboard;        /* report_to contains tensorboard or all */
    bool plot_loss;
    bool disable_tqdm;         /* no bar even on a terminal */
    const char *color;         /* our key: "auto", "always" or "never"; NULL: auto */
    const char *log_dir;       /* our key: one log file a rank there; NULL: none */
    bool overwrite_output_dir; /* trainer_log.jsonl starts anew */
    bool include_num_input_tokens_seen;
    int64_t train_batch_size; /* per_device_train_batch_size */
    /* Known only once the data is counted: rt_report_begin takes them, rt_report_open does not look at them. */
    int64_t total_steps, logging_steps, eval_steps, save_steps; /* steps; eval_steps 500 where unset */
    double num_train_epochs;                                    /* as trainer_state.json shows: whole epochs */
};

struct rt_train_log { /* one logging window */
    int64_t step;
    double loss, grad_norm, learning_rate, epoch;
    int64_t tokens_seen; /* all tokens fed so far, all ranks */
    double tokens_per_s; /* of this window, all ranks */
    double data_wait_s;  /* of this window, this rank: waiting for the loader */
    double step_s;       /* of this window: seconds a step */
    double tflops; /* of this window, a rank: 4 a parameter and token (the frozen weights need no gradient) */
    double gpu_percent; /* of this window, GPUs of this host; NaN: not known */
};
struct rt_eval_log {
    int64_t step;
    double epoch, eval_loss, eval_accuracy /* NaN: not computed */, runtime_s;
    int64_t samples, steps; /* steps: samples over the batch size of all ranks, rounded up */
    int64_t tokens_seen;    /* in training up to now, all ranks */
    bool empty;             /* there was no batch, so there is no loss */
    const char *prefix;     /* "eval", or "eval_NAME" for one of several data sets */
};
struct rt_end_log {
    int64_t step;
    double epoch, train_loss;
    double runtime_s; /* rt_report_elapsed_s() */
    double total_flos;
    double samples; /* for train_samples_per_second */
    int64_t tokens_seen;
    int64_t steps;                 /* total optimizer steps */
    double effective_tokens_per_s; /* include_effective_tokens_per_second; not above 0: left out */
};

struct rt_report;

/* Before anything else of the run, so that loading can be shown; makes output_dir and tries that it can be
 * written. The strings of opt are copied. Fails: RT_ERR_OUTPUT, RT_ERR_IO, RT_ERR_FILE (an all_results.json
 * there that is not JSON, and which the end of the run would have to add to). */
rt_status rt_report_open(struct rt_report **report, const struct rt_report_options *opt, struct rt_error *err);
/* For a rank but 0, with log_dir: a report that puts lines into log_dir/rank-N.log and otherwise does what that
 * of NULL does. Rank 0's own lines go to rank-0.log beside the console. NULL where there is no log_dir. */
rt_status rt_report_open_other(struct rt_report **report, const struct rt_report_options *opt, int rank,
                               struct rt_error *err);
void rt_report_close(struct rt_report *report);

/* State to go on after a resume: what the log files held at a checkpoint, as one JSON text (malloc'ed): the
 * byte length of trainer_log.jsonl, log_history, elapsed time. NULL report: *text is NULL. rt_report_sync makes
 * the log files as long on the disk as they are now: any thread, while others log. rt_report_resume, between
 * open and begin, cuts trainer_log.jsonl back to that length, restores log_history and lets the elapsed time go
 * on. A trainer_log.jsonl that is no longer the checkpoint's is not cut, with a warning. TensorBoard opens a
 * new file, in the folder of the run that is resumed, with a SessionLog START at step + 1: readers then drop
 * what was logged after the checkpoint. Fails: RT_ERR_FILE (text is not rt_report_save's). */
rt_status rt_report_save(const struct rt_report *report, char **text, struct rt_error *err);
rt_status rt_report_sync(const struct rt_report *report, struct rt_error *err);
rt_status rt_report_resume(struct rt_report *report, const char *text, int64_t step, struct rt_error *err);

/* The same for a run that LLaMA-Factory began: `state` is its trainer_state.json at the checkpoint of `step`.
 * log_history and the best evaluation go on from there. trainer_log.jsonl is made to hold one line a logged
 * loss of log_history: lines that the file has as they are, others anew; what it has besides (of steps after
 * the checkpoint, or of another attempt) goes. A file that knows none of these losses stays, with a warning,
 * unless the job overwrites. TensorBoard has a run of its own for what is to come. Fails: RT_ERR_FILE,
 * RT_ERR_IO, RT_ERR_OUTPUT, RT_ERR_MEMORY. */
struct rt_report_past {
    double total_loss; /* of all steps; those after the last log count as its mean */
    double grad_norm, total_flos, best_metric /* NaN: none */;
    int64_t tokens_seen, best_step;
    const char *best_checkpoint; /* the report's; NULL: not there */
};
rt_status rt_report_adopt(struct rt_report *report, const char *state, int64_t step,
                          struct rt_report_past *past, struct rt_error *err);

/* The first step comes next: elapsed time counts from here, total_steps and the fields below it are taken from
 * opt, the TensorBoard file is opened. `step` is 0, or the checkpoint's that was resumed. At step 0
 * trainer_log.jsonl starts anew with its first line: what a run left that was killed before its first
 * checkpoint comes again. */
rt_status rt_report_begin(struct rt_report *report, const struct rt_report_options *opt, int64_t step,
                          struct rt_error *err);
/* Seconds of training, those before a resume included; 0 for NULL or before rt_report_begin. */
double rt_report_elapsed_s(const struct rt_report *report);

/* Lines of the run, on stderr as "[2026-11-23 10:00:00] INFO  text"; warnings likewise. NULL report: silent. A
 * text of several lines gives several; at most 8 KiB. */
void rt_report_info(struct rt_report *report, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rt_report_warn(struct rt_report *report, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Long phases before the first step: on a terminal a bar that is redrawn, else a line at most every 60 s.
 * total 0: unknown. done == total ends the bar. */
void rt_report_progress(struct rt_report *report, const char *what, int64_t done, int64_t total);
/* The same of bytes: sizes and speed in MB and GB, then `tail` ("3/12 files"). The speed is that of what was
 * done since the phase began, which may have found a part done; `done` may go back. */
void rt_report_bytes(struct rt_report *report, const char *what, int64_t done, int64_t total, const char *tail);
/* After every optimizer step: moves the bar (terminal only): step, seconds left, last loss. */
void rt_report_step(struct rt_report *report, int64_t step);

rt_status rt_report_train(struct rt_report *report, const struct rt_train_log *log, struct rt_error *err);
rt_status rt_report_eval(struct rt_report *report, const struct rt_eval_log *log, struct rt_error *err);
/* A text for TensorBoard ("args", "model_config"); nothing without tensorboard. */
rt_status rt_report_text(struct rt_report *report, const char *tag, const char *text, struct rt_error *err);
/* A new best evaluation, for trainer_state.json: best_metric, best_global_step and best_model_checkpoint (NULL
 * while that checkpoint is not there). */
rt_status rt_report_best(struct rt_report *report, double metric, int64_t step, const char *checkpoint,
                         struct rt_error *err);
/* What trainer_state.json of a checkpoint holds: *text, malloc'ed, of *bytes, without a NUL behind
 * them. NULL report: *text is NULL. */
rt_status rt_report_state(struct rt_report *report, int64_t step, double epoch, double total_flos,
                          int64_t tokens_seen, char **text, size_t *bytes, struct rt_error *err);
/* After the last step and its checkpoint: the last trainer_log.jsonl line, train_results.json,
 * all_results.json, trainer_state.json, plots. */
rt_status rt_report_end(struct rt_report *report, const struct rt_end_log *log, struct rt_error *err);
/* The evaluation after training, or without any: eval_results.json, all_results.json. Comes after
 * rt_report_end; once for each data set. */
rt_status rt_report_eval_results(struct rt_report *report, const struct rt_eval_log *log, struct rt_error *err);

/* ---- one host's values, beside the run
 * ---------------------------------------------------------------------------------------------------------- */

/* Folder of this report's TensorBoard run, malloc'ed; NULL where it has none. After rt_report_begin. */
char *rt_report_runs(const struct rt_report *report);

/* What is seen of a host, look by look; its values stand in the same order in every look. How those of several
 * looks become the points of one window: */
enum rt_host_kind {
    RT_HOST_LEVEL, /* mean, and least and most beside it as TAG/min and TAG/max */
    RT_HOST_SHARE, /* mean alone, of 0 or 100 a look */
    RT_HOST_LAST,  /* a setting or counter: the newest, where it has changed and at the run's end */
    RT_HOST_BITS   /* all bits that were seen, likewise */
};
struct rt_host_value {
    const char *tag;  /* "system/cpu_percent" */
    const char *help; /* one line on what it is, for Prometheus */
    int number;       /* of a GPU of the host or of a rank: system/gpuN_... for system/gpu_...; -1: none */
    double value;     /* NaN: left out */
    enum rt_host_kind kind;
};
enum { RT_HOST_VALUES = 768 }; /* most in one look */

/* The looks of one window of time. NULL: no memory. */
struct rt_host_window;
struct rt_host_window *rt_host_window_open(void);
void rt_host_window_close(struct rt_host_window *window);
void rt_host_window_add(struct rt_host_window *window, const struct rt_host_value *values, int count);
int rt_host_window_looks(const struct rt_host_window *window); /* since it was last written */

/*
 * A TensorBoard run of a host, folder/HOST, of which one rank of that host is the only writer. It shares
 * nothing with a report, so another thread may call. Fails as what writes does; an open one that fails once
 * writes no more. put: a window is written and empty again, at whole seconds since the first of the host's
 * files began, whatever resumed in between; a second has one point: a window that ends in that of the one
 * before goes on instead. put_step: likewise at an optimizer step, as system_by_step/... in folder/HOST/steps,
 * whose points after `first_step` that an earlier start has written no longer hold. last: the run ends with
 * this window.
 */
struct rt_host_log;
rt_status rt_host_log_open(struct rt_host_log **log, const char *folder, const char *host, int64_t first_step,
                           struct rt_error *err);
void rt_host_log_close(struct rt_host_log *log);
rt_status rt_host_log_put(struct rt_host_log *log, struct rt_host_window *window, bool last,
                          struct rt_error *err);
rt_status rt_host_log_put_step(struct rt_host_log *log, int64_t step, struct rt_host_window *window, bool last,
                               struct rt_error *err);

/* The values of one look as gauges for the node exporter's textfile collector:
 * ranktune_cpu_percent{host="..."}, those with a number ranktune_gpu_percent{host="...",gpu="0"}; written to
 * PATH.PID and renamed. Values of one tag must stand side by side. Any thread. */
rt_status rt_prom_write(const char *path, const char *host, const struct rt_host_value *values, int count,
                        struct rt_error *err);

/* ---- how a run ended
 * ---------------------------------------------------------------------------------------------------------- */

/* Numbers that are not known are NaN (null in the file), texts NULL. */
struct rt_summary_log {
    int exit_code;       /* below 0: it runs yet */
    bool stopped;        /* early, with a checkpoint to go on from, whatever its code */
    const char *reason;  /* "training complete", or the line that said why not */
    const char *started; /* ISO time */
    const char *version; /* of the program */
    const char *batch;   /* the batch system and its job, "slurm 7"; NULL: none */
    const char *host;    /* that wrote this, and the process there */
    int pid, ranks, hosts, gpus;
    int64_t first_step, step, steps; /* this start went on after first_step; of all */
    double tokens_seen;              /* over all starts; the rest is of this start */
    double samples, pictures, tokens;
    int64_t bad_rows, skipped_steps; /* rows left out; steps that were not finite */
    double wall_s;
    const struct rt_summary_phase {
        const char *name;
        double seconds;
    } * phases; /* [phase_count] of the rank that wrote this */
    int phase_count;
    double gpu_hours, gpu_percent, gpu_memory_bytes, host_memory_bytes, rank_memory_bytes, kwh;
    double monitor_s;           /* that the monitor of a host computed, at most */
    double monitor_looks;       /* that it took, at most */
    double agreed_s;            /* of the rank that wrote this, in agreeing at each step whether to stop */
    const int64_t *checkpoints; /* [checkpoint_count] steps of those written */
    int checkpoint_count;
    const char *directory,
        *command; /* to go on: where, and what to type; command NULL: nothing is left to do */
};
/* run_summary.json in folder, replaced as a whole; and, where out is not NULL, the same in words. */
rt_status rt_summary_write(const char *folder, const struct rt_summary_log *log, FILE *out,
                           struct rt_error *err);

#endif
