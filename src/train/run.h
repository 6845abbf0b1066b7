/* run.h - one training run: what is open, where it stands, what the log needs. Private to train. */
#ifndef RT_TRAIN_RUN_H
#define RT_TRAIN_RUN_H

#include "base/cache.h"
#include "base/status.h"
#include "checkpoint/checkpoint.h"
#include "data/data.h"
#include "dist/dist.h"
#include "job/job.h"
#include "kernels/exec.h"
#include "kernels/ops.h"
#include "model/model.h"
#include "report/report.h"
#include "train/lock.h"
#include "train/schedule.h"
#include "train/snapshot.h"
#include "train/stop.h"
#include "train/time_limit.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Gradients (16 MB) that are summed over the ranks at once while the backward goes on: enough for full
 * bandwidth, few enough that the last of them, for which the step has to wait, takes little time. Within one
 * host there are no parts: its links sum everything in less time (0.4 ms for 81 MB by NVLink) than NCCL's
 * kernels take from the products beside them while they wait for another rank. Two H200 reach 98.6 % of twice
 * one's tokens/s with parts and 99.4 % without. */
enum { RT_SUM_PART = 4 << 20 };

/* Losses over which a leap is measured. */
enum { RT_RUN_LOSSES = 100 };

/* Longest wait for another rank while one loads or scans; in the loop ddp_timeout holds. */
enum { RT_SETUP_TIMEOUT_S = 1800 };

struct rt_run {
    const struct rt_job *job;
    struct rt_dist *dist;
    struct rt_error *err;
    const volatile sig_atomic_t *stop; /* [RT_SIGNALS], see base/signals.h */
    struct rt_lock *lock;              /* rank 0 only, of output_dir */
    struct rt_report *report;          /* rank 0 only */
    struct rt_beside *beside;          /* rank 0 of a run that trains */
    struct rt_exec *ex;
    struct rt_data *data;
    struct rt_model *model;
    struct rt_adapter *adapter;  /* the model's */
    struct rt_loader *loader;    /* of training */
    const struct rt_batch *next; /* fetched and put, not computed yet; or NULL */
    int64_t sum_part;            /* gradients that are summed at once */
    int64_t unsummed; /* gradients [0, unsummed) of this step whose sum over the ranks has not begun */
    struct rt_schedule schedule;
    float *norm; /* one f32 where the exec runs */

    int64_t steps, steps_per_epoch, micros_per_epoch; /* T, U, L */
    int64_t logging_steps, save_steps, eval_steps;    /* in steps; 0: never */

