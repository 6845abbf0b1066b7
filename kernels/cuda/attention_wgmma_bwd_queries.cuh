/* attention_wgmma_bwd_queries.cuh - attention backward on Hopper GPUs: a warpgroup's 64 queries. */
#ifndef RT_KERNELS_CUDA_ATTENTION_WGMMA_BWD_QUERIES_CUH
#define RT_KERNELS_CUDA_ATTENTION_WGMMA_BWD_QUERIES_CUH

#include "kernels/cuda/attention_wgmma_bwd.cuh"

#ifdef RT_HOPPER

template <int D> struct bwd_queries {
    const bwd_args &args;
    bwd_memory<D> *m;
    int group;
    ring<KEY_STAGES> r;

    __device__ __forceinline__ uint32_t visitor(int stage, int which)
    {
        return shared_address(m->keys[stage][which]);
    }

    /* Scores to p: lse of the lane's two rows in units of log 2, query the first of them. */
    __device__ __forceinline__ void probabilities(result<KEYS> &s, const float (&lse)[2], int query, int key0,
                                                  int length, bool hidden)
    {
        const int t = threadIdx.x % 4;
        const bool causal = args.at.causal;
        const float c = args.at.scale * LOG2E;
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                s.e[n][e] = exp2_fast(fmaf(s.e[n][e], c, -lse[e / 2]));
        if (!hidden)
            return;
        const int end[2] = { causal && query + 1 < length ? query + 1 : length,
                             causal && query + 9 < length ? query + 9 : length };
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                if (key0 + 8 * n + 2 * t + e % 2 >= end[e / 2])
                    s.e[n][e] = 0.0f;
    }

    __device__ __forceinline__ void one(const bwd_job &job)
    {
        const struct rt_attention &at = args.at;
        const int seen = bwd_seen(job, at.causal), mine = job.first + 64 * group;
        const int query = mine + threadIdx.x % GROUP / 32 * 16 + threadIdx.x % 32 / 4;
        const uint32_t q = shared_address(m->own[group][0]), d_o = shared_address(m->own[group][1]);
        const uint32_t full = shared_address(m->full[OF_QUERIES]), empty = shared_address(m->empty[OF_QUERIES]);
        const int64_t row = job.row + query;
        const bool there[2] = { query < job.length, query + 8 < job.length };
        float lse[2], delta[2];
        result<D> dq = {};
        result<KEYS> s, dp;
        left ds[KEYS / 16];
        barrier_wait(full + 8 * r.stage, r.parity);
        ask_rows<D, 64>(s, q, visitor(r.stage, 0));
#pragma unroll
        for (int half = 0; half < 2; half++) {
            lse[half] = there[half] ? args.x.lse[job.head * at.rows + row + 8 * half] * LOG2E : INFINITY;
            delta[half] = there[half] ? args.x.delta[job.head * at.rows + row + 8 * half] : 0.0f;
        }
        int stage;
#pragma unroll 1
        for (int k0 = 0;; k0 += KEYS) {
            stage = r.stage;
            ask_rows<D, 64>(dp, d_o, visitor(stage, 1));
            products_wait<1>();
            settle(s);
            probabilities(s, lse, query, k0, job.length,
                          k0 + KEYS > job.length || (at.causal && k0 + KEYS > mine));
            products_wait<0>();
            settle(dp);
#pragma unroll
            for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    dp.e[n][e] = s.e[n][e] * (dp.e[n][e] - delta[e / 2]);
            hand_over<KEYS>(ds, dp);
            ask_columns(dq, ds, visitor(stage, 0));
            r.step();
            if (k0 + KEYS >= seen)
                break;
            barrier_wait(full + 8 * r.stage, r.parity);
            ask_rows<D, 64>(s, q, visitor(r.stage, 0));
            products_wait<1>();
            settle(dq);
            settle(ds);
            warp_arrive(empty + 8 * stage);
        }
        products_wait<0>();
        settle(dq);
        warp_arrive(empty + 8 * stage);
        lanes_arrive(shared_address(&m->own_empty[OF_QUERIES][group]));
        const float scale[2] = { at.scale, at.scale };
        write_rows_wide<D>(args.x.dq + row * args.x.lddq + job.head * D, args.x.lddq, dq, scale, there);
    }

    __device__ __forceinline__ void all()
    {
        for (uint32_t parity = 0;; parity ^= 1) {
            barrier_wait(shared_address(&m->own_full[OF_QUERIES][group]), parity);
            const bwd_job job = m->job[group];
            if (job.heads == 0)
                break;
            one(job);
        }
    }
};

#endif
#endif
