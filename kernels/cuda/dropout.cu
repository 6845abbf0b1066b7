/*
 * dropout.cu - dropout from a counter generator on CUDA, the same mask as on the CPU; contract in ops.h.
 *
 * A thread makes the four elements that one draw of Philox decides.
 */
#include "config.h"
#include "kernels/cuda/common.cuh"

#include <math.h>

/* rt_philox of src/base/rng.h, which says how the words lie. */
static __device__ void philox(uint32_t word[4], uint64_t counter_hi, uint64_t counter_lo, uint64_t key)
{
    uint32_t c0 = (uint32_t)counter_lo, c1 = (uint32_t)(counter_lo >> 32);
    uint32_t c2 = (uint32_t)counter_hi, c3 = (uint32_t)(counter_hi >> 32);
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    word[0] = c0, word[1] = c1, word[2] = c2, word[3] = c3;
}

struct mask {
    uint64_t seed, stream;
    uint32_t first_kept; /* the smallest word that keeps its element */
    float share;         /* 1 - p */
};

/* V is 4, or 1 where rows do not come in aligned fours. */
template <typename T, int V>
static __global__ void drop(T *y, int64_t ldy, const T *x, int64_t ldx, int64_t rows, int64_t cols, mask m,
                            bool accumulate)
{
    const int64_t quads = (cols + 3) / 4;
    EACH (i, rows * quads) {
        const place at = place_of(i, quads);
        uint32_t word[4];
        philox(word, m.stream, (uint64_t)i, m.seed);
#pragma unroll
        for (int j = 0; j < 4; j += V) {
            const int64_t c = 4 * at.col + j;
            if (c >= cols)
                break;
            const pack<T, V> from = load<V>(x + at.row * ldx + c);
            T *const to = y + at.row * ldy + c;
            pack<T, V> p = {};
            if (accumulate)
                p = load<V>(to);
#pragma unroll
            for (int k = 0; k < V; k++) {
                const float v = word[j + k] >= m.first_kept ? f32(from.e[k]) / m.share : 0.0f;
                p.e[k] = rn<T>(accumulate ? f32(p.e[k]) + v : v);
            }
            store<V>(to, p);
        }
    }
}

template <typename T>
rt_status rt_cuda_ops<T>::dropout(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t ldx,
                                  int64_t rows, int64_t cols, float p, uint64_t seed, uint64_t stream,
                                  bool accumulate)
{
    RT_TRY(rt_check_shape(ex, "dropout", rows, cols));
    RT_TRY(rt_check_ld(ex, "dropout", "y", ldy, cols));
    RT_TRY(rt_check_ld(ex, "dropout", "x", ldx, cols));
    RT_TRY(rt_check(ex, "dropout", p >= 0.0f && p < 1.0f, "p is not in [0, 1)"));
    if (rows == 0)
        return RT_OK;
    /* below 2^32: p is a float below 1 */
    const mask m = { seed, stream, (uint32_t)ceil((double)p * 0x1p32), 1.0f - p };
    const unsigned blocks = blocks_for(rows * ((cols + 3) / 4));
    if (width_of(cols, { view_of(out<T>(y), ldy), view_of(in<T>(x), ldx) }) >= 4)
        drop<T, 4>
            <<<blocks, BLOCK, 0, rt_stream(ex)>>>(out<T>(y), ldy, in<T>(x), ldx, rows, cols, m, accumulate);
    else
        drop<T, 1>
            <<<blocks, BLOCK, 0, rt_stream(ex)>>>(out<T>(y), ldy, in<T>(x), ldx, rows, cols, m, accumulate);
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(dropout);
