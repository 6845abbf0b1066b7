/*
 * attention_wgmma_fwd.cu - attention forward in bf16 on Hopper GPUs; contract in ops.h.
 *
 * A job is a tile of 64 queries for each of the block's multiplying warpgroups and a query head. One thread of
 * the copying warpgroup asks for the queries and for tiles of keys and values, in rings, and runs ahead into
 * the next job. A warpgroup asks for the scores of the next tile before the softmax of this one is multiplied
 * with its values, and leaves the tensor cores to the others in turn, so that one's softmax lies under the
 * others' products. Source: arXiv:2407.08608.
 */
#include "config.h"
#include "kernels/cuda/attention_wgmma_fwd.cuh"

#ifdef RT_HOPPER

/* What a row has met so far, in each of the lane's two rows of 16: the largest score, and this lane's part of
 * the sum. */
struct met {
    float top[2], sum[2];
};

/* Scores become -inf where the key is hidden: query is the lane's first. */
template <int KEYS>
static __device__ __forceinline__ void hide_scores(result<KEYS> &s, int query, int first_key, int length,
                                                   bool causal)
{
    const int t = threadIdx.x % 4;
    /* in the lane's two rows the keys from here on are hidden */
    const int end[2] = { causal && query + 1 < length ? query + 1 : length,
                         causal && query + 9 < length ? query + 9 : length };
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            if (first_key + 8 * n + 2 * t + e % 2 >= end[e / 2])
                s.e[n][e] = -INFINITY;
}

/* Scores to 2^(c s - c top), c = scale log2(e), and the sums with them; shrink is what brings earlier sums to
 * the new largest score. Every row sees the segment's first key in the first tile, so top is finite. */
template <int KEYS>
static __device__ __forceinline__ void soften(result<KEYS> &s, met &r, float (&shrink)[2], float c)
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float top = r.top[half];
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
            top = fmaxf(top, fmaxf(s.e[n][2 * half], s.e[n][2 * half + 1]));
        top = quad_max(top);
        const float shift = top * c;
        shrink[half] = exp2_fast((r.top[half] - top) * c);
        r.top[half] = top;
        float sum[2] = {};
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                s.e[n][2 * half + e] = exp2_fast(fmaf(s.e[n][2 * half + e], c, -shift));
                sum[e] += s.e[n][2 * half + e];
            }
        r.sum[half] = r.sum[half] * shrink[half] + (sum[0] + sum[1]);
    }
}

template <typename plan> struct fwd_worker {
    static constexpr int D = plan::D, KEYS = plan::KEYS;
    const fwd_args &args;
    fwd_memory<plan> *m;
    int group;
    ring<plan::STAGES> k, v;

    /* The warpgroups ask for products in turn. */
    __device__ __forceinline__ void my_turn()
    {
        if (plan::GROUPS > 1)
            named_sync(1 + group, 2 * GROUP);
    }
    __device__ __forceinline__ void next_turn()
    {
        if (plan::GROUPS > 1)
            named_arrive(1 + (group + 1) % plan::GROUPS, 2 * GROUP);
    }

    __device__ __forceinline__ void write(const fwd_job &job, const result<D> &o, const met &r)
    {
        const struct rt_attention &at = args.at;
        const int query = job.first + 64 * group + threadIdx.x % GROUP / 32 * 16 + threadIdx.x % 32 / 4;
        float inverse[2];
        bool there[2];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float sum = quad_sum(r.sum[half]);
            there[half] = query + 8 * half < job.length;
            inverse[half] = 1.0f / sum;
            if (threadIdx.x % 4 == 0 && there[half])
                args.x.lse[job.head * at.rows + job.row + query + 8 * half] =
                    r.top[half] * at.scale + logf(sum);
        }
        write_rows_wide<D>(args.x.o + (job.row + query) * args.x.ldo + job.head * D, args.x.ldo, o, inverse,
                           there);
    }

    __device__ __forceinline__ void ask_scores(result<KEYS> &s)
    {
        barrier_wait(shared_address(&m->k_full[k.stage]), k.parity);
        ask_rows<D, 64>(s, shared_address(m->q[group]), shared_address(m->k[k.stage]));
    }

    __device__ __forceinline__ void one(const fwd_job &job)
    {
        const bool causal = args.at.causal;
        const int seen = seen_by<plan>(job, causal), first = job.first + 64 * group;
        const int query = first + threadIdx.x % GROUP / 32 * 16 + threadIdx.x % 32 / 4;
        const float c = args.at.scale * LOG2E;
        result<D> o = {};
        result<KEYS> s;
        left p[KEYS / 16];
        met r = { { -INFINITY, -INFINITY }, { 0.0f, 0.0f } };
        float shrink[2];
        my_turn();
        ask_scores(s);
        next_turn();
        products_wait<0>();
        settle(s);
        warp_arrive(shared_address(&m->k_empty[k.stage]));
        k.step();
        if (KEYS > job.length || (causal && KEYS > first))
            hide_scores(s, query, 0, job.length, causal);
        soften(s, r, shrink, c);
        hand_over<KEYS>(p, s);
#pragma unroll 1
        for (int k0 = KEYS; k0 < seen; k0 += KEYS) {
            my_turn();
            ask_scores(s);
            barrier_wait(shared_address(&m->v_full[v.stage]), v.parity);
            ask_columns(o, p, shared_address(m->v[v.stage]));
            next_turn();
            products_wait<1>();
            settle(s);
            warp_arrive(shared_address(&m->k_empty[k.stage]));
            k.step();
            if (k0 + KEYS > job.length || (causal && k0 + KEYS > first))
                hide_scores(s, query, k0, job.length, causal);
            soften(s, r, shrink, c);
            products_wait<0>();
            settle(o);
            settle(p);
            warp_arrive(shared_address(&m->v_empty[v.stage]));
            v.step();
#pragma unroll
            for (int n = 0; n < D / 8; n++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    o.e[n][e] *= shrink[e / 2];
            hand_over<KEYS>(p, s);
        }
        lanes_arrive(shared_address(&m->q_empty[group]));
        barrier_wait(shared_address(&m->v_full[v.stage]), v.parity);
        ask_columns(o, p, shared_address(m->v[v.stage]));
        products_wait<0>();
        settle(o);
        warp_arrive(shared_address(&m->v_empty[v.stage]));
        v.step();
        write(job, o, r);
    }

    __device__ __forceinline__ void all()
    {
        if (group == plan::GROUPS - 1)
            next_turn(); /* the first warpgroup's turn */
        for (uint32_t parity = 0;; parity ^= 1) {
            barrier_wait(shared_address(&m->q_full[group]), parity);
            const fwd_job job = m->job[group];
            if (job.head < 0)
                break;
            one(job);
        }
    }
};

