/*
 * build.h - laying out a model: every frozen tensor's place, every linear's parts and its share of the adapter.
 *
 * The same code runs twice: over a counting arena for the plan, then over the memory. Private to model.
 */
#ifndef RT_MODEL_BUILD_H
#define RT_MODEL_BUILD_H

#include "base/arena.h"
#include "model/linear.h"
#include "model/modules.h"

#include <stdbool.h>
#include <stdint.h>

/* A frozen tensor: where the rows of one tensor of the files go. */
struct rt_weight {
    char name[128];     /* in transformers >= 4.52 */
    int64_t rows, cols; /* a vector is one row; a convolution's trailing dimensions are one */
    void *dst;          /* NULL while counting */
    int64_t ld;
    bool f32; /* dst is f32 in every job (norms), else in the element type */
};

struct rt_build {
    struct rt_arena arena; /* frozen weights and LoRA's copies */
    size_t act_bytes;
    const struct rt_modules *modules;
    const int64_t *adapter_of;  /* [modules->count] index in the adapter, or -1 */
    struct rt_adapter *adapter; /* NULL: nothing learns; offsets of A and B are set here */
    int64_t next;               /* f32 elements of the adapter laid out so far */
    struct rt_weight *weight;
    int64_t weights, room;
    bool failed; /* out of host memory */
};

/* A table of rows in the element type or in f32; a vector, in f32. */
void *rt_build_table(struct rt_build *b, const char *name, int64_t rows, int64_t cols, bool f32);
float *rt_build_vector(struct rt_build *b, const char *name, int64_t cols);

struct rt_build_part {
    int64_t rows;
    char module[96]; /* its tensors are <module>.weight and <module>.bias */
};
/* A linear of parts that read the same input. */
void rt_build_linear(struct rt_build *b, struct rt_linear *lin, int64_t in, bool bias,
                     const struct rt_build_part *part, int parts);
/* A linear without bias or LoRA whose input rows lie without gaps: ld is in. */
void rt_build_dense(struct rt_build *b, struct rt_linear *lin, int64_t in, const struct rt_build_part *part);
/* A linear whose W is another tensor's: that one in place (true) if it fits and there is no LoRA on it, else a
 * copy of its own, which the caller fills after loading (false). */
bool rt_build_tied(struct rt_build *b, struct rt_linear *lin, int64_t in, const struct rt_build_part *part,
                   void *table, bool table_fits);

#endif
