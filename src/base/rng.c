/* rng.c - MT19937 as torch and legacy numpy use it, PCG64 behind SeedSequence, Philox4x32-10. */
#include "config.h"
#include "base/rng.h"

#include <stdbool.h>
#include <math.h>

/* MT19937 (Matsumoto and Nishimura 1998). */

enum { MT_N = 624, MT_M = 397 };

void rt_mt19937_seed(struct rt_mt19937 *g, uint64_t seed)
{
    g->state[0] = (uint32_t)seed;
    for (uint32_t j = 1; j < MT_N; j++)
        g->state[j] = 1812433253u * (g->state[j - 1] ^ (g->state[j - 1] >> 30)) + j;
    g->next = MT_N;
}

static uint32_t twist(uint32_t upper, uint32_t lower, uint32_t far)
{
    const uint32_t y = (upper & 0x80000000u) | (lower & 0x7fffffffu);
    return far ^ (y >> 1) ^ ((y & 1u) != 0 ? 0x9908b0dfu : 0u);
}

static void refill(struct rt_mt19937 *g)
{
    uint32_t *s = g->state;
    for (int k = 0; k < MT_N - MT_M; k++)
        s[k] = twist(s[k], s[k + 1], s[k + MT_M]);
    for (int k = MT_N - MT_M; k < MT_N - 1; k++)
        s[k] = twist(s[k], s[k + 1], s[k + MT_M - MT_N]);
    s[MT_N - 1] = twist(s[MT_N - 1], s[0], s[MT_M - 1]);
    g->next = 0;
}

