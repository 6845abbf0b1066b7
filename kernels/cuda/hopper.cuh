/*
 * hopper.cuh - the instructions that sm_90a has and others lack: bulk tensor copies, their barriers, products
 * of a warpgroup.
 *
 * A warpgroup, 4 warps that start at a multiple of 4, multiplies 64 rows by N columns over 16 terms with one
 * instruction, wgmma, which runs beside it until it waits. Its right operand lies in shared memory, the left
 * one there or in registers, the sum in registers as the result of mma.m16n8k16 lies, warp w holding rows 16 w
 * on. A tile in shared memory consists of blocks of 64 columns: [columns / 64][rows][64] in bf16, rows of 128
 * bytes, whose 16-byte pieces are permuted within 8 rows (the 128-byte swizzle of copies and products both);
 * tiles begin at multiples of 1024 bytes. Source: PTX ISA, "Asynchronous warpgroup level matrix instructions",
 * "Tensor copies", "mbarrier".
 */
#ifndef RT_KERNELS_CUDA_HOPPER_CUH
#define RT_KERNELS_CUDA_HOPPER_CUH

#include "kernels/cuda/attention_mma.cuh"

#include <cuda.h>

/* Whether what is being compiled may hold such instructions. */
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define RT_HOPPER 1
#endif

constexpr int BLOCK_COLUMNS = 64, ROW_BYTES = 128;

