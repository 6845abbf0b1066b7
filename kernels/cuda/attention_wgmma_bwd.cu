/*
 * attention_wgmma_bwd.cu - attention backward in bf16 on Hopper GPUs; contract in ops.h.
 *
 * One launch does dk, dv and dq, 7 products instead of 5, so that every sum has one owner and one order. A job
 * of keys and values goes over the query heads of its group; where that would make so few jobs that most of the
 * GPU waited for the longest, the heads are split into parts, and a second launch adds the parts' sums, in
 * order. Jobs of queries, which are short, fill up the end.
 */
#include "config.h"
#include "kernels/cuda/attention_wgmma_bwd_copy.cuh"
#include "kernels/cuda/attention_wgmma_bwd_keys.cuh"
#include "kernels/cuda/attention_wgmma_bwd_queries.cuh"

/* Parts times rows of partial sums, where there are any, are at most these. */
constexpr int64_t PARTIAL_ROWS = 8192;

#ifdef RT_HOPPER

template <int D> static __device__ __forceinline__ void bwd_barriers(bwd_memory<D> *m)
{
    for (int kind = 0; kind < 2; kind++) {
        for (int g = 0; g < GROUPS; g++) {
            barrier_init(shared_address(&m->own_full[kind][g]), 1);
            barrier_init(shared_address(&m->own_empty[kind][g]), GROUP);
        }
        for (int i = 0; i < MOST_STAGES; i++) {
            barrier_init(shared_address(&m->full[kind][i]), kind == OF_KEYS ? 1 + 32 : 1);
            barrier_init(shared_address(&m->empty[kind][i]), GROUPS * (kind == OF_KEYS ? GROUP : 4));
        }
    }
    barrier_init(shared_address(&m->keys_over), GROUPS * GROUP);
    barriers_ready();
}

#endif

template <int D>
static __global__ void __launch_bounds__(THREADS, 1) gradients(const __grid_constant__ bwd_args args)
{
#ifdef RT_HOPPER
    extern __shared__ unsigned char memory[];
    bwd_memory<D> *const m = (bwd_memory<D> *)(memory + (1024 - shared_address(memory) % 1024) % 1024);
    if (threadIdx.x == 0)
        bwd_barriers<D>(m);
    __syncthreads();
    if (threadIdx.x < GROUP) {
        registers_fewer<FEWER>();
        if (threadIdx.x >= 32)
            return;
        bwd_source<D> source = { args, m, (int)threadIdx.x, blockIdx.x };
        const unsigned number = source.key_jobs();
        barrier_wait(shared_address(&m->keys_over), 0); /* from here on the rings hold the other kind */
        source.query_jobs(number);
    } else {
        registers_more<MORE>();
        const int group =
            __shfl_sync(~0u, (int)threadIdx.x / GROUP - 1, 0); /* the compiler sees: in all lanes */
        bwd_keys<D>{ args, m, group, { 0, 0 } }.all();
        lanes_arrive(shared_address(&m->keys_over));
        bwd_queries<D>{ args, m, group, { 0, 0 } }.all();
    }
#endif
}

/* dk and dv from their parts. */
static __global__ void __launch_bounds__(BLOCK)
    add_parts(rt_mma_bwd x, struct rt_attention at, const float *partial, int parts)
{
    const int64_t columns = at.kv_heads * at.d, size = at.rows * columns;
    EACH (i, 2 * (size / 4)) {
        const bool of_v = i >= size / 4;
        const place p = place_of((i - (of_v ? size / 4 : 0)), columns / 4);
        const float *const from = partial + (of_v ? size : 0) + p.row * columns + 4 * p.col;
        pack<float, 4> sum = load<4>(from);
        for (int part = 1; part < parts; part++) {
            const pack<float, 4> more = load<4>(from + 2 * part * size);
#pragma unroll
            for (int e = 0; e < 4; e++)
                sum.e[e] += more.e[e];
        }
        pack<bf16, 4> y;
#pragma unroll
        for (int e = 0; e < 4; e++)
            y.e[e] = rn<bf16>(of_v ? sum.e[e] : sum.e[e] * at.scale);
        store(of_v ? x.dv + p.row * x.lddv + 4 * p.col : x.dk + p.row * x.lddk + 4 * p.col, y);
    }
}

