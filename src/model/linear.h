/*
 * linear.h - a frozen linear layer with LoRA, or several that read the same input (q, k, v; gate, up), as one
 * product.
 *
 * LoRA costs no pass of its own: the weight is widened by the scaled B matrices and the input by u = x A^T,
 *     y = [x, u] [W, s B]^T + bias,   and backward  [dx, du] = dy [W, s B],   dx += du A,
 * so an input of a linear with LoRA has room for rank more columns: rows of `ld` elements.
 *
 * Tensor cores want to load 16 bytes at a time, so ld is a multiple of 8, and products go over all ld columns:
 * those of W and rows of A beyond the rank are 0 and stay so, those of x are set to 0 with u. Private to model.
 */
#ifndef RT_MODEL_LINEAR_H
#define RT_MODEL_LINEAR_H

#include "base/status.h"
#include "kernels/exec.h"
#include "kernels/ops.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum { RT_LINEAR_PARTS = 3 };

struct rt_linear {
    int64_t in, out; /* columns of x; rows of all parts together */
    int64_t rank;    /* columns of u: r for every part that has LoRA; 0 without LoRA */
    int64_t ld;      /* elements between rows of W, and of x: in + rank, rounded up to 8 */
    int parts;
    struct rt_linear_part {
        int64_t row, rows; /* which rows of W */
        int64_t module;    /* index in the adapter, -1: no LoRA */
        int64_t col;       /* its u starts at column in + col */
    } part[RT_LINEAR_PARTS];
    rt_act
        *w; /* [out, ld]: W in the first columns, then s B; zero where a part does not read a u, and beyond */
    rt_act *bias; /* [out] or NULL */
    rt_act *a; /* [ld - in, in]: the A matrices of the parts below each other, in the element type; zero below
                  them */
};

/* What a pass shares: who runs it, the adapter, and dropout. */
struct rt_pass {
    struct rt_exec *ex;
    struct rt_adapter *adapter;
    bool train; /* keep what backward needs, apply dropout */
    float dropout;
    uint64_t seed, stream; /* of dropout: stream differs from pass to pass */
    rt_act *dropped;       /* [tokens, widest input] scratch, NULL when dropout is 0 */
};

/* y[rows, out] = linear(x); x [rows, ld] gets its u columns. y is contiguous with row length ldy. */
rt_status rt_linear_fwd(const struct rt_pass *pass, const struct rt_linear *lin, rt_act *y, int64_t ldy,
                        rt_act *x, int64_t rows);
/* The columns of x behind its own alone, the same bits as rt_linear_fwd puts there: for an x that was made
 * again. */
rt_status rt_linear_low(const struct rt_pass *pass, const struct rt_linear *lin, rt_act *x, int64_t rows);
/* dx[rows, ld] (=) from dy [rows, out] with lddy; x is what the forward read. Adds to the adapter's gradients.
 * Without need_dx only the u columns of dx are set. low NULL: dx is complete. Otherwise its reader adds *low
 * (=) to the first columns of dx, which lack it; rank 0 where nothing is left to add, as with dropout. */
rt_status rt_linear_bwd(const struct rt_pass *pass, const struct rt_linear *lin, rt_act *dx, const rt_act *dy,
                        int64_t lddy, const rt_act *x, int64_t rows, bool need_dx, struct rt_low *low);
/* Copies of A and s B from the adapter's f32 parameters. */
rt_status rt_linear_refresh(const struct rt_pass *pass, const struct rt_linear *lin);

#endif
