/* check.h - what every operation of every backend asks of its shapes before it starts. */
#ifndef RT_KERNELS_CHECK_H
#define RT_KERNELS_CHECK_H

#include "kernels/exec.h"

#include <stdint.h>

/* RT_ERR_INTERNAL unless rows >= 0, cols >= 1 and their product can be counted; op names the operation. */
rt_status rt_check_shape(struct rt_exec *ex, const char *op, int64_t rows, int64_t cols);

/* RT_ERR_INTERNAL unless ld >= cols; what names the tensor. */
rt_status rt_check_ld(struct rt_exec *ex, const char *op, const char *what, int64_t ld, int64_t cols);

/* RT_ERR_INTERNAL with the text "op: what" unless holds. */
rt_status rt_check(struct rt_exec *ex, const char *op, int holds, const char *what);

/* RT_ERR_INTERNAL unless low is NULL or fits a tensor of cols columns. */
struct rt_low;
rt_status rt_check_low(struct rt_exec *ex, const char *op, const struct rt_low *low, int64_t cols);

/* RT_ERR_INTERNAL unless the heads and segments of at fit together and the rows of the n_q query side tensors
 * and n_kv key side tensors are as far apart as these say. */
struct rt_attention;
rt_status rt_check_attention(struct rt_exec *ex, const char *op, const struct rt_attention *at,
                             const int64_t *ld_q, int n_q, const int64_t *ld_kv, int n_kv);

#endif
