/*
 * report.h - numbers to logs: console lines and bar, trainer_log.jsonl, trainer_state.json, result files, plots,
 * TensorBoard event files. Rank 0 opens a report; the others use NULL and every call does nothing.
 *
 * Field names, order and number format are those of LLaMA-Factory 0.9.5 and transformers 5.6.0.
 */
#ifndef RT_REPORT_REPORT_H
#define RT_REPORT_REPORT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_report_options {
    const char *output_dir;
    const char *logging_dir;   /* TensorBoard folder, or NULL: output_dir/runs/<MonDD_HH-MM-SS>_<host> */
    bool tensorboard;          /* report_to contains tensorboard or all */
    bool plot_loss;
    bool disable_tqdm;         /* no bar even on a terminal */
    bool overwrite_output_dir; /* trainer_log.jsonl starts anew */
    bool include_num_input_tokens_seen;
    int64_t total_steps, logging_steps, eval_steps, save_steps; /* steps; eval_steps 500 where unset */
    int64_t train_batch_size;  /* per_device_train_batch_size */
    double num_train_epochs;   /* as trainer_state.json shows: whole epochs */
};

struct rt_train_log {          /* one logging window */
    int64_t step;
    double loss, grad_norm, learning_rate, epoch;
    int64_t tokens_seen;       /* all tokens fed so far, all ranks */
    double tokens_per_s;       /* of this window, all ranks */
    double data_wait_s;        /* of this window, this rank: waiting for the loader */
};
struct rt_eval_log {
    int64_t step;
    double epoch, eval_loss, eval_accuracy /* NaN: not computed */, runtime_s;
    int64_t samples, steps;
    const char *prefix;        /* "eval" */
};
struct rt_end_log {
    int64_t step;
    double epoch, train_loss, runtime_s, total_flos;
    double samples;            /* for train_samples_per_second */
    int64_t tokens_seen;
    int64_t steps;             /* total optimizer steps */
};

struct rt_report;

/* Opens for a run that starts at step 0. Fails: RT_ERR_OUTPUT, RT_ERR_IO. */
rt_status rt_report_open(struct rt_report **report, const struct rt_report_options *opt, struct rt_error *err);
void rt_report_close(struct rt_report *report);

/* State to go on after a resume: what the log files held at a checkpoint, as one JSON text (malloc'ed): the byte
 * length of trainer_log.jsonl, log_history, elapsed time. rt_report_resume cuts trainer_log.jsonl back to that length
 * and restores log_history; TensorBoard opens a new file with a SessionLog START at that step. */
rt_status rt_report_save(const struct rt_report *report, char **text, struct rt_error *err);
rt_status rt_report_resume(struct rt_report *report, const char *text, int64_t step, struct rt_error *err);

/* Lines of the run, on stderr as "[2026-11-23 10:00:00] INFO  text"; warnings likewise. NULL report: silent. */
void rt_report_info(struct rt_report *report, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rt_report_warn(struct rt_report *report, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Long phases before the first step: on a terminal a bar that is redrawn, else a line at most every 60 s.
 * total 0: unknown. done == total ends the bar. */
void rt_report_progress(struct rt_report *report, const char *what, int64_t done, int64_t total);
/* After every optimizer step: moves the bar (terminal only): step, seconds left, last loss. */
void rt_report_step(struct rt_report *report, int64_t step);

rt_status rt_report_train(struct rt_report *report, const struct rt_train_log *log, struct rt_error *err);
rt_status rt_report_eval(struct rt_report *report, const struct rt_eval_log *log, struct rt_error *err);
/* After the last step: the last trainer_log.jsonl line, train_results.json, all_results.json, trainer_state.json,
 * plots. total_flos is known only here; rt_report_state writes trainer_state.json into a checkpoint folder. */
rt_status rt_report_end(struct rt_report *report, const struct rt_end_log *log, struct rt_error *err);
/* The evaluation after training: eval_results.json, all_results.json. Comes after rt_report_end. */
rt_status rt_report_eval_results(struct rt_report *report, const struct rt_eval_log *log, struct rt_error *err);
rt_status rt_report_state(const struct rt_report *report, const char *folder, int64_t step, double epoch,
                          double total_flos, struct rt_error *err);

#endif
