/* private.h - the state of a report and what the files of this folder call in each other. */
#ifndef RT_REPORT_PRIVATE_H
#define RT_REPORT_PRIVATE_H

#include "report/console.h"
#include "report/report.h"
#include "report/tensorboard.h"
#include "report/trainer_log.h"

#include <jansson.h>

struct rt_report {
    struct rt_report_options opt; /* its strings are copies */
    struct rt_console console;
    bool other; /* of a rank but 0: lines into a file, nothing else */
    struct rt_trainer_log log;
    struct rt_tensorboard *tb; /* NULL: not asked for, or nothing written yet */
    int64_t tb_start;          /* step of the SessionLog START the next file begins with; -1: none */
    char *runs;                /* default TensorBoard folder, relative to output_dir */
    json_t *history;           /* log_history: one object a log, in the order of logging */
    json_t *eval_results;      /* of all data sets evaluated after training */
    bool began, ended;
    double start_s, before_s; /* clock at rt_report_begin; training seconds before a resume */
    int64_t tokens_seen;      /* of the last log */
    bool saved, saved_at_end; /* a checkpoint was written; one of the last step */
    struct {
        double metric;
        int64_t step;
        char *checkpoint;
        bool known;
    } best;
    /* the bar, and the lines where there is none */
    char phase[48]; /* of rt_report_progress; "" between phases */
    double phase_start_s, phase_line_s;
    int64_t phase_done, phase_first; /* phase_first: done when the phase began, of rt_report_bytes */
    int64_t step;                    /* last one seen */
    double step_s, step_each_s;      /* clock at that one; seconds a step, smoothed; 0: unknown */
    char tail[64];                   /* "loss 7.0375" */
};

/* Is there nothing to report but lines? */
static inline bool rt_report_idle(const struct rt_report *r)
{
    return r == NULL || r->other;
}

/* report.c: r->tb is open from here on, if the job asked for TensorBoard. */
rt_status rt_report_tensorboard(struct rt_report *r, struct rt_error *err);

/* metrics.c: one log_history entry each, in the order in which transformers fills it, "step" last; NULL without
 * memory. */
json_t *rt_metrics_train(const struct rt_report *r, const struct rt_train_log *log);
json_t *rt_metrics_eval(const struct rt_report *r, const struct rt_eval_log *log);
json_t *rt_metrics_end(const struct rt_report *r, const struct rt_end_log *log);
/* The line of trainer_log.jsonl for such an entry. */
json_t *rt_metrics_line(const struct rt_report *r, const json_t *entry, int64_t step, int64_t total);

/* trainer_state.c */
struct rt_state {
    int64_t step, tokens_seen;
    double epoch, total_flos;
    bool saved, stopping; /* what TrainerControl held at the last checkpoint */
};
/* *text, malloc'ed: *bytes, the last one a newline, and no NUL behind them. */
rt_status rt_trainer_state_text(const struct rt_report *r, const struct rt_state *state, char **text,
                                size_t *bytes, struct rt_error *err);
rt_status rt_trainer_state_write(const struct rt_report *r, const char *folder, const struct rt_state *state,
                                 struct rt_error *err);

/* resume.c: best_metric, best_global_step, best_model_checkpoint into an object; 0 on success. */
int rt_best_put(const struct rt_report *r, json_t *object);

/* results.c */
enum { RT_RESULTS_MAX_BYTES = 16 << 20 };
/* all_results.json of a folder as an object, an empty one if there is no file. */
rt_status rt_results_read(json_t **all, const char *folder, struct rt_error *err);
/* SPLIT_results.json and, added to what is there, all_results.json. */
rt_status rt_results_write(const char *folder, const char *split, json_t *metrics, struct rt_error *err);

/* curves.c: the plots of a finished run, and the words for a warning where there is nothing to plot. */
rt_status rt_curves_write(struct rt_report *r, struct rt_error *err);

#endif
