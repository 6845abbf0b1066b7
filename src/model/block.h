/*
 * block.h - one transformer block, forward and backward: decoder layers and vision blocks of both families are
 * the same seven steps with other norms, activations and masks. Private to model.
 *
 * The stream between blocks is the pair (x, delta): a block first adds what the one before left in delta. x and
 * its gradient are f32 in every job, everything that products read is in the element type.
 */
#ifndef RT_MODEL_BLOCK_H
#define RT_MODEL_BLOCK_H

#include "base/arena.h"
#include "base/status.h"
#include "kernels/exec.h"
#include "kernels/ops.h"
#include "model/linear.h"

#include <stdbool.h>
#include <stdint.h>

enum rt_norm { RT_RMSNORM, RT_LAYERNORM };
enum rt_mlp { RT_SWIGLU, RT_QUICK_GELU };

/* What the blocks of a tower share. */
struct rt_tower {
    int64_t width, heads, kv_heads, head_dim, mlp_width;
    enum rt_norm norm;
    enum rt_mlp mlp;
    bool causal;
    bool round_stream; /* the stream takes values of the element type; see add_rmsnorm_fwd */
    float eps;
};

struct rt_block {
    float *norm1_w, *norm1_b, *norm2_w, *norm2_b; /* [width]; _b NULL for rmsnorm */
    struct rt_linear qkv, proj, up, down;         /* up: gate and up side by side for swiglu */
};

/*
 * How much of a block's forward stays until its backward; the rest is run again there.
 *
 * Per row of a 7B decoder layer in bf16 (LoRA r=8; 3584 wide, mlp 18944), and what it takes to have it again at
 * 650 TFLOP/s and 4 TB/s: h1, h2, mid                      52 kB    39 ns of reading and writing, 13 ns for
 * LoRA's u     1000 GB/s x2, stats, qkv, attended, lse    31 kB    59 MFLOP of products, attention 275 GB/s up
 * 76 kB    272 MFLOP of products                                 181 GB/s x1                               14
 * kB    from the layer before: all of that again A layer's forward and backward are 932 MFLOP, 1434 ns. So the
 * first step down costs 4 % of a layer for 30 % of its memory, the next 41 % for 92 %; the last two lines of
 * products are too near to each other for a level between.
 */
enum rt_keep {
    RT_KEEP_ALL,
    RT_KEEP_PRODUCTS, /* without h1, h2 and mid */
    RT_KEEP_STREAM,   /* x1 alone */
    RT_KEEP_NONE      /* it has no backward */
};

/* What backward needs of a block's forward, for at most `rows` rows. */
struct rt_block_acts {
    float *x1, *x2;         /* [rows, width] the stream before each norm */
    float *stats1, *stats2; /* [rows, 2] of the norms */
    rt_act *h1, *h2;        /* [rows, ld of qkv], [rows, ld of up] normed */
    rt_act *qkv;            /* [rows, (heads + 2 kv_heads) head_dim], rotated */
    rt_act *attended;       /* [rows, ld of proj] */
    float *lse;             /* [heads, rows] */
    rt_act *up, *mid;       /* [rows, out of up], [rows, ld of down] */
};

/* Where a pass is: rotary tables and segments of this batch. */
struct rt_place {
    int64_t rows;
    const float *cos, *sin; /* [rows, head_dim / 2] */
    const int32_t *cu, *host_cu;
    int64_t segments, max_length;
};

/* Scratch of a tower's backward. */
struct rt_block_work {
    rt_act *dmid, *dh, *dqkv, *dattended;
};

/* The largest of n blocks: some may have LoRA where others do not, and rows are as long as LoRA makes them. */
struct rt_block rt_block_widest(const struct rt_block *block, int64_t n);

/* Memory for what a block keeps; acts' other pointers stay. */
void rt_block_acts_take(struct rt_block_acts *acts, struct rt_arena *arena, const struct rt_tower *tower,
                        const struct rt_block *block, int64_t rows, size_t act_bytes, enum rt_keep keep);
/* Memory for what a block that keeps this much does not keep: one set serves all that keep as much or more. */
void rt_block_spare_take(struct rt_block_acts *acts, struct rt_arena *arena, const struct rt_tower *tower,
                         const struct rt_block *block, int64_t rows, size_t act_bytes, enum rt_keep keep);
void rt_block_work_take(struct rt_block_work *work, struct rt_arena *arena, const struct rt_tower *tower,
                        const struct rt_block *block, int64_t rows, size_t act_bytes);

/* x (in) and delta (in, out) are the stream: [rows, width]; delta is NULL-like before the first block: first =
 * true. Afterwards the stream is (acts->x2, delta). */
rt_status rt_block_fwd(const struct rt_pass *pass, const struct rt_tower *tower, const struct rt_block *block,
                       const struct rt_block_acts *acts, const struct rt_place *place, const float *x,
                       rt_act *delta, bool first);
/* Before rt_block_bwd: what was not kept once more, from what was, by the same operations on the same numbers,
 * so with the same bits. x as in the forward; delta [rows, width] is scratch. */
rt_status rt_block_again(const struct rt_pass *pass, const struct rt_tower *tower, const struct rt_block *block,
                         const struct rt_block_acts *acts, const struct rt_place *place, const float *x,
                         rt_act *delta, bool first, enum rt_keep keep);
/* dx (in, out) [rows, width]: gradient of the stream after the block, then before it; dx_act the same in the
 * element type. Overwrites acts->up. Without need_dx nothing below this block learns and dx is not completed.
 */
rt_status rt_block_bwd(const struct rt_pass *pass, const struct rt_tower *tower, const struct rt_block *block,
                       const struct rt_block_acts *acts, const struct rt_block_work *work,
                       const struct rt_place *place, const float *x, float *dx, rt_act *dx_act, bool first,
                       bool need_dx);

static inline bool rt_block_learns(const struct rt_block *b)
{
    return b->qkv.rank + b->proj.rank + b->up.rank + b->down.rank > 0;
}

#endif
