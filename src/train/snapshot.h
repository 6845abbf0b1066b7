/* snapshot.h - what a checkpoint holds of one step, taken off the run, which goes on. Private to train. */
#ifndef RT_TRAIN_SNAPSHOT_H
#define RT_TRAIN_SNAPSHOT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_beside;
struct rt_exec;
struct rt_model;
struct rt_report;
struct rt_run;

enum { RT_RUN_SCALARS = 12 };

struct rt_snapshot_text {
    char *text;
    size_t bytes;
};
/* All zeros is an empty one. Everything here is on the host and of its own, but for what never changes. */
struct rt_snapshot {
    int64_t step, count; /* count: of the adapter's parameters */
    bool adapter_only;   /* save_only_model: no state.h5 */
    float *lora;         /* [3][count] f32: parameters, first and second moments; of rt_exec_pin */
    float *best;         /* [count] f32, or NULL: no best adapter is kept */
    double scalars[RT_RUN_SCALARS], pass_tokens, bad_steps;
    bool owes_evaluation;
    struct rt_snapshot_text identity, logs, card, trainer_state;
    char *note; /* for MANIFEST.json: the job's digest and what a resume compares */
    struct rt_exec *ex;
    const struct rt_model *model;   /* names and shapes */
    const struct rt_beside *beside; /* files beside the adapter */
};

/* Rank 0: the run as it stands. The large buffers of an earlier take are used again. Fails: RT_ERR_MEMORY, and
 * what the device fails with. */
rt_status rt_snapshot_take(struct rt_snapshot *snapshot, struct rt_run *run);
/* All files of a checkpoint folder but its manifest. Any thread; not two at once (HDF5). Fails: RT_ERR_IO,
 * RT_ERR_OUTPUT, RT_ERR_MEMORY. */
rt_status rt_snapshot_write(const struct rt_snapshot *snapshot, const char *folder, struct rt_error *err);
/* Bytes that the folder will take at most. */
uint64_t rt_snapshot_bytes(const struct rt_snapshot *snapshot);
void rt_snapshot_free(struct rt_snapshot *snapshot);

/* The scalars alone; and the other way: those of a checkpoint into the run. */
void rt_run_scalars_out(const struct rt_run *run, double scalars[RT_RUN_SCALARS]);
void rt_run_scalars_in(struct rt_run *run, const double scalars[RT_RUN_SCALARS]);

#endif