static int64_t ceil_of(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Into how many parts the query heads of a key head go: as few as make the longest job take no more than three
 * quarters of the time that all jobs take together. In units of tiles of keys by tiles of queries, times
 * products. */
static int parts_of(const struct rt_attention &at, int multiprocessors)
{
    const int64_t group = at.heads / at.kv_heads;
    int64_t tiles = 0, parts = 1;
    for (int64_t s = 0; s < at.segments; s++) {
        const int64_t length = at.host_cu[s + 1] - at.host_cu[s], own = ceil_of(length, OWN),
                      other = ceil_of(length, QUERIES);
        tiles += at.causal ? own * (other + 1) / 2 : own * other;
    }
    const int64_t together = 7 * tiles * at.heads / multiprocessors, longest = ceil_of(at.max_length, QUERIES);
    while (parts < group && (parts + 1) * at.rows <= PARTIAL_ROWS &&
           4 * 4 * longest * ceil_of(group, parts) > 3 * together)
        parts++;
    return (int)parts;
}

size_t rt_wgmma_partial_bytes(const struct rt_attention *at)
{
    const int64_t group = at->heads / at->kv_heads, rows = at->rows * group;
    return group == 1 ? 0
                      : (size_t)(rows < PARTIAL_ROWS ? rows : PARTIAL_ROWS) *
                            (size_t)(2 * at->kv_heads * at->d) * sizeof(float);
}

template <int D>
static rt_status launch(struct rt_exec *ex, const rt_mma_bwd &x, float *partial, const struct rt_attention &at)
{
    constexpr int BYTES = (int)sizeof(bwd_memory<D>) + 1024;
    static_assert(BYTES <= 232448, "more shared memory than a block may have");
    const struct rt_cuda *cuda = rt_cuda_of(ex);
    bwd_args args = {};
    args.x = x;
    args.at = at;
    args.partial = partial;
    args.parts = parts_of(at, cuda->multiprocessors);
    args.tickets = cuda->tickets;
    const int64_t tiles = tiles_of<OWN>(at);
    args.key_jobs = (unsigned)(tiles * at.kv_heads * args.parts);
    args.jobs = args.key_jobs + (unsigned)(tiles * at.heads);
    RT_TRY(rt_wgmma_map(ex, &args.q, x.q, x.ldq, at.heads, D, at.rows, 64));
    RT_TRY(rt_wgmma_map(ex, &args.d_o, x.d_o, x.lddo, at.heads, D, at.rows, 64));
    RT_TRY(rt_wgmma_map(ex, &args.k, x.k, x.ldk, at.kv_heads, D, at.rows, 64));
    RT_TRY(rt_wgmma_map(ex, &args.v, x.v, x.ldv, at.kv_heads, D, at.rows, 64));
    RT_TRY(RT_CUDA(ex, cudaFuncSetAttribute(gradients<D>, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES)));
    const unsigned blocks = least((unsigned)cuda->multiprocessors, args.jobs);
    gradients<D><<<blocks, THREADS, BYTES, rt_stream(ex)>>>(args);
    RT_TRY(RT_CUDA(ex, cudaGetLastError()));
    if (args.parts == 1)
        return RT_OK;
    add_parts<<<blocks_for(at.rows * at.kv_heads * D / 2), BLOCK, 0, rt_stream(ex)>>>(x, at, partial,
                                                                                      args.parts);
    return RT_CUDA(ex, cudaGetLastError());
}

rt_status rt_wgmma_attention_bwd(struct rt_exec *ex, const rt_mma_bwd &x, float *partial,
                                 const struct rt_attention &at, bool *taken)
{
    rt_status st = RT_OK;
    *taken = rt_cuda_of(ex)->tensor_map != NULL && wgmma_jobs_fit(at) && in_pieces(x.q, x.ldq) &&
             in_pieces(x.k, x.ldk) && in_pieces(x.v, x.ldv) && in_pieces(x.d_o, x.lddo) &&
             in_pieces(x.dq, x.lddq) && in_pieces(x.dk, x.lddk) && in_pieces(x.dv, x.lddv) &&
             with_wide_head(at.d, [&](auto d) { st = launch<d.value>(ex, x, partial, at); });
    return st;
}