uint32_t rt_mt19937_u32(struct rt_mt19937 *g)
{
    if (g->next >= MT_N)
        refill(g);
    uint32_t y = g->state[g->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint64_t rt_mt19937_u64(struct rt_mt19937 *g)
{
    const uint64_t high = rt_mt19937_u32(g);
    return high << 32 | rt_mt19937_u32(g);
}

/* torch. */

float rt_torch_uniform(struct rt_mt19937 *g, float lo, float hi)
{
    const float x = (float)(rt_mt19937_u32(g) & 0xffffffu) * 0x1p-24f;
    return fmaf(x, hi - lo, lo);
}

void rt_torch_randperm(struct rt_mt19937 *g, int64_t *perm, int64_t n)
{
    if (n >= (int64_t)(UINT32_MAX / 20)) {
        rt_torch_randperm_large(g, perm, n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        perm[i] = i;
    for (int64_t i = 0; i < n - 1; i++) {
        const int64_t j = i + (int64_t)(rt_mt19937_u32(g) % (uint64_t)(n - i));
        const int64_t kept = perm[i];
        perm[i] = perm[j];
        perm[j] = kept;
    }
}

void rt_torch_randperm_skip(struct rt_mt19937 *g, int64_t n)
{
    const bool large = n >= (int64_t)(UINT32_MAX / 20);
    for (int64_t draws = large ? 2 * n : n - 1; draws > 0; draws--)
        rt_mt19937_u32(g);
}

void rt_torch_randperm_large(struct rt_mt19937 *g, int64_t *perm, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t j = (int64_t)(rt_mt19937_u64(g) % (uint64_t)(i + 1));
        perm[i] = i;
        perm[i] = perm[j];
        perm[j] = i;
    }
}

/* numpy: masked rejection, shared by both generators. */

/* Smallest 2^b - 1 that is >= max. */
static uint64_t mask_of(uint64_t max)
{
    for (int shift = 1; shift < 64; shift *= 2)
        max |= max >> shift;
    return max;
}

uint64_t rt_numpy_interval(struct rt_mt19937 *g, uint64_t max)
{
    if (max == 0)
        return 0;
    const uint64_t mask = mask_of(max);
    uint64_t u;
    do
        u = (max <= UINT32_MAX ? rt_mt19937_u32(g) : rt_mt19937_u64(g)) & mask;
    while (u > max);
    return u;
}

void rt_numpy_permutation(struct rt_mt19937 *g, int64_t *perm, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        perm[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)rt_numpy_interval(g, (uint64_t)i);
        const int64_t kept = perm[i];
        perm[i] = perm[j];
        perm[j] = kept;
    }
}

/* PCG64 (O'Neill 2014, XSL-RR 128/64), seeded as numpy.random.SeedSequence does. */

__extension__ typedef unsigned __int128 u128;

static void pcg64_step(struct rt_pcg64 *g)
{
    const u128 multiplier = (u128)0x2360ED051FC65DA4u << 64 | 0x4385DF649FCCF645u;
    const u128 state =
        ((u128)g->state_hi << 64 | g->state_lo) * multiplier + ((u128)g->inc_hi << 64 | g->inc_lo);
    g->state_hi = (uint64_t)(state >> 64);
    g->state_lo = (uint64_t)state;
}

uint64_t rt_pcg64_u64(struct rt_pcg64 *g)
{
    pcg64_step(g);
    const uint64_t x = g->state_hi ^ g->state_lo;
    const unsigned turn = (unsigned)(g->state_hi >> 58);
    return x >> turn | x << (-turn & 63u);
}

/* Halves of a 64-bit output, low one first. */
static uint32_t pcg64_u32(struct rt_pcg64 *g)
{
    if (g->has_half) {
        g->has_half = 0;
        return g->half;
    }
    const uint64_t x = rt_pcg64_u64(g);
    g->half = (uint32_t)(x >> 32);
    g->has_half = 1;
    return (uint32_t)x;
}

static uint32_t hashed(uint32_t *h, uint32_t multiplier, uint32_t v)
{
    v ^= *h;
    *h *= multiplier;
    v *= *h;
    return v ^ v >> 16;
}

static uint32_t mixed(uint32_t x, uint32_t y)
{
    const uint32_t r = 0xca01f9ddu * x - 0x4973f715u * y;
    return r ^ r >> 16;
}

void rt_seed_sequence(uint32_t *words, int count, uint64_t seed)
{
    const uint32_t entropy[4] = { (uint32_t)seed, (uint32_t)(seed >> 32), 0, 0 };
    uint32_t pool[4], h = 0x43b0d7e5u;
    for (int i = 0; i < 4; i++)
        pool[i] = hashed(&h, 0x931e8875u, entropy[i]);
    for (int src = 0; src < 4; src++)
        for (int dst = 0; dst < 4; dst++)
            if (src != dst)
                pool[dst] = mixed(pool[dst], hashed(&h, 0x931e8875u, pool[src]));
    h = 0x8b51f9ddu;
    for (int i = 0; i < count; i++)
        words[i] = hashed(&h, 0x58f38dedu, pool[i % 4]);
}

void rt_pcg64_seed(struct rt_pcg64 *g, uint64_t seed)
{
    uint32_t w[8];
    uint64_t v[4];
    rt_seed_sequence(w, 8, seed);
    for (int i = 0; i < 4; i++)
        v[i] = (uint64_t)w[2 * i + 1] << 32 | w[2 * i];
    const u128 start = (u128)v[0] << 64 | v[1], inc = ((u128)v[2] << 64 | v[3]) << 1 | 1;
    *g = (struct rt_pcg64){ .inc_hi = (uint64_t)(inc >> 64), .inc_lo = (uint64_t)inc };
    pcg64_step(g);
    const u128 state = ((u128)g->state_hi << 64 | g->state_lo) + start;
    g->state_hi = (uint64_t)(state >> 64);
    g->state_lo = (uint64_t)state;
    pcg64_step(g);
}

static uint64_t pcg64_interval(struct rt_pcg64 *g, uint64_t max)
{
    const uint64_t mask = mask_of(max);
    uint64_t u;
    do
        u = (max <= UINT32_MAX ? pcg64_u32(g) : rt_pcg64_u64(g)) & mask;
    while (u > max);
    return u;
}

void rt_pcg64_permutation(struct rt_pcg64 *g, int64_t *perm, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        perm[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)pcg64_interval(g, (uint64_t)i);
        const int64_t kept = perm[i];
        perm[i] = perm[j];
        perm[j] = kept;
    }
}

/* Philox. */

void rt_philox(uint32_t out[4], uint64_t counter_hi, uint64_t counter_lo, uint64_t key)
{
    uint32_t c0 = (uint32_t)counter_lo, c1 = (uint32_t)(counter_lo >> 32);
    uint32_t c2 = (uint32_t)counter_hi, c3 = (uint32_t)(counter_hi >> 32);
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}
