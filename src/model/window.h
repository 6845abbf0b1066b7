/*
 * window.h - the vision tower's row order: merged cells (units of merge^2 patches) in window order, with the
 * boundaries of windows and pictures. Private to model.
 */
#ifndef RT_MODEL_WINDOW_H
#define RT_MODEL_WINDOW_H

#include "base/batch.h"
#include "model/arch.h"

#include <stdint.h>

struct rt_window_order {
    int32_t *unit;                                /* [units] new unit u is old unit unit[u] */
    int32_t *where;                               /* [units] old unit o is now at where[o] */
    int32_t *full_cu;                             /* [pictures + 1] rows (patches) */
    int32_t *window_cu;                           /* [windows + 1] rows; at most units + 1 entries */
    int64_t units, windows, full_max, window_max; /* _max: longest segment in rows */
};

/* Fills the arrays, which the caller sized for the batch. Qwen2-VL: natural order, no windows.
 * Source: get_window_index of transformers. */
void rt_window_order(struct rt_window_order *order, const struct rt_model_config *config,
                     const struct rt_batch *batch);

#endif
