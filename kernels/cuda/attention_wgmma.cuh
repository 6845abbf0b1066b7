/*
 * attention_wgmma.cuh - attention on Hopper GPUs: what its forward and backward share.
 *
 * Both are one block a multiprocessor that stays, with a warpgroup that copies and warpgroups that multiply.
 * Blocks take jobs by number from a counter in device memory, the longest first; what a job computes does not
 * depend on who takes it.
 */
#ifndef RT_KERNELS_CUDA_ATTENTION_WGMMA_CUH
#define RT_KERNELS_CUDA_ATTENTION_WGMMA_CUH

#include "kernels/cuda/hopper.cuh"

constexpr int GROUP = 128; /* threads of a warpgroup */

/* launch(std::integral_constant<int, D>) for the head size; false where there is no kernel for it. */
template <typename F> static inline bool with_wide_head(int64_t d, F launch)
{
    switch (d) {
    case 64: launch(std::integral_constant<int, 64>()); return true;
    case 80: launch(std::integral_constant<int, 80>()); return true;
    case 96: launch(std::integral_constant<int, 96>()); return true;
    case 112: launch(std::integral_constant<int, 112>()); return true;
    case 128: launch(std::integral_constant<int, 128>()); return true;
    default: return false;
    }
}

/* Whether jobs and rows are counted in 31 bits. */
static inline bool wgmma_jobs_fit(const struct rt_attention &at)
{
    return at.rows < (int64_t)1 << 30 && (at.rows / 64 + at.segments) * at.heads < (int64_t)1 << 30;
}

/* Tiles of TILE rows of all segments, as stretch_of counts them; one a segment where that is enough. */
template <int TILE> static inline int64_t tiles_of(const struct rt_attention &at)
{
    return at.max_length <= TILE ? at.segments : at.rows / TILE + at.segments;
}

template <int TILE>
static __device__ __forceinline__ stretch tile_of(int64_t tile, const struct rt_attention &at)
{
    if (at.max_length > TILE)
        return stretch_of<TILE>(tile, at.cu, at.segments);
    const int64_t start = at.cu[tile];
    return { start, at.cu[tile + 1] - start, 0 };
}

static inline unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* attention_wgmma.cu: how copies see a tensor of heads [rows, heads, d], rows ld apart: in boxes of 64 columns
 * of one head and box_rows rows. */
rt_status rt_wgmma_map(struct rt_exec *ex, CUtensorMap *map, const bf16 *x, int64_t ld, int64_t heads,
                       int64_t d, int64_t rows, int box_rows);

/* attention_wgmma_fwd.cu, attention_wgmma_bwd.cu: as rt_mma_attention_fwd and _bwd. bwd: partial has room for
 * rt_wgmma_partial_bytes. */
rt_status rt_wgmma_attention_fwd(struct rt_exec *ex, const rt_mma_fwd &x, const struct rt_attention &at,
                                 bool *taken);
rt_status rt_wgmma_attention_bwd(struct rt_exec *ex, const rt_mma_bwd &x, float *partial,
                                 const struct rt_attention &at, bool *taken);
/* The most that any attention with at most so many rows needs. */
size_t rt_wgmma_partial_bytes(const struct rt_attention *at);

#ifdef RT_HOPPER

/* The counter that hands out jobs: [0] the next that no block has from the start, [1] blocks that are through.
 * Both are 0 between launches. */
static __device__ __forceinline__ unsigned job_take(unsigned *tickets)
{
    return gridDim.x + atomicAdd(tickets, 1);
}

static __device__ __forceinline__ void jobs_end(unsigned *tickets)
{
    __threadfence(); /* no ticket is taken after the counter is set back */
    if (atomicAdd(tickets + 1, 1) == gridDim.x - 1)
        tickets[0] = tickets[1] = 0;
}

/* The largest and the sum over the 4 lanes that hold a row. */
static __device__ __forceinline__ float quad_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
    return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}

static __device__ __forceinline__ float quad_sum(float x)
{
    x += __shfl_xor_sync(~0u, x, 1);
    return x + __shfl_xor_sync(~0u, x, 2);
}

/* One arrival for the warp, whose products are done with a buffer. */
static __device__ __forceinline__ void warp_arrive(uint32_t barrier)
{
    if (threadIdx.x % 32 == 0)
        barrier_arrive(barrier);
}

/* One arrival a lane, GROUP a warpgroup, where lanes have read shared memory themselves. */
static __device__ __forceinline__ void lanes_arrive(uint32_t barrier)
{
    barrier_arrive(barrier);
}

#endif
#endif
