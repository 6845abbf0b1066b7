/* tensorboard.h - private to report: one TensorBoard event file, opened when the first thing is written. */
#ifndef RT_REPORT_TENSORBOARD_H
#define RT_REPORT_TENSORBOARD_H

#include "base/status.h"
#include "report/event.h"

#include <stdint.h>

struct rt_tensorboard;

/* The folder, malloc'ed: $TENSORBOARD_LOGGING_DIR, else logging_dir, else output_dir/`runs`, where runs is what
 * rt_tensorboard_runs names. A leading ~/ is the home folder. */
rt_status rt_tensorboard_folder(char **folder, const char *output_dir, const char *logging_dir,
                                const char *runs, struct rt_error *err);
/* "runs/Nov23_10-00-00_host" of now, malloc'ed; NULL without memory. */
char *rt_tensorboard_runs(void);

/* Makes folder and file. start_step >= 0: the file begins with a SessionLog START at that step; else -1. */
rt_status rt_tensorboard_open(struct rt_tensorboard **tb, const char *folder, int64_t start_step,
                              struct rt_error *err);
void rt_tensorboard_close(struct rt_tensorboard *tb);
/* One record. A tag that has a point at this step already, or at a later one, is left out: readers take a
 * second one for a restart. */
rt_status rt_tensorboard_scalars(struct rt_tensorboard *tb, int64_t step, const struct rt_scalar *scalars,
                                 int64_t count, struct rt_error *err);
/* The same for a caller that sees to it itself that no tag has a second point at a step. */
rt_status rt_tensorboard_points(struct rt_tensorboard *tb, int64_t step, const struct rt_scalar *scalars,
                                int64_t count, struct rt_error *err);
/* Shown under tag; stored, as readers expect it, as tag/text_summary. */
rt_status rt_tensorboard_text(struct rt_tensorboard *tb, int64_t step, const char *tag, const char *text,
                              struct rt_error *err);
rt_status rt_tensorboard_sync(struct rt_tensorboard *tb, struct rt_error *err);

#endif