    int64_t step;         /* optimizer steps done */
    double window, total; /* losses since the last log line, and logged: means over ranks */
    double window_own;    /* this rank's since the last log line: the reference ends train_loss with rank 0's */
    int64_t logged_at;    /* step of the last log line */
    double window_tokens, window_started_s, window_wait_s;
    double tokens_seen, flos;   /* all ranks */
    int64_t *unstored;          /* [ranks] padded tokens that flos does not count yet */
    double grad_norm;           /* of the last step */
    int64_t bad_steps, bad_all; /* steps whose loss was not finite: in a row, and in all */
    struct rt_run_samples {
        int64_t *row, count, room; /* what this rank fed in the step under way */
    } samples;
    struct rt_run_losses {
        double loss[RT_RUN_LOSSES]; /* of all ranks, number n at n % RT_RUN_LOSSES */
        int64_t count;
    } losses;
    const struct rt_data *_Atomic named; /* whose rows the watchdog can name; NULL: none yet */
    double started_s;                    /* when the run was opened */
    struct rt_time_limit limit;          /* rank 0 only: max_hours */
    struct rt_stop stop_state;
    int64_t evaluations; /* done so far, over all resumes */
    double best_metric;  /* NaN: none yet */
    int64_t best_step;
    float *best; /* [adapter count] on the host: parameters at best_step, for load_best_model_at_end */
    struct rt_run_features {
        bool kept;              /* on any rank */
        struct rt_cache *cache; /* this rank's or its host's; NULL: it keeps none */
        bool leads;             /* no rank before this one has the same cache */
        bool told;              /* why it stopped growing */
        int64_t tower, cached;  /* pictures since it was said last: through the tower, with kept features */
    } features;
    bool stopped;         /* ends before its last step, or in an evaluation */
    bool save_asked;      /* a checkpoint now, whatever save_steps says */
    bool owes_evaluation; /* the one that follows step `step` was stopped: a resumed run begins with it */
    int64_t saved_step;   /* of the newest checkpoint of this output_dir; -1: none */
    struct rt_run_saving {
        int64_t step;             /* of the checkpoint under way; -1: none */
        struct rt_writer *writer; /* rank 0 only: its thread */
        struct rt_snapshot snapshot;
        double taken_s;    /* that training stood still for it */
        bool said, failed; /* rank 0 has seen its end, which all ranks learn of at the next step */
    } saving;
    char unsaved[1024]; /* why the last checkpoint is not there; "": it is */
    rt_status unsaved_as;
    bool together;                    /* all ranks met the failure alike: nobody has to be ended by force */
    struct rt_monitoring *monitoring; /* of the first rank of each host; NULL: it does not watch */
    struct rt_run_summary {
        bool ours;                /* output_dir is this run's to write into */
        double samples, pictures; /* that this rank has computed */
        int64_t first_step;       /* after which this start went on */
        double first_tokens;
        int64_t skipped_steps; /* that were not finite */
        int64_t *saved;        /* [saved_count] steps of checkpoints written */
        int saved_count;
    } summary;
    struct rt_stragglers *stragglers;
    struct rt_hardware *hardware; /* NULL: this rank has no GPU */
    char said[4000];              /* warnings of this rank alone that rank 0 has yet to say, a line each */
};

/* setup.c. Collective: opens report, data, device and model, counts the steps. */
rt_status rt_run_open(struct rt_run *run, const struct rt_job *job, struct rt_dist *dist,
                      const volatile sig_atomic_t *stop, struct rt_error *err);
void rt_run_close(struct rt_run *run);

/* device.c. Collective: opens the exec, looks which device each rank has, starts the sums between GPUs. */
rt_status rt_run_open_device(struct rt_run *run);

/* epoch value that logs show after `step` steps. */
double rt_run_epoch(const struct rt_run *run, int64_t step);
/* First micro-batch (in its epoch) and micro-batches of the step after `step` steps. */
int64_t rt_run_micro(const struct rt_run *run, int64_t step);
int64_t rt_run_micros_of_step(const struct rt_run *run, int64_t step);

/* step.c. Collective. One optimizer step: passes forward and backward, the sum over ranks, clip and update. The
 * loss of all ranks decides whether the step counts. Where a rank gave the step up (told twice to stop), all
 * hear of it with the loss, run->stopped is set, and the step was not. */
rt_status rt_run_step(struct rt_run *run);
/* Hands run->next to the model: again, where another batch was handed over in between. */
rt_status rt_run_put_next(struct rt_run *run);

/* tokens.c: the tokens of the step to come count as seen; and what was seen since the last call goes into flos.
 */
rt_status rt_run_count_tokens(struct rt_run *run);
void rt_run_store_flos(struct rt_run *run);

/* evaluate.c. Collective: one pass over the evaluation rows. RT_STOPPED on all ranks where one is told to stop.
 */
rt_status rt_evaluate(struct rt_run *run, struct rt_eval_log *log);

/* vision_cache.c: picture features kept for later epochs. Collective: opens what vision_cache asks for and says
 * so. And: where a loader finds what is kept. */
rt_status rt_vision_cache_open(struct rt_run *run);
void rt_vision_cache_lend(const struct rt_run *run, struct rt_loader_options *where);

