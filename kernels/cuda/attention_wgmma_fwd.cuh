/*
 * attention_wgmma_fwd.cuh - attention forward on Hopper GPUs: how head sizes are worked on, how a block's
 * shared memory lies, and the thread that copies.
 */
#ifndef RT_KERNELS_CUDA_ATTENTION_WGMMA_FWD_CUH
#define RT_KERNELS_CUDA_ATTENTION_WGMMA_FWD_CUH

#include "kernels/cuda/attention_wgmma.cuh"

struct fwd_args {
    CUtensorMap q, k, v;
    rt_mma_fwd x;
    struct rt_attention at;
    unsigned *tickets, jobs;
};

/* How heads of D are worked on: warpgroups that multiply, KEYS a tile, buffers of each ring, blocks a
 * multiprocessor, registers of a thread that multiplies and of one that copies. Heads of up to 80 leave
 * registers for a third warpgroup. Segments of a tile's length, such as the windows of a vision tower, have
 * blocks of one warpgroup, several at once. */
template <int HEAD, bool SHORT> struct fwd_plan {
    static constexpr int D = HEAD;
    static constexpr bool NARROW = D <= 80;
    static constexpr int GROUPS = SHORT ? 1 : NARROW ? 3 : 2, KEYS = SHORT ? 64 : NARROW ? 96 : 128;
    static constexpr int STAGES = SHORT ? 1 : 2, BLOCKS_AT_ONCE = !SHORT ? 1 : NARROW ? 3 : 2;
    static constexpr int MORE = NARROW ? (SHORT ? 128 : 160) : (SHORT ? 216 : 232);
    static constexpr int FEWER = NARROW ? 32 : 40;
    static constexpr int THREADS = GROUP * (GROUPS + 1), QUERIES = 64 * GROUPS;
};

/* What the multiplying warpgroups know of a job. head is -1 where there is none any more. */
struct fwd_job {
    int row, first, length, head; /* of the segment's first row, of the job's first query in it */
};

template <typename plan> struct fwd_memory {
    static constexpr int D = plan::D;
    unsigned char q[plan::GROUPS][TILE_BYTES<D, 64>];
    unsigned char k[plan::STAGES][TILE_BYTES<D, plan::KEYS>], v[plan::STAGES][TILE_BYTES<D, plan::KEYS>];
    uint64_t q_full[plan::GROUPS], q_empty[plan::GROUPS];
    uint64_t k_full[plan::STAGES], k_empty[plan::STAGES], v_full[plan::STAGES], v_empty[plan::STAGES];
    fwd_job job[plan::GROUPS];
};

#ifdef RT_HOPPER

/* The keys that a job sees end here. */
template <typename plan> static __device__ __forceinline__ int seen_by(const fwd_job &job, bool causal)
{
    const int last = job.first + plan::QUERIES;
    return causal && last < job.length ? last : job.length;
}

/* ---- the thread that copies ---- */

template <typename plan> struct fwd_source {
    static constexpr int D = plan::D;
    const fwd_args &args;
    fwd_memory<plan> *m;
    ring<plan::STAGES> k, v;
    uint32_t q_parity;

    __device__ __forceinline__ void keys(int row, int kv)
    {
        const uint32_t full = shared_address(&m->k_full[k.stage]);
        barrier_wait(shared_address(&m->k_empty[k.stage]), k.parity ^ 1);
        barrier_expect(full, sizeof m->k[0]);
        copy_tile<D, plan::KEYS, plan::KEYS, plan::KEYS>(shared_address(m->k[k.stage]), &args.k, full, kv, row);
        k.step();
    }

    __device__ __forceinline__ void values(int row, int kv)
    {
        const uint32_t full = shared_address(&m->v_full[v.stage]);
        barrier_wait(shared_address(&m->v_empty[v.stage]), v.parity ^ 1);
        barrier_expect(full, sizeof m->v[0]);
        copy_tile<D, plan::KEYS, plan::KEYS, plan::KEYS>(shared_address(m->v[v.stage]), &args.v, full, kv, row);
        v.step();
    }

    /* Hands the job to all warpgroups with their queries; none to end. */
    __device__ __forceinline__ void queries(const fwd_job &job)
    {
        for (int g = 0; g < plan::GROUPS; g++) {
            const uint32_t full = shared_address(&m->q_full[g]);
            barrier_wait(shared_address(&m->q_empty[g]), q_parity ^ 1);
            m->job[g] = job;
            if (job.head < 0) {
                barrier_arrive(full);
                continue;
            }
            barrier_expect(full, sizeof m->q[0]);
            copy_tile<D, 64, 64, 64>(shared_address(m->q[g]), &args.q, full, job.head,
                                     job.row + job.first + 64 * g);
        }
        q_parity ^= 1;
    }

    __device__ __forceinline__ void all()
    {
        const struct rt_attention &at = args.at;
        const unsigned heads = (unsigned)at.heads, tiles = args.jobs / heads;
        unsigned next = blockIdx.x;
        while (next < args.jobs) {
            /* the last tiles of a causal segment have most keys: they go first */
            const unsigned head = next % heads;
            const stretch t = tile_of<plan::QUERIES>(tiles - 1 - next / heads, at);
            next = job_take(args.tickets);
            if (t.length == 0)
                continue;
            const fwd_job job = { (int)t.start, (int)t.first, (int)t.length, (int)head };
            const int kv = (int)(head / (unsigned)(at.heads / at.kv_heads)),
                      seen = seen_by<plan>(job, at.causal);
            keys(job.row, kv);
            queries(job);
#pragma unroll 1
            for (int k0 = 0; k0 < seen; k0 += plan::KEYS) {
                if (k0 + plan::KEYS < seen)
                    keys(job.row + k0 + plan::KEYS, kv);
                values(job.row + k0, kv);
            }
        }
        queries({ 0, 0, 0, -1 });
        jobs_end(args.tickets);
    }
};

#endif
#endif
