/* rope.c - rotary tables of a batch, on the host. */
#include "config.h"
#include "model/rope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

rt_status rt_rope_table_init(struct rt_rope_table *table, int64_t positions, int64_t freqs, double base,
                             int64_t span, struct rt_error *err)
{
    const size_t bytes = (size_t)positions * (size_t)freqs * sizeof(float);
    struct rt_rope_table t = { positions, freqs, malloc(bytes), malloc(bytes) };
    if (t.cos == NULL || t.sin == NULL) {
        rt_rope_table_free(&t);
        return rt_fail(err, RT_ERR_MEMORY, "out of memory for rotary tables of %lld positions",
                       (long long)positions);
    }
    for (int64_t f = 0; f < freqs; f++) {
        const float power = (float)pow(base, (double)(2 * f) / (double)span);
        const float freq = 1.0f / power;
        for (int64_t p = 0; p < positions; p++) {
            const float angle = (float)p * freq;
            t.cos[p * freqs + f] = cosf(angle);
            t.sin[p * freqs + f] = sinf(angle);
        }
    }
    *table = t;
    return RT_OK;
}

void rt_rope_table_free(struct rt_rope_table *table)
{
    free(table->cos);
    free(table->sin);
    *table = (struct rt_rope_table){ 0 };
}

void rt_rope_text(const struct rt_rope_table *table, const int64_t section[3], const int32_t *positions,
                  int64_t rows, float *cos, float *sin)
{
    for (int64_t r = 0; r < rows; r++) {
        int64_t f = 0;
        for (int axis = 0; axis < 3; axis++) {
            const int64_t from = positions[axis * rows + r] * table->freqs + f;
            const size_t bytes = (size_t)section[axis] * sizeof(float);
            memcpy(cos + r * table->freqs + f, table->cos + from, bytes);
            memcpy(sin + r * table->freqs + f, table->sin + from, bytes);
            f += section[axis];
        }
    }
}

void rt_rope_vision_row(const struct rt_rope_table *table, int64_t y, int64_t x, float *cos, float *sin)
{
    const size_t bytes = (size_t)table->freqs * sizeof(float);
    memcpy(cos, table->cos + y * table->freqs, bytes);
    memcpy(cos + table->freqs, table->cos + x * table->freqs, bytes);
    memcpy(sin, table->sin + y * table->freqs, bytes);
    memcpy(sin + table->freqs, table->sin + x * table->freqs, bytes);
}
