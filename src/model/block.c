/* block.c - one transformer block: norm, qkv, rotate, attend, project; norm, up, activate, down. */
#include "config.h"
#include "model/block.h"

static int64_t qkv_width(const struct rt_tower *t)
{
    return (t->heads + 2 * t->kv_heads) * t->head_dim;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct rt_block rt_block_widest(const struct rt_block *block, int64_t n)
{
    struct rt_block widest = block[0];
    for (int64_t i = 1; i < n; i++) {
        widest.qkv.ld = most(widest.qkv.ld, block[i].qkv.ld);
        widest.proj.ld = most(widest.proj.ld, block[i].proj.ld);
        widest.up.ld = most(widest.up.ld, block[i].up.ld);
        widest.down.ld = most(widest.down.ld, block[i].down.ld);
    }
    return widest;
}

/* What the levels of rt_keep are made of. */
enum { STREAM = 1, PRODUCTS = 2, CHEAP = 4, EVERYTHING = STREAM | PRODUCTS | CHEAP };

static int kept_parts(enum rt_keep keep)
{
    static const int parts[] = { [RT_KEEP_ALL] = EVERYTHING,
                                 [RT_KEEP_PRODUCTS] = STREAM | PRODUCTS,
                                 [RT_KEEP_STREAM] = STREAM,
                                 [RT_KEEP_NONE] = 0 };
    return parts[keep];
}

static void take(struct rt_block_acts *acts, struct rt_arena *arena, const struct rt_tower *tower,
                 const struct rt_block *block, int64_t rows, size_t act_bytes, int parts)
{
    const size_t row = (size_t)rows * act_bytes;
    if (parts & STREAM)
        acts->x1 = rt_arena_take(arena, (size_t)(rows * tower->width) * sizeof(float));
    if (parts & PRODUCTS) {
        acts->x2 = rt_arena_take(arena, (size_t)(rows * tower->width) * sizeof(float));
        acts->stats1 = rt_arena_take(arena, (size_t)rows * 2 * sizeof(float));
        acts->stats2 = rt_arena_take(arena, (size_t)rows * 2 * sizeof(float));
        acts->qkv = rt_arena_take(arena, row * (size_t)qkv_width(tower));
        acts->attended = rt_arena_take(arena, row * (size_t)block->proj.ld);
        acts->lse = rt_arena_take(arena, (size_t)rows * (size_t)tower->heads * sizeof(float));
        acts->up = rt_arena_take(arena, row * (size_t)block->up.out);
    }
    if (parts & CHEAP) {
        acts->h1 = rt_arena_take(arena, row * (size_t)block->qkv.ld);
        acts->h2 = rt_arena_take(arena, row * (size_t)block->up.ld);
        acts->mid = rt_arena_take(arena, row * (size_t)block->down.ld);
    }
}

void rt_block_acts_take(struct rt_block_acts *acts, struct rt_arena *arena, const struct rt_tower *tower,
                        const struct rt_block *block, int64_t rows, size_t act_bytes, enum rt_keep keep)
{
    take(acts, arena, tower, block, rows, act_bytes, kept_parts(keep));
}

void rt_block_spare_take(struct rt_block_acts *acts, struct rt_arena *arena, const struct rt_tower *tower,
                         const struct rt_block *block, int64_t rows, size_t act_bytes, enum rt_keep keep)
{
    take(acts, arena, tower, block, rows, act_bytes, EVERYTHING & ~kept_parts(keep));
}

void rt_block_work_take(struct rt_block_work *work, struct rt_arena *arena, const struct rt_tower *tower,
                        const struct rt_block *block, int64_t rows, size_t act_bytes)
{
    const size_t row = (size_t)rows * act_bytes;
    const int64_t ld = block->qkv.ld > block->up.ld ? block->qkv.ld : block->up.ld;
    work->dmid = rt_arena_take(arena, row * (size_t)block->down.ld);
    work->dh = rt_arena_take(arena, row * (size_t)ld);
    work->dqkv = rt_arena_take(arena, row * (size_t)qkv_width(tower));
    work->dattended = rt_arena_take(arena, row * (size_t)block->proj.ld);
}

static rt_status norm_fwd(struct rt_exec *ex, const struct rt_tower *t, float *sum, rt_act *y, int64_t ldy,
                          float *stats, const float *x, const rt_act *delta, const float *w, const float *b,
                          int64_t rows)
{
    if (t->norm == RT_RMSNORM)
        return ex->ops->add_rmsnorm_fwd(ex, sum, y, ldy, stats, x, delta, w, rows, t->width, t->eps,
                                        t->round_stream);
    return ex->ops->add_layernorm_fwd(ex, sum, y, ldy, stats, x, delta, w, b, rows, t->width, t->eps,
                                      t->round_stream);
}

static rt_status norm_bwd(struct rt_exec *ex, const struct rt_tower *t, float *dx, rt_act *dx_act,
                          const rt_act *dy, int64_t lddy, const float *x, const float *stats, const float *w,
                          int64_t rows)
{
    if (t->norm == RT_RMSNORM)
        return ex->ops->rmsnorm_bwd(ex, dx, dx_act, dy, lddy, x, stats, w, rows, t->width);
    return ex->ops->layernorm_bwd(ex, dx, dx_act, dy, lddy, x, stats, w, rows, t->width);
}

/* Query and key heads lie next to each other in qkv, so one call rotates both. */
static rt_status rotate(struct rt_exec *ex, const struct rt_tower *t, rt_act *qkv, const struct rt_place *place,
                        int sign)
{
    return ex->ops->rope(ex, qkv, qkv_width(t), place->cos, place->sin, place->rows, t->heads + t->kv_heads,
                         t->head_dim, sign);
}

static struct rt_attention attention_of(const struct rt_tower *t, const struct rt_place *place)
{
    float scale = 1.0f / __builtin_sqrtf((float)t->head_dim);
    return (struct rt_attention){ .cu = place->cu,
                                  .host_cu = place->host_cu,
                                  .segments = place->segments,
                                  .max_length = place->max_length,
                                  .rows = place->rows,
                                  .heads = t->heads,
                                  .kv_heads = t->kv_heads,
                                  .d = t->head_dim,
                                  .causal = t->causal,
                                  .scale = scale };
}

/* h1 to delta: products, rotation, attention. */
static rt_status attend(const struct rt_pass *pass, const struct rt_tower *t, const struct rt_block *b,
                        const struct rt_block_acts *acts, const struct rt_place *place, rt_act *delta)
{
    struct rt_exec *ex = pass->ex;
    const int64_t rows = place->rows, ld = qkv_width(t), q = t->heads * t->head_dim,
                  kv = t->kv_heads * t->head_dim;
    const struct rt_attention at = attention_of(t, place);
    RT_TRY(rt_linear_fwd(pass, &b->qkv, acts->qkv, ld, acts->h1, rows));
    RT_TRY(rotate(ex, t, acts->qkv, place, 1));
    RT_TRY(ex->ops->attention_fwd(ex, acts->attended, b->proj.ld, acts->lse, acts->qkv, ld,
                                  rt_at(ex, acts->qkv, q), ld, rt_at(ex, acts->qkv, q + kv), ld, &at));
    return rt_linear_fwd(pass, &b->proj, delta, t->width, acts->attended, rows);
}

static rt_status activate(struct rt_exec *ex, const struct rt_tower *t, const struct rt_block *b,
                          const struct rt_block_acts *acts, int64_t rows)
{
    if (t->mlp == RT_SWIGLU)
        return ex->ops->swiglu_fwd(ex, acts->mid, b->down.ld, acts->up, rows, t->mlp_width);
    return ex->ops->gelu_fwd(ex, acts->mid, b->down.ld, acts->up, rows, t->mlp_width, RT_GELU_QUICK);
}

rt_status rt_block_fwd(const struct rt_pass *pass, const struct rt_tower *t, const struct rt_block *b,
                       const struct rt_block_acts *acts, const struct rt_place *place, const float *x,
                       rt_act *delta, bool first)
{
    struct rt_exec *ex = pass->ex;
    const int64_t rows = place->rows;
    RT_TRY(norm_fwd(ex, t, acts->x1, acts->h1, b->qkv.ld, acts->stats1, x, first ? NULL : delta, b->norm1_w,
                    b->norm1_b, rows));
    RT_TRY(attend(pass, t, b, acts, place, delta));
    RT_TRY(norm_fwd(ex, t, acts->x2, acts->h2, b->up.ld, acts->stats2, first ? x : acts->x1, delta, b->norm2_w,
                    b->norm2_b, rows));
    RT_TRY(rt_linear_fwd(pass, &b->up, acts->up, b->up.out, acts->h2, rows));
    RT_TRY(activate(ex, t, b, acts, rows));
    return rt_linear_fwd(pass, &b->down, delta, t->width, acts->mid, rows);
}

rt_status rt_block_again(const struct rt_pass *pass, const struct rt_tower *t, const struct rt_block *b,
                         const struct rt_block_acts *acts, const struct rt_place *place, const float *x,
                         rt_act *delta, bool first, enum rt_keep keep)
{
    struct rt_exec *ex = pass->ex;
    const int64_t rows = place->rows;
    const bool products = keep == RT_KEEP_STREAM;
    const float *stream = first ? x : acts->x1;
    if (keep == RT_KEEP_ALL)
        return RT_OK;
    RT_TRY(norm_fwd(ex, t, acts->x1, acts->h1, b->qkv.ld, acts->stats1, stream, NULL, b->norm1_w, b->norm1_b,
                    rows));
    RT_TRY(products ? attend(pass, t, b, acts, place, delta) : rt_linear_low(pass, &b->qkv, acts->h1, rows));
    RT_TRY(norm_fwd(ex, t, acts->x2, acts->h2, b->up.ld, acts->stats2, products ? stream : acts->x2,
                    products ? delta : NULL, b->norm2_w, b->norm2_b, rows));
    RT_TRY(products ? rt_linear_fwd(pass, &b->up, acts->up, b->up.out, acts->h2, rows)
                    : rt_linear_low(pass, &b->up, acts->h2, rows));
    RT_TRY(activate(ex, t, b, acts, rows));
    return rt_linear_low(pass, &b->down, acts->mid, rows);
}

static rt_status mlp_bwd(const struct rt_pass *pass, const struct rt_tower *t, const struct rt_block *b,
                         const struct rt_block_acts *acts, const struct rt_block_work *work, int64_t rows,
                         float *dx, rt_act *dx_act, bool need_dx)
{
    struct rt_exec *ex = pass->ex;
    const bool need_mid = need_dx || b->up.rank > 0;
    struct rt_low low;
    RT_TRY(rt_linear_bwd(pass, &b->down, work->dmid, dx_act, t->width, acts->mid, rows, need_mid,
                         t->mlp == RT_SWIGLU ? &low : NULL)); /* it adds low as it reads */
    if (!need_mid)
        return RT_OK;
    if (t->mlp == RT_SWIGLU)
        RT_TRY(ex->ops->swiglu_bwd(ex, acts->up, work->dmid, b->down.ld, &low, acts->up, rows, t->mlp_width));
    else
        RT_TRY(ex->ops->gelu_bwd(ex, acts->up, work->dmid, b->down.ld, acts->up, rows, t->mlp_width,
                                 RT_GELU_QUICK));
    RT_TRY(rt_linear_bwd(pass, &b->up, work->dh, acts->up, b->up.out, acts->h2, rows, need_dx, NULL));
    if (!need_dx)
        return RT_OK;
    return norm_bwd(ex, t, dx, dx_act, work->dh, b->up.ld, acts->x2, acts->stats2, b->norm2_w, rows);
}

rt_status rt_block_bwd(const struct rt_pass *pass, const struct rt_tower *t, const struct rt_block *b,
                       const struct rt_block_acts *acts, const struct rt_block_work *work,
                       const struct rt_place *place, const float *x, float *dx, rt_act *dx_act, bool first,
                       bool need_dx)
{
    struct rt_exec *ex = pass->ex;
    const int64_t rows = place->rows, ld = qkv_width(t), q = t->heads * t->head_dim,
                  kv = t->kv_heads * t->head_dim;
    const struct rt_attention at = attention_of(t, place);
    const bool need_qkv = need_dx || b->qkv.rank > 0, need_attention = need_qkv || b->proj.rank > 0;

    RT_TRY(mlp_bwd(pass, t, b, acts, work, rows, dx, dx_act, need_attention));
    if (!need_attention)
        return RT_OK;
    RT_TRY(
        rt_linear_bwd(pass, &b->proj, work->dattended, dx_act, t->width, acts->attended, rows, need_qkv, NULL));
    if (!need_qkv)
        return RT_OK;
    RT_TRY(ex->ops->attention_bwd(ex, work->dqkv, ld, rt_at(ex, work->dqkv, q), ld,
                                  rt_at(ex, work->dqkv, q + kv), ld, work->dattended, b->proj.ld, acts->qkv, ld,
                                  rt_at(ex, acts->qkv, q), ld, rt_at(ex, acts->qkv, q + kv), ld, acts->attended,
                                  b->proj.ld, acts->lse, &at));
    RT_TRY(rotate(ex, t, work->dqkv, place, -1));
    RT_TRY(rt_linear_bwd(pass, &b->qkv, work->dh, work->dqkv, ld, acts->h1, rows, need_dx, NULL));
    if (!need_dx)
        return RT_OK;
    return norm_bwd(ex, t, dx, dx_act, work->dh, b->qkv.ld, first ? x : acts->x1, acts->stats1, b->norm1_w,
                    rows);
}
