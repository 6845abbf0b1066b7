/*
 * attention_wgmma_bwd.cuh - attention backward on Hopper GPUs: the two kinds of job and how they lie in shared
 * memory.
 *
 * Either kind has a pair of tiles of its own, 64 rows for each of two multiplying warpgroups, and meets pairs
 * of the other side, which come through a ring: keys and values meet queries and do, 64 rows at a time; queries
 * and do meet keys and values, 128 at a time. Both make the scores anew.
 */
#ifndef RT_KERNELS_CUDA_ATTENTION_WGMMA_BWD_CUH
#define RT_KERNELS_CUDA_ATTENTION_WGMMA_BWD_CUH

#include "kernels/cuda/attention_wgmma.cuh"

constexpr int GROUPS = 2, OWN = 64 * GROUPS, THREADS = GROUP * (GROUPS + 1), MORE = 240, FEWER = 24;
constexpr int QUERIES = 64, KEYS = 128; /* rows of a pair of the other side */
constexpr int QUERY_STAGES = 4, KEY_STAGES = 2, MOST_STAGES = 4;

/*
 * The jobs of a launch, by number: first those of keys and values, tile by tile of OWN rows over all segments,
 * the first keys, which most queries see, first; for a tile one for each key head and part of its query heads;
 * then those of queries, the last tile first, one for each tile and query head.
 */
struct bwd_args {
    CUtensorMap q, k, v, d_o; /* boxes of 64 rows */
    rt_mma_bwd x;
    struct rt_attention at;
    float
        *partial; /* [parts][2][rows, kv_heads, d] dk and dv where a key head's queries are in several parts */
    int parts;
    unsigned *tickets, key_jobs, jobs;
};

/* What the multiplying warpgroups know of a job: the segment's first row and its length, the job's first row in
 * it. heads is 0 where there is no job of this kind any more. */
struct bwd_job {
    int row, first, length;
    int head, heads; /* query heads */
    int part;
};

template <int D> struct bwd_memory {
    unsigned char own[GROUPS][2][TILE_BYTES<D, 64>];
    union {
        unsigned char queries[QUERY_STAGES][2][TILE_BYTES<D, QUERIES>];
        unsigned char keys[KEY_STAGES][2][TILE_BYTES<D, KEYS>];
    };
    float lse[QUERY_STAGES][QUERIES], delta[QUERY_STAGES][QUERIES]; /* lse in units of log 2 */
    bwd_job job[GROUPS];
    /* of the kind at work, and of the other */
    uint64_t own_full[2][GROUPS], own_empty[2][GROUPS], full[2][MOST_STAGES], empty[2][MOST_STAGES];
    uint64_t keys_over; /* warpgroups are done with jobs of keys */
};

enum bwd_kind { OF_KEYS, OF_QUERIES };

#ifdef RT_HOPPER

/* Job number `number` of a kind; length is 0 where there is none. */
static __device__ __forceinline__ bwd_job bwd_key_job(const bwd_args &args, unsigned number)
{
    const struct rt_attention &at = args.at;
    const int group = (int)(at.heads / at.kv_heads), part = (int)(number % (unsigned)args.parts);
    const unsigned rest = number / (unsigned)args.parts, kv = rest % (unsigned)at.kv_heads;
    const stretch t = tile_of<OWN>(rest / (unsigned)at.kv_heads, at);
    const int from = group * part / args.parts, to = group * (part + 1) / args.parts;
    return { (int)t.start, (int)t.first, (int)t.length, (int)kv * group + from, to - from, part };
}

static __device__ __forceinline__ bwd_job bwd_query_job(const bwd_args &args, unsigned number)
{
    const struct rt_attention &at = args.at;
    const unsigned heads = (unsigned)at.heads, tiles = (args.jobs - args.key_jobs) / heads;
    const stretch t = tile_of<OWN>(tiles - 1 - number / heads, at);
    return { (int)t.start, (int)t.first, (int)t.length, (int)(number % heads), 1, 0 };
}

/* Queries from here on see keys of the job. */
static __device__ __forceinline__ int bwd_from(const bwd_job &job, bool causal)
{
    return causal ? job.first : 0;
}

/* Keys before this are seen by queries of the job. */
static __device__ __forceinline__ int bwd_seen(const bwd_job &job, bool causal)
{
    return causal && job.first + OWN < job.length ? job.first + OWN : job.length;
}

#endif
#endif
