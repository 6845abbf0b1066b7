/* init_weights.c - the weights of a random model folder, in shards with an index. */
#include "config.h"
#include "base/bf16.h"
#include "checkpoint/checkpoint.h"
#include "model/init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A 64-bit hash of a counter (SplitMix64's finaliser): random numbers that any order of filling gives alike. */
static uint64_t hash(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Sum of four bytes: near enough to a normal distribution for a trial model, and quick for billions of numbers.
 */
static float bell(uint32_t bits)
{
    const uint32_t sum = (bits & 255u) + (bits >> 8 & 255u) + (bits >> 16 & 255u) + (bits >> 24);
    return ((float)sum - 510.0f) * (1.0f / 147.8f); /* sqrt(4 (256^2 - 1) / 12) = 147.8 */
}

/* The product of two floats is exact in a double, so that a machine that fuses it with the sum draws the same
 * numbers. */
static float draw(uint32_t bits, float mean, float spread)
{
    return (float)((double)mean + (double)spread * (double)bell(bits));
}

static void fill(void *dst, enum rt_dtype dtype, int64_t n, uint64_t key, float mean, float spread)
{
    for (int64_t i = 0; i < n; i += 2) {
        const uint64_t bits = hash(key + (uint64_t)i);
        const float x[2] = { draw((uint32_t)bits, mean, spread), draw((uint32_t)(bits >> 32), mean, spread) };
        for (int64_t k = 0; k < 2 && i + k < n; k++) {
            if (dtype == RT_F32)
                ((float *)dst)[i + k] = x[k];
            else
                ((rt_bf16 *)dst)[i + k] = rt_bf16_of_f32(x[k]);
        }
    }
}

static void old_name(char *out, size_t bytes, const char *name)
{
    static const char text[] = "model.language_model.", visual[] = "model.visual.";
    if (strncmp(name, text, sizeof text - 1) == 0)
        snprintf(out, bytes, "model.%s", name + sizeof text - 1);
    else if (strncmp(name, visual, sizeof visual - 1) == 0)
        snprintf(out, bytes, "visual.%s", name + sizeof visual - 1);
    else
        snprintf(out, bytes, "%s", name);
}

/* Norm gains near 1, everything else near 0. Biases of norms are near 0 as well. */
static float mean_of(const char *name)
{
    const char *suffix = strrchr(name, '.');
    return (strstr(name, "norm") != NULL || strstr(name, "ln_q") != NULL) && strcmp(suffix, ".weight") == 0
               ? 1.0f
               : 0.0f;
}

struct shards {
    const struct rt_preset *preset;
    const char *folder;
    enum rt_dtype dtype;
    uint64_t seed;
    int count;
    json_t *weight_map;
    double total_bytes;
};

/* Tensors [from, to) as shard number `number`. */
static rt_status write_shard(const struct shards *s, const struct rt_weight *w, int64_t from, int64_t to,
                             int number, struct rt_error *err)
{
    const size_t item = s->dtype == RT_F32 ? 4 : 2;
    char path[4096], file[64];
    snprintf(file, sizeof file, "model-%05d-of-%05d.safetensors", number, s->count);
    snprintf(path, sizeof path, "%s/%s", s->folder, file);
    struct rt_out_tensor *out = calloc((size_t)(to - from), sizeof *out);
    char(*names)[128] = calloc((size_t)(to - from), sizeof *names);
    rt_status st =
        out == NULL || names == NULL ? rt_fail(err, RT_ERR_MEMORY, "out of memory making %s", path) : RT_OK;
    for (int64_t i = from; i < to && st == RT_OK; i++) {
        struct rt_out_tensor *t = &out[i - from];
        const int64_t n = w[i].rows * w[i].cols;
        void *data = malloc((size_t)n * item);
        old_name(names[i - from], sizeof *names, w[i].name);
        *t = (struct rt_out_tensor){
            names[i - from], s->dtype == RT_F32 ? RT_FILE_F32 : RT_FILE_BF16, 2, { w[i].rows, w[i].cols }, data
        };
        if (w[i].rows == 1) {
            t->dims = 1;
            t->shape[0] = w[i].cols;
        } else if (strstr(w[i].name, "patch_embed") != NULL) {
            const int64_t shape[5] = { w[i].rows, 3, 2, 14, 14 };
            t->dims = 5;
            memcpy(t->shape, shape, sizeof shape);
        }
        if (data == NULL)
            st = rt_fail(err, RT_ERR_MEMORY, "out of memory making %s", path);
        else
            fill(data, s->dtype, n, hash(s->seed * 1000003u + (uint64_t)i), mean_of(w[i].name),
                 w[i].rows == 1 ? 0.02f : (float)s->preset->spread);
        json_object_set_new(s->weight_map, t->name, json_string(file));
    }
    if (st == RT_OK)
        st = rt_safetensors_write(path, out, to - from, err);
    for (int64_t i = from; i < to && out != NULL; i++)
        free((void *)(uintptr_t)out[i - from].data);
    free(out);
    free(names);
    return st;
}

/* Where the shard that starts at `from` ends. */
static int64_t shard_end(const struct rt_weight *w, int64_t count, int64_t from, size_t item,
                         size_t shard_bytes)
{
    size_t bytes = 0;
    int64_t to = from;
    while (to < count && (to == from || bytes + (size_t)(w[to].rows * w[to].cols) * item <= shard_bytes))
        bytes += (size_t)(w[to].rows * w[to].cols) * item, to++;
    return to;
}

static rt_status write_weights(struct shards *s, const struct rt_weight *w, int64_t count, size_t shard_bytes,
                               struct rt_error *err)
{
    const size_t item = s->dtype == RT_F32 ? 4 : 2;
    for (int64_t from = 0; from < count; from = shard_end(w, count, from, item, shard_bytes))
        s->count++;
    int number = 1;
    for (int64_t from = 0, to; from < count; from = to) {
        to = shard_end(w, count, from, item, shard_bytes);
        RT_TRY(write_shard(s, w, from, to, number++, err));
    }
    for (int64_t i = 0; i < count; i++)
        s->total_bytes += (double)(w[i].rows * w[i].cols) * (double)item;
    return rt_init_dump(json_pack("{s:{s:I}, s:O}", "metadata", "total_size", (json_int_t)s->total_bytes,
                                  "weight_map", s->weight_map),
                        s->folder, "model.safetensors.index.json", err);
}

rt_status rt_init_weights(const struct rt_preset *p, const struct rt_weight *weight, int64_t count,
                          enum rt_dtype dtype, uint64_t seed, size_t shard_bytes, const char *folder,
                          struct rt_error *err)
{
    struct shards s = { p, folder, dtype, seed, 0, json_object(), 0 };
    const rt_status st = write_weights(&s, weight, count, shard_bytes, err);
    json_decref(s.weight_map);
    return st;
}
