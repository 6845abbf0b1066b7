/* stop.h - what ends a run before its last step, or asks it for a checkpoint. Private to train. */
#ifndef RT_TRAIN_STOP_H
#define RT_TRAIN_STOP_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct rt_run;

/* The word that all ranks fold together. */
enum {
    RT_STOP_SIGNAL = 1,
    RT_STOP_TIME = 2,        /* max_hours */
    RT_STOP_FILE = 4,        /* output_dir/STOP */
    RT_STOP_NEWS = 8,        /* rows that turned out bad on some rank */
    RT_STOP_CHECKPOINT = 16, /* output_dir/CHECKPOINT: no stop, a checkpoint alone */
    RT_STOP_FAULT = 32,      /* hardware of some rank has failed */
    RT_STOP_SAID = 64,       /* some rank has a warning of its own */
    RT_STOP_UNSAVED = 128    /* a checkpoint could not be written */
};

struct rt_stop {
    double looked_s; /* rank 0: when it last looked for the two files; 0: never */
    bool stop_file, checkpoint_file;
    uint32_t why;    /* what the ranks agreed on when the run stopped */
    double agreed_s; /* spent in rt_stop_agree so far */
};

/* Is this rank told to stop, by a signal, the time or the file? What dist asks in long phases. */
bool rt_stop_asked(void *run);
/* Was this rank told twice by a person? Then the step under way is given up: see train_step. */
bool rt_stop_urgent(const struct rt_run *run);
/*
 * Collective, at the end of each step: sets run->stopped and run->save_asked alike on all ranks. What a rank is
 * told during step k travels while k + 1 is computed and is acted on at its end, by all, and the wait for it
 * costs nothing; a rank alone acts at once, and so do all after the last step. Bad rows are shared.
 * RT_ERR_HARDWARE on all where some rank's hardware has failed.
 */
rt_status rt_stop_agree(struct rt_run *run);
/* Collective, between the phases before the first step and in their place: RT_STOPPED on all if any rank is
 * told to stop; RT_ERR_HARDWARE. */
rt_status rt_stop_between(struct rt_run *run);
/* Rank 0, once it is done: STOP or CHECKPOINT goes. */
void rt_stop_acted(struct rt_run *run);
/* Why a run stops, in words. */
const char *rt_stop_reason(uint32_t why);

#endif