/* vision_cache_news.c: the batch that has been through the model counts. Collective, after each step: says once
 * an epoch what was kept and what it brought. Bytes in words: "1.5 MiB", into buf; returns buf. */
void rt_vision_cache_count(struct rt_run *run);
rt_status rt_vision_cache_step(struct rt_run *run);
const char *rt_size_text(char buf[32], uint64_t bytes);

/* said.c. A warning of this rank alone (rt_report_warn is for what all ranks know): within two steps rank 0
 * says it, as
 * "[rank 3 node07] text", or of several ranks "3 ranks (1 node07, ...): text". share, collective, once some
 * rank has one; say_rest, before this rank's end, where they do not come together any more. */
void rt_run_warn(struct rt_run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
rt_status rt_run_share_said(struct rt_run *run);
void rt_run_say_rest(struct rt_run *run);

/* watch.c. Collective: from now on who hangs is named. */
rt_status rt_run_watch(struct rt_run *run);

/*
 * hardware.c. gpu: this rank's, as its driver names it; "" on CPUs (where RANKTUNE_TEST_GPUS, PCI ids apart by
 * commas, gives the ranks of a host one each, for tests). open, between the watchdog's begin and end: the GPU
 * is watched from now on; failed: it has a fault; state: what was seen of it last; warn: of what
 * is no fault, once. agree, collective, once a
 * rank has one: RT_ERR_HARDWARE on all, naming them. explain: what a failure of this rank alone comes from,
 * RT_ERR_HARDWARE with run->err's text led by the fault, or st as it is.
 */
struct rt_guard_state;
struct rt_gpu {
    char bus[24], uuid[48];
};
rt_status rt_run_gpu(const struct rt_run *run, struct rt_gpu *gpu);
rt_status rt_hardware_open(struct rt_run *run);
void rt_hardware_close(struct rt_run *run);
bool rt_hardware_failed(const struct rt_run *run);
void rt_hardware_warn(struct rt_run *run);
void rt_hardware_state(const struct rt_run *run, struct rt_guard_state *state);
rt_status rt_hardware_agree(struct rt_run *run);
rt_status rt_hardware_explain(struct rt_run *run, rt_status st);

/* numbers.c. Room for what a step feeds; the batch in hand, which begins at this micro-batch of the step, is
 * fed. Collective, all: a step whose loss or gradient is not finite changes nothing, and RT_ERR_NUMBERS where
 * they are too many; a finite loss that leaps is told; the ranks' adapters must be the same bits:
 * RT_ERR_HARDWARE, naming those that differ. */
rt_status rt_run_open_samples(struct rt_run *run);
void rt_run_note_samples(struct rt_run *run, int64_t micro);
rt_status rt_run_skip_step(struct rt_run *run, double loss);
rt_status rt_run_look_for_spike(struct rt_run *run, double loss);
rt_status rt_run_compare_adapters(struct rt_run *run, bool saves);

/* best.c: after an evaluation; *better says whether it is the best so far. At the end: back to the best
 * adapter. */
rt_status rt_best_look(struct rt_run *run, const struct rt_eval_log *log, bool *better);
rt_status rt_best_load(struct rt_run *run);

/* Collective. Rows that turned out bad since the last call: told, listed and counted. RT_ERR_DATA if they are
 * too many. */
rt_status rt_run_share_late(struct rt_run *run);

/* identity.c: what a checkpoint keeps to know its own run by (malloc'ed; NULL without memory), and the first
 * thing in which the checkpoint at path differs from this run: RT_ERR_JOB, naming it. */
char *rt_identity_text(const struct rt_run *run);
rt_status rt_identity_compare(const struct rt_run *run, const char *path, const char *text);

/*
 * save.c. Checkpoints: rank 0 takes what one holds off the run (snapshot.c), and a thread writes it (writer.c)
 * while training goes on. save, collective: one of this step is under way, unless it is there already; the one
 * before is waited for, and where the run stops or a person asked for it this one too. wait, collective: none
 * is under way. A failure is tried again; in the end it is told, kept in run->unsaved, and the run goes on
 * without: unless the job says save_failure: fatal or the run is about to stop, then RT_ERR_IO or RT_ERR_OUTPUT
 * on all ranks alike. look, rank 0 between steps: says what became of it. close: whatever happened, none is
 * under way.
 */
rt_status rt_run_save(struct rt_run *run);
rt_status rt_run_save_wait(struct rt_run *run);
void rt_run_save_look(struct rt_run *run);
void rt_run_save_close(struct rt_run *run);

/* resume.c. Collective. */
rt_status rt_run_resume(struct rt_run *run);

/* resume_foreign.c, for rank 0: p, m and v of the adapter to host [3 * count], and the scalars as a checkpoint
 * of ours has them (snapshot.h), from one that LLaMA-Factory wrote; the logs go on from there. RT_ERR_JOB where
 * the job is another than the one that wrote it. */
rt_status rt_run_read_foreign(struct rt_run *run, const char *folder, float *host, double *scalars);

/* card.c, for rank 0: the adapter with the files beside it; and README.md, or its text (malloc'ed). */
struct rt_card {
    double train_loss, eval_loss, eval_accuracy; /* NaN: not known */
};
rt_status rt_run_save_adapter(const struct rt_run *run, const char *folder);
rt_status rt_run_card(const struct rt_run *run, const char *folder, const struct rt_card *card);
rt_status rt_run_card_text(const struct rt_run *run, const struct rt_card *card, char **text, size_t *bytes);

/* finish.c. Collective: adapter, results, plots, evaluation after training. */
rt_status rt_run_finish(struct rt_run *run);
rt_status rt_run_final_eval(struct rt_run *run);

/* monitoring.c: the first rank of each host watches it. Collective: open, once the device is known, and begin,
 * once TensorBoard's folder is. A window was logged: what the monitor knows of it is added. What it has seen in
 * all. */
struct rt_monitor_totals;
rt_status rt_monitoring_open(struct rt_run *run);
rt_status rt_monitoring_begin(struct rt_run *run);
void rt_monitoring_logged(struct rt_run *run, struct rt_train_log *log);
void rt_monitoring_totals(const struct rt_run *run, struct rt_monitor_totals *totals);
void rt_monitoring_stop(struct rt_run *run, double wait_s); /* a last look is taken */
void rt_monitoring_close(struct rt_run *run);

/*
 * summary.c: run_summary.json. begin: output_dir is ours from now on, and the file says that the run runs;
 * resumed, fed, saved: what it counts; end, collective, before the run is closed: how it ended. abort: a rank
 * that ends all by itself writes it in rank 0's place, unless another rank says why, then ends the job. forced,
 * by the watchdog (run): likewise, before it ends a process whose main thread hangs.
 */
void rt_summary_begin(struct rt_run *run);
void rt_summary_resumed(struct rt_run *run);
void rt_summary_fed(struct rt_run *run, const struct rt_batch *batch);
void rt_summary_saved(struct rt_run *run, int64_t step);
void rt_summary_end(struct rt_run *run, rt_status st);
void rt_summary_abort(struct rt_run *run, rt_status st) __attribute__((noreturn));
void rt_summary_forced(void *run, int code, const char *text);

/* stragglers.c: ranks that are slow again and again are named in the log. Collective: after each step. */
rt_status rt_stragglers_open(struct rt_run *run);
rt_status rt_stragglers_step(struct rt_run *run);
void rt_stragglers_close(struct rt_run *run);

/* banner.c, once the device is known: what runs, where, and as which job; resolved_job.yaml. */
rt_status rt_banner(struct rt_run *run);

/* settings.c, collective: warns of variables that ranks have otherwise than rank 0. */
rt_status rt_run_compare_settings(struct rt_run *run);

#endif