/* Blocks of columns, and bytes, of a tile. */
template <int D> constexpr int BLOCKS = (D + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS;
template <int D, int ROWS> constexpr int TILE_BYTES = BLOCKS<D> *ROWS *ROW_BYTES;

#ifdef RT_HOPPER

/* ---- barriers in shared memory, by address ---- */

static __device__ __forceinline__ void barrier_init(uint32_t barrier, uint32_t arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

static __device__ __forceinline__ void barrier_arrive(uint32_t barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/* Arrives, and lets the phase end only once as many bytes have been copied. */
static __device__ __forceinline__ void barrier_expect(uint32_t barrier, uint32_t bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
}

/* Waits for the end of the phase of that parity; a fresh barrier has ended one of parity 1. */
static __device__ __forceinline__ void barrier_wait(uint32_t barrier, uint32_t parity)
{
    asm volatile("{\n"
                 ".reg .pred done;\n"
                 "again:\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                 "@!done bra again;\n"
                 "}" ::"r"(barrier),
                 "r"(parity)
                 : "memory");
}

/* What has been written to fresh barriers is seen by copies. */
static __device__ __forceinline__ void barriers_ready()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/* Barrier `id` of the hardware's: sync waits until `threads` have come, arrive goes on. */
static __device__ __forceinline__ void named_sync(int id, int threads)
{
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

static __device__ __forceinline__ void named_arrive(int id, int threads)
{
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/* Where in a ring of STAGES buffers one is, and the parity of the phase in which that buffer fills. */
template <int STAGES> struct ring {
    int stage;
    uint32_t parity;

    __device__ __forceinline__ void step()
    {
        if (++stage == STAGES)
            stage = 0, parity ^= 1;
    }
};

/* ---- copies ---- */

/* One block of columns from `column` on of a head, as many rows as the map's box has, from `row` on; what lies
 * beyond the head's columns or the tensor's rows becomes 0. One thread asks. */
static __device__ __forceinline__ void copy_block(uint32_t to, const CUtensorMap *map, uint32_t barrier,
                                                  int column, int head, int row)
{
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
        "%5}], [%2];" ::"r"(to),
        "l"(map), "r"(barrier), "r"(column), "r"(head), "r"(row)
        : "memory");
}

/* ROWS rows of a tile, BOX rows a copy, where a block of columns of the tile has STRIDE rows. */
template <int D, int ROWS, int BOX, int STRIDE>
static __device__ __forceinline__ void copy_tile(uint32_t to, const CUtensorMap *map, uint32_t barrier,
                                                 int head, int row)
{
#pragma unroll
    for (int block = 0; block < BLOCKS<D>; block++)
#pragma unroll
        for (int r = 0; r < ROWS; r += BOX)
            copy_block(to + (block * STRIDE + r) * ROW_BYTES, map, barrier, block * BLOCK_COLUMNS, head,
                       row + r);
}

/* ---- products ---- */

template <int REGISTERS> static __device__ __forceinline__ void registers_more()
{
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

template <int REGISTERS> static __device__ __forceinline__ void registers_fewer()
{
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

/* Registers written before are seen by the products asked for after. */
static __device__ __forceinline__ void products_begin()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

static __device__ __forceinline__ void products_end()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/* Waits until all but the last LEFT groups are done. */
template <int LEFT> static __device__ __forceinline__ void products_wait()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(LEFT) : "memory");
}

/* The compiler neither reads c before this nor writes it after, as if it were read and written here. */
template <int C> static __device__ __forceinline__ void settle(result<C> &c)
{
#pragma unroll
    for (int n = 0; n < C / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            asm volatile("" : "+f"(c.e[n][e])::"memory");
}

template <int M> static __device__ __forceinline__ void settle(left (&p)[M])
{
#pragma unroll
    for (int k = 0; k < M; k++)
#pragma unroll
        for (int i = 0; i < 4; i++)
            asm volatile("" : "+r"(p[k].pair[i])::"memory");
}

/* How a product reads an operand at `address`: 1024 bytes from 8 rows to the next, `between` bytes from a block
 * of columns to the next (used where rows are the product's terms). */
static __device__ __forceinline__ uint64_t describe(uint32_t address, uint32_t between)
{
    constexpr uint64_t swizzle_128 = (uint64_t)1 << 62, rows_8 = (uint64_t)(8 * ROW_BYTES / 16) << 32;
    return swizzle_128 | rows_8 | (uint64_t)(between / 16) << 16 | (address & 0x3ffff) / 16;
}

#define RT_C8(i)                                                                                               \
    "+f"(c.e[2 * (i)][0]), "+f"(c.e[2 * (i)][1]), "+f"(c.e[2 * (i)][2]), "+f"(c.e[2 * (i)][3]),                \
        "+f"(c.e[2 * (i) + 1][0]), "+f"(c.e[2 * (i) + 1][1]), "+f"(c.e[2 * (i) + 1][2]),                       \
        "+f"(c.e[2 * (i) + 1][3])
#define RT_N32                                                                                                 \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define RT_N40 RT_N32 ",%32,%33,%34,%35,%36,%37,%38,%39"
#define RT_N48 RT_N40 ",%40,%41,%42,%43,%44,%45,%46,%47"
#define RT_N56 RT_N48 ",%48,%49,%50,%51,%52,%53,%54,%55"
#define RT_N64 RT_N56 ",%56,%57,%58,%59,%60,%61,%62,%63"
#define RT_BOTH_SHARED(n, sums, a, b, add, ...)                                                                \
    asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %" add ", 0;\n"                                         \
                 "wgmma.mma_async.sync.aligned.m64n" n "k16.f32.bf16.bf16 {" sums "}, %" a ", %" b             \
                 ", add, 1, 1, 0, 0;\n}"                                                                       \
                 : __VA_ARGS__                                                                                 \
                 : "l"(x), "l"(y), "r"((int)more))
#define RT_LEFT_HELD(n, sums, a, b, c, d, right, ...)                                                          \
    asm volatile("wgmma.mma_async.sync.aligned.m64n" n "k16.f32.bf16.bf16 {" sums "}, {%" a ",%" b ",%" c      \
                 ",%" d "}, %" right ", 1, 1, 1, 1;"                                                           \
                 : __VA_ARGS__                                                                                 \
                 : "r"(x.pair[0]), "r"(x.pair[1]), "r"(x.pair[2]), "r"(x.pair[3]), "l"(y))

/* c = (more: c +) x y^T over 16 columns of both, x 64 rows, y C rows. */
template <int C>
static __device__ __forceinline__ void rows_product(result<C> &c, uint64_t x, uint64_t y, bool more)
{
    static_assert(C == 64 || C == 96 || C == 128, "no such product");
    if constexpr (C == 64)
        RT_BOTH_SHARED("64", RT_N32, "32", "33", "34", RT_C8(0), RT_C8(1), RT_C8(2), RT_C8(3));
    else if constexpr (C == 96)
        RT_BOTH_SHARED("96", RT_N48, "48", "49", "50", RT_C8(0), RT_C8(1), RT_C8(2), RT_C8(3), RT_C8(4),
                       RT_C8(5));
    else
        RT_BOTH_SHARED("128", RT_N64, "64", "65", "66", RT_C8(0), RT_C8(1), RT_C8(2), RT_C8(3), RT_C8(4),
                       RT_C8(5), RT_C8(6), RT_C8(7));
}

/* c += x y, x 64 rows of 16 terms, y 16 rows of C columns. */
template <int C> static __device__ __forceinline__ void columns_product(result<C> &c, const left &x, uint64_t y)
{
    static_assert(C == 64 || C == 80 || C == 96 || C == 112 || C == 128, "no such product");
    if constexpr (C == 64)
        RT_LEFT_HELD("64", RT_N32, "32", "33", "34", "35", "36", RT_C8(0), RT_C8(1), RT_C8(2), RT_C8(3));
    else if constexpr (C == 80)
        RT_LEFT_HELD("80", RT_N40, "40", "41", "42", "43", "44", RT_C8(0), RT_C8(1), RT_C8(2), RT_C8(3),
                     RT_C8(4));
    else if constexpr (C == 96)
        RT_LEFT_HELD("96", RT_N48, "48", "49", "50", "51", "52", RT_C8(0), RT_C8(1), RT_C8(2), RT_C8(3),
                     RT_C8(4), RT_C8(5));
    else if constexpr (C == 112)
        RT_LEFT_HELD("112", RT_N56, "56", "57", "58", "59", "60", RT_C8(0), RT_C8(1), RT_C8(2), RT_C8(3),
                     RT_C8(4), RT_C8(5), RT_C8(6));
    else
        RT_LEFT_HELD("128", RT_N64, "64", "65", "66", "67", "68", RT_C8(0), RT_C8(1), RT_C8(2), RT_C8(3),
                     RT_C8(4), RT_C8(5), RT_C8(6), RT_C8(7));
}

/* c = x y^T over D columns, one group: x 64 rows of a tile with X_ROWS, y the C rows of a tile. */
template <int D, int X_ROWS, int C>
static __device__ __forceinline__ void ask_rows(result<C> &c, uint32_t x, uint32_t y)
{
    settle(c);
    products_begin();
#pragma unroll
    for (int k = 0; k < D / 16; k++)
        rows_product(c, describe(x + k / 4 * X_ROWS * ROW_BYTES + k % 4 * 32, 16),
                     describe(y + k / 4 * C * ROW_BYTES + k % 4 * 32, 16), k != 0);
    products_end();
    settle(c);
}

/* c += p y, one group: y the 16 M rows of a tile. */
template <int C, int M>
static __device__ __forceinline__ void ask_columns(result<C> &c, left (&p)[M], uint32_t y)
{
    settle(c);
    settle(p);
    products_begin();
#pragma unroll
    for (int k = 0; k < M; k++)
        columns_product(c, p[k], describe(y + k * 16 * ROW_BYTES, 16 * M * ROW_BYTES));
    products_end();
    settle(c);
}

/* c, rounded, as left operands. */
template <int C> static __device__ __forceinline__ void hand_over(left (&p)[C / 16], const result<C> &c)
{
#pragma unroll
    for (int k = 0; k < C / 16; k++)
        p[k] = left_of(c, k);
}

/* ---- results to device memory ---- */

/* Of 4 neighbouring lanes lane t gets in u[i] what lane i had in u[t]. */
static __device__ __forceinline__ void turn_four(uint32_t (&u)[4])
{
    const bool odd = threadIdx.x & 1, high = threadIdx.x & 2;
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
        const uint32_t other = __shfl_xor_sync(~0u, odd ? u[i] : u[i + 1], 1);
        (odd ? u[i] : u[i + 1]) = other;
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const uint32_t other = __shfl_xor_sync(~0u, high ? u[i] : u[i + 2], 2);
        (high ? u[i] : u[i + 2]) = other;
    }
}

/* The lane's rows of y = rn(x * factor of the row), where there[half]; y points to the lane's first row, ld
 * elements apart; 16 bytes a store. */
template <int D>
static __device__ __forceinline__ void write_rows_wide(bf16 *y, int64_t ld, const result<D> &x,
                                                       const float (&factor)[2], const bool (&there)[2])
{
    const int t = threadIdx.x % 4;
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int n = 0; n < D / 8; n += 4) {
            uint32_t u[4];
#pragma unroll
            for (int i = 0; i < 4; i++)
                u[i] = n + i < D / 8 ? pair_of(x.e[n + i][2 * half] * factor[half],
                                               x.e[n + i][2 * half + 1] * factor[half])
                                     : 0;
            turn_four(u);
            if (there[half] && n + t < D / 8)
                *(uint4 *)(y + 8 * half * ld + 8 * (n + t)) = make_uint4(u[0], u[1], u[2], u[3]);
        }
}

#endif
#endif