template <typename plan> static __device__ __forceinline__ void fwd_barriers(fwd_memory<plan> *m)
{
    for (int g = 0; g < plan::GROUPS; g++) {
        barrier_init(shared_address(&m->q_full[g]), 1);
        barrier_init(shared_address(&m->q_empty[g]), GROUP);
    }
    for (int i = 0; i < plan::STAGES; i++) {
        barrier_init(shared_address(&m->k_full[i]), 1);
        barrier_init(shared_address(&m->v_full[i]), 1);
        barrier_init(shared_address(&m->k_empty[i]), 4 * plan::GROUPS);
        barrier_init(shared_address(&m->v_empty[i]), 4 * plan::GROUPS);
    }
    barriers_ready();
}

#endif

template <typename plan>
static __global__ void __launch_bounds__(plan::THREADS, plan::BLOCKS_AT_ONCE)
    fwd(const __grid_constant__ fwd_args args)
{
#ifdef RT_HOPPER
    extern __shared__ unsigned char memory[];
    fwd_memory<plan> *const m = (fwd_memory<plan> *)(memory + (1024 - shared_address(memory) % 1024) % 1024);
    if (threadIdx.x == 0)
        fwd_barriers<plan>(m);
    __syncthreads();
    if (threadIdx.x < GROUP) {
        registers_fewer<plan::FEWER>();
        if (threadIdx.x == 0)
            fwd_source<plan>{ args, m, { 0, 0 }, { 0, 0 }, 0 }.all();
    } else {
        registers_more<plan::MORE>();
        /* the same in all lanes, which the compiler is told */
        const int group = __shfl_sync(~0u, (int)threadIdx.x / GROUP - 1, 0);
        fwd_worker<plan>{ args, m, group, { 0, 0 }, { 0, 0 } }.all();
    }
#endif
}

template <typename plan>
static rt_status launch(struct rt_exec *ex, const rt_mma_fwd &x, const struct rt_attention &at)
{
    constexpr int BYTES = (int)sizeof(fwd_memory<plan>) + 1024;
    static_assert(BYTES <= 232448, "more shared memory than a block may have");
    const struct rt_cuda *cuda = rt_cuda_of(ex);
    fwd_args args = {};
    args.x = x;
    args.at = at;
    args.tickets = cuda->tickets;
    args.jobs = (unsigned)(tiles_of<plan::QUERIES>(at) * at.heads);
    RT_TRY(rt_wgmma_map(ex, &args.q, x.q, x.ldq, at.heads, plan::D, at.rows, 64));
    RT_TRY(rt_wgmma_map(ex, &args.k, x.k, x.ldk, at.kv_heads, plan::D, at.rows, plan::KEYS));
    RT_TRY(rt_wgmma_map(ex, &args.v, x.v, x.ldv, at.kv_heads, plan::D, at.rows, plan::KEYS));
    RT_TRY(RT_CUDA(ex, cudaFuncSetAttribute(fwd<plan>, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES)));
    const unsigned blocks = least((unsigned)(cuda->multiprocessors * plan::BLOCKS_AT_ONCE), args.jobs);
    fwd<plan><<<blocks, plan::THREADS, BYTES, rt_stream(ex)>>>(args);
    return RT_CUDA(ex, cudaGetLastError());
}

rt_status rt_wgmma_attention_fwd(struct rt_exec *ex, const rt_mma_fwd &x, const struct rt_attention &at,
                                 bool *taken)
{
    rt_status st = RT_OK;
    *taken = rt_cuda_of(ex)->tensor_map != NULL && wgmma_jobs_fit(at) && in_pieces(x.q, x.ldq) &&
             in_pieces(x.k, x.ldk) && in_pieces(x.v, x.ldv) && in_pieces(x.o, x.ldo) &&
             with_wide_head(at.d, [&](auto d) {
                 st = at.max_length <= 64 ? launch<fwd_plan<d.value, true>>(ex, x, at)
                                          : launch<fwd_plan<d.value, false>>(ex, x, at);
             });
    return st;
}
