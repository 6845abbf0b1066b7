/* model_test.h - small random models in a folder of their own, and batches of noise, for the tests of model. */
#ifndef RT_TESTS_MODEL_TEST_H
#define RT_TESTS_MODEL_TEST_H

#include "base/batch.h"
#include "dist/dist.h"
#include "kernels/exec.h"
#include "model/model.h"

#include <stdint.h>

struct test_model {
    struct rt_error err;
    struct rt_dist *dist;
    struct rt_exec *ex;
    struct rt_model *model;
    char folder[256];
};

/* A folder of its own with a random model of this preset; prints and exits where that fails. Its files and it
 * are removed by test_model_remove. */
void test_model_folder(char folder[256], const char *preset, enum rt_dtype dtype);
void test_model_remove(const char *folder);

/* Options as LLaMA-Factory's defaults, LoRA on all with rank 4, seed 42. */
struct rt_model_options test_model_options(void);
/* A model of this preset with `act` elements on the CPU; prints and exits where that fails. */
void test_model_open(struct test_model *t, struct rt_dist *dist, const char *preset, enum rt_dtype act,
                     struct rt_model_options opt);
/* The same on another device. */
void test_model_open_on(struct test_model *t, struct rt_dist *dist, enum rt_device device, const char *preset,
                        enum rt_dtype act, struct rt_model_options opt);
void test_model_close(struct test_model *t);

/* Two samples of text and pictures (24 and 31 tokens) of noise, then one of text alone; every fourth token is
 * learned. */
const struct rt_batch *test_batch(uint32_t seed);

/* xorshift32: test data need no better. */
uint32_t test_random(uint32_t *state);

#endif
