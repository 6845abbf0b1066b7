/*
 * memplan.h - what everything takes before anything is taken: how large a pass may be, and which layers run
 * again in the backward because their activations do not fit. Private to model.
 */
#ifndef RT_MODEL_MEMPLAN_H
#define RT_MODEL_MEMPLAN_H

#include "base/room.h"
#include "base/status.h"
#include "model/model.h"

#include <stddef.h>
#include <stdint.h>

struct rt_dist;

struct rt_memplan {
    struct rt_model_needs needs;
    enum rt_recompute recompute;
    const char *wish;        /* the line of the job that asked for it */
    struct rt_room room;     /* what a rank may take: the least of any rank */
    int64_t pass_tokens;     /* micro-batches are merged up to this */
    int64_t empty_tokens;    /* likewise, if nobody else had memory */
    int64_t again;           /* steps of recomputation, up to rt_memplan_steps */
    size_t weights, adapter; /* bytes, also below */
    size_t acts;             /* of all activations: the sum of the next six */
    size_t inputs;           /* a batch, its pictures' patches and features, the step's losses */
    size_t kept;             /* what layers keep for their backward */
    size_t spare;            /* what they do not, for one of them at a time */
    size_t loss;             /* learned rows and a chunk of logits */
    size_t streams;          /* between the layers, and gradients */
    size_t beyond;           /* by which the vision tower or an evaluation is larger than all that */
    size_t scratch;          /* operations' own */
    size_t total;
};

/* Collective. What each rank may take: the least of all, less a margin for what others take unasked. */
rt_status rt_memplan_room(const struct rt_model *m, struct rt_dist *dist, struct rt_room *room,
                          struct rt_error *err);

/* The same for a GPU of so many bytes that nobody else uses. */
struct rt_room rt_memplan_card(size_t bytes);

/*
 * m->plan and the limits of passes in m, from the laid out weights (counted or not), needs, wish and room.
 * The size of passes decides in which order sums are taken, so it follows from room.all_bytes alone, which is
 * the same on every run, unless nothing fits so; which layers run again changes no bit and follows from
 * room.free_bytes. Fails: RT_ERR_MEMORY with bytes asked and free, and the keys that shrink it.
 */
rt_status rt_memplan_make(struct rt_model *m, const struct rt_model_needs *needs,
                          const struct rt_model_options *opt, struct rt_room room, struct rt_error *err);

/* How far recomputation can go: two steps a layer that has a backward. */
int64_t rt_memplan_steps(const struct rt_model *m);
/* Let the layers keep what they do after so many steps: first all in turn without what is cheap to have again,
 * then all without the rest but their input. The last ones first: the very last finds the shared buffers
 * untouched. */
void rt_memplan_keep(struct rt_model *m, int64_t again);

/* RT_ERR_MEMORY: m->plan, the smallest there is, takes more than is free. */
rt_status rt_memplan_fail(const struct rt_model *m, struct rt_error *err);
/* As a table, with what was decided and why (malloc'ed; NULL without memory). */
char *rt_memplan_text(const struct rt_model *m);

#endif
