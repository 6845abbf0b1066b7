/*
 * op_test.h - what the tests of operations share: backends present, seeded tensors, guarded buffers, bounds.
 *
 * A test writes the formula in double, with a bound for every element of the result, and runs each backend
 * against it. Inputs are exact in bf16, so the same doubles are what every backend reads. Output buffers start
 * as NaN, have guard words around them and padding between rows (ld > cols); a stray write shows as a failure
 * of op_check. All memory of a case is handed back by op_reset.
 */
#ifndef RT_TESTS_KERNELS_OP_TEST_H
#define RT_TESTS_KERNELS_OP_TEST_H

#include "kernels/ops.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

/* Unit roundoffs: half the distance of neighbours, relative. */
#define U_F32 0x1p-24
#define U_BF16 0x1p-8

struct op_backend {
    const char *name;
    struct rt_exec *ex;
    struct rt_error err;
    double u;                /* of the element type: what one rn costs */
    double tiny;             /* smallest distance of two elements: what one rn costs near zero */
    struct op_block *blocks; /* buffers of this case */
};

struct op_test {
    struct op_backend backend[8]; /* two types on each level of CPU, and on a GPU */
    int backends;
    struct op_block *blocks; /* host arrays of this case */
};

/* Opens every backend, level of CPU and element type of this build and machine; says which are missing. */
void op_open(struct op_test *t);
/* Ends the case: frees all that op_random, op_zeros, op_... gave. */
void op_reset(struct op_test *t);
/* Ends the test: closes the backends, prints the plan, returns main's value. */
int op_done(struct op_test *t);

/* Multiples of 2^-7 in (-2, 2), exact in bf16: the same ones for the same seed. */
double *op_random(struct op_test *t, uint64_t seed, int64_t n);
/* Floats in (-2, 2) that use all 24 bits, for fp32 only: a backend that rounds its inputs shows. */
double *op_random_fine(struct op_test *t, uint64_t seed, int64_t n);
/* Whole numbers from lo to hi. */
double *op_whole(struct op_test *t, uint64_t seed, int64_t n, int lo, int hi);
double *op_zeros(struct op_test *t, int64_t n);
double *op_copy(struct op_test *t, const double *x, int64_t n);
uint64_t op_next(uint64_t *state); /* the generator behind them */

/* A tensor where the backend runs. */
enum op_type { OP_ACT, OP_F32, OP_I32, OP_U8 };
struct op_mat {
    struct op_backend *b;
    enum op_type type;
    int64_t rows, cols, ld;
    rt_act *act; /* the one of these that type says */
    float *f32;
    int32_t *i32;
    uint8_t *u8;
    void *first;          /* the whole buffer with guards */
    unsigned char *image; /* what the host put there */
    size_t bytes;
};
/* [rows, cols] with rows ld apart; values x [rows, cols], or NaN (all bits set in integers) where x is NULL. */
struct op_mat op_mat(struct op_backend *b, enum op_type type, int64_t rows, int64_t cols, int64_t ld,
                     const double *x);
/* Contiguous. */
struct op_mat op_put(struct op_backend *b, enum op_type type, int64_t rows, int64_t cols, const double *x);
struct op_mat op_ints(struct op_backend *b, int64_t n, const int32_t *x);
struct op_mat op_bytes(struct op_backend *b, int64_t n, const uint8_t *x);
/* The values now, into got [rows, cols]; returns how many bytes outside the tensor changed. */
int64_t op_get(const struct op_mat *m, double *got);

/* One TAP line, from the one counter of the program (tap.h's would be one a file). */
int op_ok(int passed, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One TAP line: st is RT_OK, no stray write, and |got - want| <= bound for every element (a NaN fails). Prints
 * the worst error in units of its bound. bound NULL: exactly equal. */
int op_check(struct op_test *t, rt_status st, const struct op_mat *m, const double *want, const double *bound,
             const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* One TAP line: st is RT_ERR_INTERNAL and a text was kept. */
int op_refuses(struct op_backend *b, rt_status st, const char *what);

/* The value rounded to the backend's element type. */
double op_rn(const struct op_backend *b, double x);

/* Largest |central difference - gradient[i]| over the elements of x, relative to the largest |gradient|; f is
 * the sum of the formula's outputs weighted by some dy, in double; x is changed and put back. The step 2^-12
 * has a truncation error of 2^-24 f'''/6, its roundings cost 2^-53 2^12 |f|: op_difference_bound is above both
 * for f''' and f of order 100 (2^-24 100 / 6 = 1e-6). */
typedef double op_scalar_fn(const double *x, void *context);
double op_difference(double *x, int64_t n, const double *gradient, op_scalar_fn *f, void *context);
#define op_difference_bound 1e-5

#endif
