/* attention_wgmma_bwd_copy.cuh - attention backward on Hopper GPUs: the warp that takes jobs and copies. */
#ifndef RT_KERNELS_CUDA_ATTENTION_WGMMA_BWD_COPY_CUH
#define RT_KERNELS_CUDA_ATTENTION_WGMMA_BWD_COPY_CUH

#include "kernels/cuda/attention_wgmma_bwd.cuh"

#ifdef RT_HOPPER

/* All lanes walk along; lane 0 asks. */
template <int D> struct bwd_source {
    const bwd_args &args;
    bwd_memory<D> *m;
    int lane;
    unsigned next;

    /* The number of the next job, asking for the one after it. */
    __device__ __forceinline__ unsigned take()
    {
        const unsigned number = __shfl_sync(~0u, next, 0);
        if (lane == 0)
            next = job_take(args.tickets);
        return number;
    }

    /* Hands a job to all warpgroups with their own tiles; one without heads ends the kind. */
    template <bwd_kind KIND>
    __device__ __forceinline__ void own(const bwd_job &job, uint32_t parity, const CUtensorMap *a,
                                        const CUtensorMap *b, int head)
    {
#pragma unroll 1
        for (int g = 0; g < GROUPS; g++) {
            const uint32_t full = shared_address(&m->own_full[KIND][g]);
            barrier_wait(shared_address(&m->own_empty[KIND][g]), parity ^ 1);
            m->job[g] = job;
            if (job.heads == 0) {
                barrier_arrive(full);
                continue;
            }
            const int row = job.row + job.first + 64 * g;
            barrier_expect(full, sizeof m->own[g]);
            copy_tile<D, 64, 64, 64>(shared_address(m->own[g][0]), a, full, head, row);
            copy_tile<D, 64, 64, 64>(shared_address(m->own[g][1]), b, full, head, row);
        }
    }

    /* A tile of queries with do, lse and delta; queries beyond the segment have p = 0. */
    __device__ __forceinline__ void queries(const bwd_job &job, int head, int query, ring<QUERY_STAGES> &r)
    {
        const uint32_t full = shared_address(&m->full[OF_KEYS][r.stage]);
        const int64_t at = head * args.at.rows + job.row + query;
        float lse[2], delta[2];
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const bool there = query + lane + 32 * i < job.length;
            lse[i] = there ? args.x.lse[at + lane + 32 * i] : INFINITY;
            delta[i] = there ? args.x.delta[at + lane + 32 * i] : 0.0f;
        }
        barrier_wait(shared_address(&m->empty[OF_KEYS][r.stage]), r.parity ^ 1);
        if (lane == 0) {
            barrier_expect(full, sizeof m->queries[0]);
            const int row = job.row + query;
            copy_tile<D, QUERIES, 64, QUERIES>(shared_address(m->queries[r.stage][0]), &args.q, full, head,
                                               row);
            copy_tile<D, QUERIES, 64, QUERIES>(shared_address(m->queries[r.stage][1]), &args.d_o, full, head,
                                               row);
        }
#pragma unroll
        for (int i = 0; i < 2; i++) {
            m->lse[r.stage][lane + 32 * i] = lse[i] * LOG2E;
            m->delta[r.stage][lane + 32 * i] = delta[i];
        }
        barrier_arrive(full);
        r.step();
    }

    __device__ __forceinline__ unsigned key_jobs()
    {
        ring<QUERY_STAGES> r = { 0, 0 };
        uint32_t parity = 0;
        unsigned number;
        while ((number = take()) < args.key_jobs) {
            const bwd_job job = bwd_key_job(args, number);
            if (job.length == 0)
                continue;
            if (lane == 0)
                own<OF_KEYS>(job, parity, &args.k, &args.v, job.head / (int)(args.at.heads / args.at.kv_heads));
            parity ^= 1;
#pragma unroll 1
            for (int head = job.head; head < job.head + job.heads; head++)
#pragma unroll 1
                for (int query = bwd_from(job, args.at.causal); query < job.length; query += QUERIES)
                    queries(job, head, query, r);
        }
        if (lane == 0)
            own<OF_KEYS>({}, parity, &args.k, &args.v, 0);
        return number;
    }

    __device__ __forceinline__ void query_jobs(unsigned number)
    {
        ring<KEY_STAGES> r = { 0, 0 };
        uint32_t parity = 0;
        for (; number < args.jobs; number = take()) {
            const bwd_job job = bwd_query_job(args, number - args.key_jobs);
            if (job.length == 0)
                continue;
            const int kv = job.head / (int)(args.at.heads / args.at.kv_heads);
            if (lane == 0)
                own<OF_QUERIES>(job, parity, &args.q, &args.d_o, job.head);
            parity ^= 1;
#pragma unroll 1
            for (int key = 0; key < bwd_seen(job, args.at.causal); key += KEYS, r.step()) {
                const uint32_t full = shared_address(&m->full[OF_QUERIES][r.stage]);
                barrier_wait(shared_address(&m->empty[OF_QUERIES][r.stage]), r.parity ^ 1);
                if (lane != 0)
                    continue;
                barrier_expect(full, sizeof m->keys[0]);
                copy_tile<D, KEYS, 64, KEYS>(shared_address(m->keys[r.stage][0]), &args.k, full, kv,
                                             job.row + key);
                copy_tile<D, KEYS, 64, KEYS>(shared_address(m->keys[r.stage][1]), &args.v, full, kv,
                                             job.row + key);
            }
        }
        if (lane == 0) {
            own<OF_QUERIES>({}, parity, &args.q, &args.d_o, 0);
            jobs_end(args.tickets);
        }
    }
};

#endif
#endif
