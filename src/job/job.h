/*
 * job.h - a job file, its overrides or flags, to the option structs that the rows below declare.
 *
 * Keys, defaults and rules are LLaMA-Factory 0.9.5's. Every key that it knows stands in one table (keys_*.c):
 * done, taken without effect, or refused with the reason; an unknown one is an error that names the nearest
 * known one.
 */
#ifndef RT_JOB_JOB_H
#define RT_JOB_JOB_H

#include "base/notes.h"
#include "base/status.h"
#include "data/data.h"
#include "kernels/exec.h"
#include "model/model.h"
#include "report/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum rt_strategy { RT_STRATEGY_NO, RT_STRATEGY_STEPS, RT_STRATEGY_EPOCH, RT_STRATEGY_BEST };

/* What the loop itself needs. Names are the job file's keys. */
struct rt_train_options {
    bool do_train, do_eval;  /* do_eval is true when eval_strategy is not no */
    double num_train_epochs; /* 3 */
    int64_t max_steps;       /* -1: epochs decide */
    int64_t gradient_accumulation_steps;
    double learning_rate;          /* 5e-5 */
    const char *lr_scheduler_type; /* "linear" */
    struct rt_schedule_kwargs {    /* lr_scheduler_kwargs; NaN or NULL: not given */
        double num_cycles, power, lr_end, timescale, min_lr, min_lr_rate, min_lr_ratio, warmup_lr_rate;
        double num_stable_steps, num_decay_steps;
        const char *warmup_type, *decay_type;
    } lr_scheduler_kwargs;
    double warmup; /* warmup_ratio if given, else warmup_steps: >= 1 steps, < 1 a share */
    double weight_decay, adam_beta1, adam_beta2, adam_epsilon, max_grad_norm;
    double loraplus_lr_ratio;                     /* NaN: off */
    double logging_steps, save_steps, eval_steps; /* >= 1 steps; < 1 a share of all steps; save_steps 0: at the
                                           end alone; eval_steps NaN: not given and not used */
    bool logging_first_step, logging_nan_inf_filter;
    enum rt_strategy logging_strategy, save_strategy, eval_strategy;
    bool eval_on_start;
    double eval_delay;
    int64_t save_total_limit; /* <= 0: all */
    bool save_only_model;
    bool load_best_model_at_end;
    const char *metric_for_best_model;
    bool greater_is_better;
    const char *resume_from_checkpoint; /* NULL: by itself; "true": newest; "false": never; else a folder */
    bool overwrite_output_dir;
    bool compute_accuracy;
    bool include_num_input_tokens_seen;
    bool seen_without_padding; /* include_num_input_tokens_seen: non_padding */
    bool bf16, pure_bf16;      /* fp16 is refused */
    enum rt_device device;     /* our key "device": auto, cpu, cuda; use_cpu: true means cpu */
    int64_t ddp_timeout;       /* s; 1800, but never above 600 (said in the log where a job asks for more) */
    int64_t seed;
    double max_bad_steps;         /* our key: steps with a loss that is not finite, borne in a row; 10 */
    const char *vision_cache;     /* our key: "auto", "ram", "disk", "off" */
    double vision_cache_gib;      /* our key: most that it takes on a host; NaN: half of what is free */
    const char *vision_cache_dir; /* our key: where on disk; NULL: the environment says */
    bool monitor;                 /* our key: look at hosts and GPUs while the job runs; true */
    double monitor_seconds;       /* our key: s between two looks; 5 */
    const char *prom_file;        /* our key: gauges for Prometheus; NULL: none */
    double max_hours;         /* our key: h until a checkpoint is written and the run stops; NaN: no limit */
    bool max_hours_auto;      /* max_hours: auto, as the batch system says */
    int64_t exit_requeue;     /* our key: exit code of a run that stopped so; 75 */
    const char *save_failure; /* our key: "continue", "fatal" */
    bool allow_restart;       /* our key: from the start where no checkpoint is good; false */
};

struct rt_job {
    const char *path; /* the file, or NULL with flags */
    char *output_dir; /* "trainer_output"; ~ is expanded */
    struct rt_train_options train;
    struct rt_data_options data;
    struct rt_model_options model;
    struct rt_report_options report;
    struct rt_job_store *store; /* owns every string and list above */
};

/* argv after the command word: FILE.yaml|.yml|.json [key=value ...] or --key value flags. `text` is the file's
 * text (rank 0 reads it, all ranks get it), NULL in flag mode. notes->note gets one line for every key
 * that is taken without effect and every warning. Reads the environment: ALLOW_EXTRA_ARGS
 * (unknown keys are noted, not refused), HOME, TENSORBOARD_LOGGING_DIR. Fails: RT_ERR_JOB "FILE:LINE: key:
 * value is not ...; write ...", RT_ERR_USAGE for what stands on the command line, RT_ERR_MEMORY. */
rt_status rt_job_open(struct rt_job **job, int argc, char **argv, const char *text, size_t bytes,
                      const struct rt_notes *notes, struct rt_error *err);
void rt_job_close(struct rt_job *job);
/* Not collective, for rank 0: would a run write over another's adapter? As LLaMA-Factory decides it: the folder
 * holds weights but no checkpoint to go on from, and the job neither resumes nor says overwrite_output_dir.
 * Fails: RT_ERR_OUTPUT. */
rt_status rt_job_check_output(const struct rt_job *job, struct rt_error *err);
/* The file named by argv (its first word ends in .yaml, .yml or .json), or NULL in flag mode. */
const char *rt_job_file(int argc, char **argv);
/* The resolved job as YAML, every done key with its value: read again it gives the same options. malloc'ed;
 * NULL if there is no memory. */
char *rt_job_text(const struct rt_job *job);
/* Of that text the keys whose value is not the default. malloc'ed; NULL if there is no memory. */
char *rt_job_brief(const struct rt_job *job);
/* All keys with type, default and meaning: `ranktune train --help`. */
void rt_job_help(FILE *out);

#endif
