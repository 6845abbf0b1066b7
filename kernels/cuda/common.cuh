/*
 * common.cuh - what the CUDA kernels share: the two element types, loads of several elements, sums over a
 * block.
 *
 * Kernels are written once over the element type T and, where they move rows, over a width V: the elements that
 * a thread loads at once, 16 bytes of bf16 at V = 8. A launch takes the largest V that divides its rows and
 * their distances and for which all pointers are aligned; V = 1 takes anything. Sums go in a fixed order: same
 * bits.
 */
#ifndef RT_KERNELS_CUDA_COMMON_CUH
#define RT_KERNELS_CUDA_COMMON_CUH

#include "kernels/cuda/ops.cuh" /* first: it says that the headers in C are C */
#include "kernels/cuda/backend.h"

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <initializer_list>
#include <type_traits>

typedef __nv_bfloat16 bf16;

static __device__ __forceinline__ float f32(float x)
{
    return x;
}

static __device__ __forceinline__ float f32(bf16 x)
{
    return __bfloat162float(x);
}

template <typename T> static __device__ __forceinline__ T rn(float x)
{
    if constexpr (std::is_same_v<T, float>)
        return x;
    else
        return __float2bfloat16_rn(x);
}

/* 1 / (1 + exp(-x)) */
static __device__ __forceinline__ float logistic(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* Tensors arrive as the incomplete rt_act; inside they are elements. */
template <typename T> static inline const T *in(const rt_act *x)
{
    return (const T *)x;
}

template <typename T> static inline T *out(rt_act *y)
{
    return (T *)y;
}

constexpr size_t pack_align(size_t bytes)
{
    return bytes < 16 ? bytes : 16;
}

/* V elements that are loaded and stored together. */
template <typename T, int V> struct alignas(pack_align(V * sizeof(T))) pack {
    T e[V];
};

template <int V, typename T> static __device__ __forceinline__ pack<T, V> load(const T *p)
{
    return *(const pack<T, V> *)p;
}

template <int V, typename T> static __device__ __forceinline__ void store(T *p, const pack<T, V> &x)
{
    *(pack<T, V> *)p = x;
}

/* A tensor that a kernel reads or writes in steps of V: its elements' size and the distance of its rows. */
struct view {
    const void *p;
    size_t element_bytes;
    int64_t ld;
};

template <typename T> static inline view view_of(const T *p, int64_t ld)
{
    return { p, sizeof(T), ld };
}

/* The largest V of 8, 4 and 1 that fits rows of cols elements in all views. */
static inline int width_of(int64_t cols, std::initializer_list<view> views)
{
    for (int v = 8; v > 1; v /= 2) {
        bool fits = v != 2 && cols % v == 0;
        for (const view &x : views)
            fits = fits && x.ld % v == 0 && (uintptr_t)x.p % pack_align(v * x.element_bytes) == 0;
        if (fits)
            return v;
    }
    return 1;
}

/* launch(std::integral_constant<int, V>) for the V given. */
template <typename F> static inline void with_width(int v, F launch)
{
    if (v == 8)
        launch(std::integral_constant<int, 8>());
    else if (v == 4)
        launch(std::integral_constant<int, 4>());
    else
        launch(std::integral_constant<int, 1>());
}

constexpr int BLOCK = 256; /* threads of a block where nothing else is said */

/* Blocks for n items, BLOCK at a time; kernels step over what is left (2^20 blocks fill any GPU many times). */
static inline unsigned blocks_for(int64_t n)
{
    const int64_t blocks = (n + BLOCK - 1) / BLOCK;
    return (unsigned)(blocks < 1 << 20 ? blocks : 1 << 20);
}

/* Blocks for kernels that give a row to a block; they step over what is left. */
static inline unsigned blocks_of_rows(int64_t rows)
{
    return (unsigned)(rows < 1 << 20 ? rows : 1 << 20);
}

/* for (each item i of n that is this thread's) */
#define EACH(i, n)                                                                                             \
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n);                                  \
         i += (int64_t)gridDim.x * blockDim.x)

struct place {
    int64_t row, col;
};

/* Item i of rows of `width`; division in 32 bits, some five times faster, where that is enough. */
static __device__ __forceinline__ place place_of(int64_t i, int64_t width)
{
    if (((uint64_t)i | (uint64_t)width) >> 32 == 0) {
        const uint32_t row = (uint32_t)i / (uint32_t)width;
        return { row, (uint32_t)i - row * (uint32_t)width };
    }
    return { i / width, i % width };
}

template <typename S> static __device__ __forceinline__ S warp_sum(S x)
{
    for (int lane = 16; lane > 0; lane /= 2)
        x += __shfl_xor_sync(~0u, x, lane);
    return x;
}

/* The sum over a block of THREADS, in every thread. */
template <int THREADS, typename S> static __device__ __forceinline__ S block_sum(S x)
{
    __shared__ S part[THREADS / 32];
    x = warp_sum(x);
    __syncthreads(); /* the last sum has been read */
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = x;
    __syncthreads();
    S sum = part[0];
    for (int i = 1; i < THREADS / 32; i++)
        sum += part[i];
    return sum;
}

/* The largest over a block of THREADS, in every thread; NaN is left out. */
template <int THREADS> static __device__ __forceinline__ float block_max(float x)
{
    __shared__ float part[THREADS / 32];
    for (int lane = 16; lane > 0; lane /= 2)
        x = fmaxf(x, __shfl_xor_sync(~0u, x, lane));
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = x;
    __syncthreads();
    float top = part[0];
    for (int i = 1; i < THREADS / 32; i++)
        top = fmaxf(top, part[i]);
    return top;
}

#endif
