/*
 * rng.h - the reference's random number generators, bit for bit.
 *
 * MT19937 as torch's CPU generator and numpy's legacy one use it; PCG64 (XSL-RR) behind SeedSequence as
 * numpy.random.default_rng; Philox4x32-10 for our own dropout masks. Test vectors: tests/base/test_rng.c.
 */
#ifndef RT_BASE_RNG_H
#define RT_BASE_RNG_H

#include <stdint.h>

struct rt_mt19937 {
    uint32_t state[624];
    int next;
};

/* init_genrand with the low 32 bits of seed (torch.manual_seed, numpy.random.seed). */
void rt_mt19937_seed(struct rt_mt19937 *g, uint64_t seed);
uint32_t rt_mt19937_u32(struct rt_mt19937 *g);
/* torch's random64: the first u32 is the high half. */
uint64_t rt_mt19937_u64(struct rt_mt19937 *g);

/* torch's float uniform in [lo, hi): fmaf((u32 & 0xffffff) * 2^-24, hi - lo, lo). */
float rt_torch_uniform(struct rt_mt19937 *g, float lo, float hi);
/* torch.randperm(n) into perm[n], both of its algorithms (switch at n = (2^32 - 1) / 20). */
void rt_torch_randperm(struct rt_mt19937 *g, int64_t *perm, int64_t n);
/* Draw what randperm(n) draws, without the permutation. */
void rt_torch_randperm_skip(struct rt_mt19937 *g, int64_t n);
/* The second of them, for any n; here so that a test need not shuffle 2^28 numbers. */
void rt_torch_randperm_large(struct rt_mt19937 *g, int64_t *perm, int64_t n);

/* numpy legacy: uniform integer in [0, max] by masked rejection; np.random.permutation(n). */
uint64_t rt_numpy_interval(struct rt_mt19937 *g, uint64_t max);
void rt_numpy_permutation(struct rt_mt19937 *g, int64_t *perm, int64_t n);

struct rt_pcg64 {
    uint64_t state_hi, state_lo, inc_hi, inc_lo;
    uint32_t half; /* the high half of the last output, if not used yet */
    int has_half;
};

/* numpy.random.SeedSequence(seed).generate_state(count). */
void rt_seed_sequence(uint32_t *words, int count, uint64_t seed);

/* numpy.random.default_rng(seed) and its permutation(n). */
void rt_pcg64_seed(struct rt_pcg64 *g, uint64_t seed);
uint64_t rt_pcg64_u64(struct rt_pcg64 *g);
void rt_pcg64_permutation(struct rt_pcg64 *g, int64_t *perm, int64_t n);

/* Philox4x32-10 (Salmon et al. 2011): four u32 from a 128-bit counter and a 64-bit key, low words first. */
void rt_philox(uint32_t out[4], uint64_t counter_hi, uint64_t counter_lo, uint64_t key);

#endif
