/*
 * attention.h - what the forward and the backward of attention share on the CPU: how work is cut.
 *
 * A block is up to BLOCK_ROWS query rows of one segment: some consecutive queries, of several query heads that
 * read the same key head (so that one product serves them all), row = head in block * queries + query. It meets
 * the keys that it can see BLOCK_KEYS at a time. Scores exist for one block of keys only.
 */
#ifndef RT_KERNELS_CPU_ATTENTION_H
#define RT_KERNELS_CPU_ATTENTION_H

#include "kernels/cpu/act.h"
#include "kernels/cpu/backend.h"
#include "kernels/cpu/blas.h"
#include "kernels/cpu/exp.h"

#include <assert.h>
#include <limits.h>

enum { BLOCK_ROWS = 256, BLOCK_KEYS = 512, MIN_QUERIES = 64, MAX_D = 1024 };

/* Scratch of one block, all in fp32. */
struct blocks {
    float *q, *o, *d_o, *dq; /* [BLOCK_ROWS, d] */
    float *k, *v;            /* [BLOCK_KEYS, d] room for copies */
    float *s, *ds;           /* [BLOCK_ROWS, BLOCK_KEYS] scores, then probabilities; their gradient */
    float *stat[3];          /* [BLOCK_ROWS] */
};

static_assert(MAX_D * (4 * BLOCK_ROWS + 2 * BLOCK_KEYS) + 2 * BLOCK_ROWS * BLOCK_KEYS + 3 * BLOCK_ROWS <=
                  RT_CPU_SCRATCH,
              "a block of attention fits the scratch");

static inline struct blocks blocks_in(float *scratch, int64_t d)
{
    struct blocks b;
    float **const rows[] = { &b.q, &b.o, &b.d_o, &b.dq };
    for (int i = 0; i < 4; i++, scratch += BLOCK_ROWS * d)
        *rows[i] = scratch;
    b.k = scratch, scratch += BLOCK_KEYS * d;
    b.v = scratch, scratch += BLOCK_KEYS * d;
    b.s = scratch, scratch += BLOCK_ROWS * BLOCK_KEYS;
    b.ds = scratch, scratch += BLOCK_ROWS * BLOCK_KEYS;
    for (int i = 0; i < 3; i++, scratch += BLOCK_ROWS)
        b.stat[i] = scratch;
    return b;
}

/* Queries q0 .. q0 + queries of the segment that starts at row `start`, heads head0 .. head0 + heads. */
struct block {
    int64_t start, length;
    int64_t head0, heads, kv_head;
    int64_t q0, queries;
};

static inline int64_t block_rows(const struct block *b)
{
    return b->heads * b->queries;
}

/* Keys of the segment that some query of the block sees. */
static inline int64_t block_keys(const struct block *b, bool causal)
{
    return causal ? b->q0 + b->queries : b->length;
}

/* How many of the keys k0 .. k0 + keys the block's row i sees. */
static inline int64_t visible_keys(const struct block *b, int64_t i, int64_t k0, int64_t keys, bool causal)
{
    const int64_t sees = causal ? b->q0 + i % b->queries + 1 - k0 : keys;
    return sees < 0 ? 0 : sees < keys ? sees : keys;
}

/* to[rows of b, d] = the block's rows of x[tokens, heads * d]. */
static inline void block_load(float *to, const struct block *b, const act *x, int64_t ldx, int64_t d)
{
    for (int64_t h = 0; h < b->heads; h++)
        for (int64_t i = 0; i < b->queries; i++, to += d) {
            const act *from = x + (b->start + b->q0 + i) * ldx + (b->head0 + h) * d;
            RT_SIMD
            for (int64_t c = 0; c < d; c++)
                to[c] = f32(from[c]);
        }
}

/* Calls `each` for all blocks of one segment and key head. */
typedef void block_fn(const struct block *b, const struct rt_attention *at, void *context);
static inline void blocks_of(int64_t segment, int64_t kv_head, const struct rt_attention *at, block_fn *each,
                             void *context)
{
    const int64_t group = at->heads / at->kv_heads;
    const int64_t stack = group < BLOCK_ROWS / MIN_QUERIES ? group : BLOCK_ROWS / MIN_QUERIES;
    struct block b = { .start = at->host_cu[segment], .kv_head = kv_head };
    b.length = at->host_cu[segment + 1] - b.start;
    for (int64_t h = 0; h < group; h += stack) {
        b.head0 = kv_head * group + h;
        b.heads = group - h < stack ? group - h : stack;
        for (b.q0 = 0; b.q0 < b.length; b.q0 += b.queries) {
            const int64_t most = BLOCK_ROWS / b.heads;
            b.queries = b.length - b.q0 < most ? b.length - b.q0 : most;
            each(&b, at, context);
        }
    }
}

/* A segment and key head goes to one thread: which one makes no difference to its bits. */
static inline int attention_team(const struct rt_exec *ex, const struct rt_attention *at)
{
    const int64_t items = at->segments * at->kv_heads;
    const int team = rt_cpu_team(ex, at->rows * at->heads * at->max_length);
    return items < team ? (int)items : team;
}

static inline rt_status attention_check(struct rt_exec *ex, const char *op, const struct rt_attention *at,
                                        const int64_t *ld_q, int n_q, const int64_t *ld_kv, int n_kv)
{
    for (int i = 0; i < n_kv; i++)
        RT_TRY(rt_check(ex, op, ld_kv[i] <= INT_MAX, "rows lie over 2^31 - 1 apart"));
    return rt_check_attention(ex, op, at, ld_q, n_q, ld_kv, n_kv);
}

#endif
