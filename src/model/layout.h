/*
 * layout.h - where everything of a model lies: the same arithmetic counts bytes for the plan and then hands out
 * the memory. Private to model.
 */
#ifndef RT_MODEL_LAYOUT_H
#define RT_MODEL_LAYOUT_H

#include "model/state.h"

/* Frozen weights and the adapter's offsets; base NULL only counts. Sets m->weight and m->weight_bytes. Fails:
 * RT_ERR_MEMORY. */
rt_status rt_layout_weights(struct rt_model *m, const int64_t *adapter_of, char *base, struct rt_error *err);

/*
 * Buffers of a pass of training (m->train) or of evaluation (m->eval) in `bytes` bytes at base; returns how
 * many it takes; base NULL only counts. Both kinds lie in the same memory, behind what a batch is put into,
 * which is the larger of both and stays where it is. A tower that does not learn is done with when the decoder
 * starts, so it lies where that will.
 */
size_t rt_layout_acts(struct rt_model *m, char *base, size_t bytes, bool train);

/* Scratch that operations ask for in the backward. */
size_t rt_layout_work(const struct rt_model *m);

#endif
