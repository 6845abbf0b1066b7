/* attention_wgmma_bwd_keys.cuh - attention backward on Hopper GPUs: a warpgroup's 64 keys and values. */
#ifndef RT_KERNELS_CUDA_ATTENTION_WGMMA_BWD_KEYS_CUH
#define RT_KERNELS_CUDA_ATTENTION_WGMMA_BWD_KEYS_CUH

#include "kernels/cuda/attention_wgmma_bwd.cuh"

#ifdef RT_HOPPER

template <int D> struct bwd_keys {
    const bwd_args &args;
    bwd_memory<D> *m;
    int group;
    ring<QUERY_STAGES> r;

    __device__ __forceinline__ uint32_t visitor(int stage, int which)
    {
        return shared_address(m->queries[stage][which]);
    }

    /* Scores' transpose to p: key is the lane's first, query0 the tile's first. */
    __device__ __forceinline__ void probabilities(result<QUERIES> &s, int stage, int key, int query0)
    {
        const int t = threadIdx.x % 4;
        const float c = args.at.scale * LOG2E;
#pragma unroll
        for (int n = 0; n < QUERIES / 8; n++) {
            const float2 lse = *(const float2 *)&m->lse[stage][8 * n + 2 * t];
#pragma unroll
            for (int e = 0; e < 4; e++)
                s.e[n][e] = exp2_fast(fmaf(s.e[n][e], c, e % 2 ? -lse.y : -lse.x));
        }
        if (args.at.causal && query0 < key + 64)
#pragma unroll
            for (int n = 0; n < QUERIES / 8; n++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    if (key + e / 2 * 8 > query0 + 8 * n + 2 * t + e % 2)
                        s.e[n][e] = 0.0f;
    }

    /* dp's transpose to ds without scale, p (dp - delta). */
    __device__ __forceinline__ void gradients(result<QUERIES> &dp, const result<QUERIES> &p, int stage)
    {
        const int t = threadIdx.x % 4;
#pragma unroll
        for (int n = 0; n < QUERIES / 8; n++) {
            const float2 delta = *(const float2 *)&m->delta[stage][8 * n + 2 * t];
#pragma unroll
            for (int e = 0; e < 4; e++)
                dp.e[n][e] = p.e[n][e] * (dp.e[n][e] - (e % 2 ? delta.y : delta.x));
        }
    }

    __device__ __forceinline__ void write(const bwd_job &job, const result<D> &dk, const result<D> &dv)
    {
        const struct rt_attention &at = args.at;
        const int kv = job.head / (int)(at.heads / at.kv_heads);
        const int key = job.first + 64 * group + threadIdx.x % GROUP / 32 * 16 + threadIdx.x % 32 / 4;
        const bool there[2] = { key < job.length, key + 8 < job.length };
        const float one[2] = { 1.0f, 1.0f }, scale[2] = { at.scale, at.scale };
        const int64_t row = job.row + key;
        if (args.parts == 1) {
            write_rows_wide<D>(args.x.dk + row * args.x.lddk + kv * D, args.x.lddk, dk, scale, there);
            write_rows_wide<D>(args.x.dv + row * args.x.lddv + kv * D, args.x.lddv, dv, one, there);
            return;
        }
        const int64_t size = at.rows * at.kv_heads * D;
        float *const to =
            args.partial + 2 * job.part * size + (row * at.kv_heads + kv) * D + threadIdx.x % 4 * 2;
#pragma unroll
        for (int half = 0; half < 2; half++)
#pragma unroll
            for (int n = 0; n < D / 8; n++)
                if (there[half]) {
                    float *const p = to + 8 * half * at.kv_heads * D + 8 * n;
                    *(float2 *)p = make_float2(dk.e[n][2 * half], dk.e[n][2 * half + 1]);
                    *(float2 *)(p + size) = make_float2(dv.e[n][2 * half], dv.e[n][2 * half + 1]);
                }
    }

    __device__ __forceinline__ void one(const bwd_job &job)
    {
        const int from = bwd_from(job, args.at.causal), turns = (job.length - from + QUERIES - 1) / QUERIES;
        const int mine = job.first + 64 * group, all = turns * job.heads;
        const int key = mine + threadIdx.x % GROUP / 32 * 16 + threadIdx.x % 32 / 4;
        const uint32_t k = shared_address(m->own[group][0]), v = shared_address(m->own[group][1]);
        const uint32_t full = shared_address(m->full[OF_KEYS]), empty = shared_address(m->empty[OF_KEYS]);
        result<D> dk = {}, dv = {};
        result<QUERIES> s, dp;
        left p[QUERIES / 16], ds[QUERIES / 16];
        barrier_wait(full + 8 * r.stage, r.parity);
        ask_rows<D, 64>(s, k, visitor(r.stage, 0));
        int stage, turn = 0, left_over = all;
#pragma unroll 1
        for (;;) {
            stage = r.stage;
            ask_rows<D, 64>(dp, v, visitor(stage, 1));
            products_wait<1>();
            settle(s);
            probabilities(s, stage, key, from + turn * QUERIES);
            hand_over<QUERIES>(p, s);
            ask_columns(dv, p, visitor(stage, 1));
            products_wait<1>();
            settle(dp);
            gradients(dp, s, stage);
            hand_over<QUERIES>(ds, dp);
            ask_columns(dk, ds, visitor(stage, 0));
            r.step();
            turn = turn + 1 == turns ? 0 : turn + 1;
            if (--left_over == 0)
                break;
            barrier_wait(full + 8 * r.stage, r.parity);
            ask_rows<D, 64>(s, k, visitor(r.stage, 0));
            products_wait<1>();
            settle(dk);
            settle(dv);
            settle(p);
            settle(ds);
            lanes_arrive(empty + 8 * stage);
        }
        products_wait<0>();
        settle(dk);
        settle(dv);
        lanes_arrive(empty + 8 * stage);
        lanes_arrive(shared_address(&m->own_empty[OF_KEYS][group]));
        write(job, dk, dv);
    }

    __device__ __forceinline__ void all()
    {
        for (uint32_t parity = 0;; parity ^= 1) {
            barrier_wait(shared_address(&m->own_full[OF_KEYS][group]), parity);
            const bwd_job job = m->job[group];
            if (job.heads == 0)
                break;
            one(job);
        }
    }
};

#endif
#endif
