/* test_dropout.c - dropout's mask against Philox known answers and a plain telling of it, rate, values. */
#include "config.h"
#include "tests/kernels/op_test.h"

#include <math.h>
#include <string.h>

/* Philox4x32-10 once more, slowly: the counter and key as the paper has them, words in order. */
static void philox(uint32_t word[4], const uint32_t counter[4], const uint32_t key_in[2])
{
    uint32_t key[2] = { key_in[0], key_in[1] };
    memcpy(word, counter, 4 * sizeof *word);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = 0xD2511F53ull * word[0], p1 = 0xCD9E8D57ull * word[2];
        const uint32_t next[4] = { (uint32_t)(p1 >> 32) ^ word[1] ^ key[0], (uint32_t)p1,
                                   (uint32_t)(p0 >> 32) ^ word[3] ^ key[1], (uint32_t)p0 };
        memcpy(word, next, sizeof next);
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
}

static void test_known_answers(void)
{
    static const uint32_t vector[3][10] = {
        /* counter, key, words: Random123's known answers */
        { 0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 },
        { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
          0xa20bc7c6, 0x6d5451fd },
        { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
          0x5001e420, 0x24126ea1 }
    };
    for (int i = 0; i < 3; i++) {
        uint32_t word[4];
        philox(word, vector[i], vector[i] + 4);
        op_ok(memcmp(word, vector[i] + 6, sizeof word) == 0, "known answer %d: %08x %08x %08x %08x", i, word[0],
              word[1], word[2], word[3]);
    }
}

static bool kept(int64_t r, int64_t c, int64_t cols, float p, uint64_t seed, uint64_t stream)
{
    const uint64_t lo = (uint64_t)(r * ((cols + 3) / 4) + c / 4);
    const uint32_t counter[4] = { (uint32_t)lo, (uint32_t)(lo >> 32), (uint32_t)stream,
                                  (uint32_t)(stream >> 32) };
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    uint32_t word[4];
    philox(word, counter, key);
    return (double)word[c % 4] >= (double)p * 0x1p32;
}

static void test_values(struct op_test *t, int64_t rows, int64_t cols, float p, uint64_t seed, uint64_t stream,
                        bool accumulate, bool in_place)
{
    const int64_t n = rows * cols;
    const double *x = op_random(t, 1, n), *before = in_place ? x : op_random(t, 2, n);
    double *want = op_zeros(t, n), *bound = op_zeros(t, n);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_mat(b, OP_ACT, rows, cols, cols + 1, x);
        const struct op_mat other = op_mat(b, OP_ACT, rows, cols, cols + 3, accumulate ? before : NULL);
        const struct op_mat *y = in_place ? &bx : &other;
        const rt_status st =
            b->ex->ops->dropout(b->ex, y->act, y->ld, bx.act, bx.ld, rows, cols, p, seed, stream, accumulate);
        for (int64_t e = 0; e < n; e++) {
            const double v = kept(e / cols, e % cols, cols, p, seed, stream) ? x[e] / (1 - (double)p) : 0;
            want[e] = accumulate ? before[e] + v : v;
            bound[e] = 3 * U_F32 * fabs(v) + (U_F32 + b->u) * fabs(want[e]); /* 1 - p, quotient; sum, rn */
        }
        op_check(t, st, y, want, bound, "dropout [%lld,%lld] p %g%s%s", (long long)rows, (long long)cols,
                 (double)p, accumulate ? ", added" : "", in_place ? ", in place" : "");
    }
    op_reset(t);
}

/* Kept of n is binomial: 5 standard deviations either way happen once in two million; the seed is fixed. */
static void test_rate(struct op_test *t, float p)
{
    enum { ROWS = 100, COLS = 1001, N = ROWS * COLS };
    double *x = op_zeros(t, N), *first = op_zeros(t, N), *second = op_zeros(t, N);
    for (int e = 0; e < N; e++)
        x[e] = 1;
    const double limit = 5 * sqrt(N * (double)p * (1 - (double)p));
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        const struct op_mat bx = op_put(b, OP_ACT, ROWS, COLS, x), y = op_put(b, OP_ACT, ROWS, COLS, NULL);
        const struct op_mat z = op_put(b, OP_ACT, ROWS, COLS, NULL);
        b->ex->ops->dropout(b->ex, y.act, COLS, bx.act, COLS, ROWS, COLS, p, 42, 7, false);
        b->ex->ops->dropout(b->ex, z.act, COLS, bx.act, COLS, ROWS, COLS, p, 42, 7, false);
        op_get(&y, first);
        op_get(&z, second);
        double count = 0;
        for (int e = 0; e < N; e++)
            count += first[e] != 0;
        op_ok(fabs(count - N * (1 - (double)p)) <= limit, "%s keeps %.0f of %d at p %g: off by %.0f <= %.0f",
              b->name, count, N, (double)p, fabs(count - N * (1 - (double)p)), limit);
        op_ok(memcmp(first, second, N * sizeof *first) == 0, "%s makes the same mask again", b->name);
        b->ex->ops->dropout(b->ex, z.act, COLS, bx.act, COLS, ROWS, COLS, p, 42, 8, false);
        op_get(&z, second);
        op_ok(memcmp(first, second, N * sizeof *first) != 0, "%s makes another mask for another stream",
              b->name);
    }
    op_reset(t);
}

static void test_refusals(struct op_test *t)
{
    const double *x = op_random(t, 1, 12);
    for (int i = 0; i < t->backends; i++) {
        struct op_backend *b = &t->backend[i];
        rt_dropout_fn *dropout = b->ex->ops->dropout;
        const struct op_mat y = op_put(b, OP_ACT, 3, 4, x);
        op_refuses(b, dropout(b->ex, y.act, 4, y.act, 4, 3, 4, 1.0f, 1, 1, false), "p 1");
        op_refuses(b, dropout(b->ex, y.act, 4, y.act, 4, 3, 4, -0.5f, 1, 1, false), "p < 0");
        op_refuses(b, dropout(b->ex, y.act, 4, y.act, 4, 3, 4, NAN, 1, 1, false), "p not a number");
        op_refuses(b, dropout(b->ex, y.act, 3, y.act, 4, 3, 4, 0.5f, 1, 1, false), "ldy < cols");
        op_refuses(b, dropout(b->ex, y.act, 4, y.act, 3, 3, 4, 0.5f, 1, 1, false), "ldx < cols");
        op_check(t, dropout(b->ex, y.act, 4, y.act, 4, 0, 4, 0.5f, 1, 1, false), &y, x, NULL,
                 "dropout of no rows");
    }
    op_reset(t);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    test_known_answers();
    test_values(&t, 1, 1, 0.5f, 1, 2, false, false);
    test_values(&t, 3, 7, 0.5f, 0xfedcba9876543210u, 0x0123456789abcdefu, false, false);
    test_values(&t, 5, 3584, 0.1f, 42, 3, false, true);
    test_values(&t, 5, 3420, 0.1f, 42, 3, true, false);
    test_values(&t, 4, 8, 0.0f, 42, 3, false, false);
    test_values(&t, 2, 999, 0x1.fffffep-1f, 42, 0xffffffffffffffffu, false, false);
    test_rate(&t, 0.05f);
    test_rate(&t, 0.5f);
    test_refusals(&t);
    return op_done(&t);
}
