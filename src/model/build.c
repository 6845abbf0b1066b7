/* build.c - places for frozen tensors, widened linears, and the adapter's layout. */
#include "config.h"
#include "model/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void record(struct rt_build *b, const char *module, const char *suffix, int64_t rows, int64_t cols,
                   void *dst, int64_t ld, bool f32)
{
    if (b->weights == b->room) {
        const int64_t room = b->room == 0 ? 512 : 2 * b->room;
        struct rt_weight *grown = realloc(b->weight, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            b->failed = true;
            return;
        }
        b->weight = grown;
        b->room = room;
    }
    struct rt_weight *w = &b->weight[b->weights++];
    *w = (struct rt_weight){ .rows = rows, .cols = cols, .dst = dst, .ld = ld, .f32 = f32 };
    snprintf(w->name, sizeof w->name, "%s%s", module, suffix);
}

/* Element i of p, or NULL while counting. */
static rt_act *at(const struct rt_build *b, rt_act *p, int64_t i)
{
    return p == NULL ? NULL : (rt_act *)((char *)p + (size_t)i * b->act_bytes);
}

void *rt_build_table(struct rt_build *b, const char *name, int64_t rows, int64_t cols, bool f32)
{
    void *w = rt_arena_take(&b->arena, (size_t)rows * (size_t)cols * (f32 ? sizeof(float) : b->act_bytes));
    record(b, name, "", rows, cols, w, cols, f32);
    return w;
}

float *rt_build_vector(struct rt_build *b, const char *name, int64_t cols)
{
    float *w = rt_arena_take(&b->arena, (size_t)cols * sizeof *w);
    record(b, name, "", 1, cols, w, cols, true);
    return w;
}

static int64_t adapter_index(const struct rt_build *b, const char *module)
{
    if (b->adapter == NULL)
        return -1;
    for (int64_t i = 0; i < b->modules->count; i++)
        if (b->adapter_of[i] >= 0 && strcmp(b->modules->module[i].name, module) == 0)
            return b->adapter_of[i];
    return -1;
}

/* The A's of a linear's parts below each other, then their B's: A's gradient is one product for all parts. */
static void place_adapter(struct rt_build *b, struct rt_linear *lin)
{
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < lin->parts; i++) {
            if (lin->part[i].module < 0)
                continue;
            struct rt_adapter_module *m = &b->adapter->module[lin->part[i].module];
            *(half == 0 ? &m->a : &m->b) = b->next;
            b->next += half == 0 ? m->r * m->in : m->r * m->out;
        }
    }
}

/* Parts, widths and the adapter's share, before any memory. */
static void plan_linear(struct rt_build *b, struct rt_linear *lin, int64_t in, const struct rt_build_part *part,
                        int parts)
{
    *lin = (struct rt_linear){ .in = in, .parts = parts };
    for (int i = 0; i < parts; i++) {
        struct rt_linear_part *p = &lin->part[i];
        *p = (struct rt_linear_part){ lin->out, part[i].rows, adapter_index(b, part[i].module), lin->rank };
        lin->out += p->rows;
        if (p->module >= 0)
            lin->rank += b->adapter->r;
    }
    lin->ld = (in + lin->rank + 7) / 8 * 8; /* rows of 16 bytes in bf16: what the tensor cores want to load */
}

static void take_linear(struct rt_build *b, struct rt_linear *lin, bool bias)
{
    lin->w = rt_arena_take(&b->arena, (size_t)lin->out * (size_t)lin->ld * b->act_bytes);
    if (bias)
        lin->bias = rt_arena_take(&b->arena, (size_t)lin->out * b->act_bytes);
    if (lin->rank > 0) {
        lin->a = rt_arena_take(&b->arena, (size_t)(lin->ld - lin->in) * (size_t)lin->in * b->act_bytes);
        place_adapter(b, lin);
    }
}

/* Memory for a planned linear, and which tensors of the model folder go there. */
static void place_linear(struct rt_build *b, struct rt_linear *lin, bool bias, const struct rt_build_part *part)
{
    take_linear(b, lin, bias);
    for (int i = 0; i < lin->parts; i++) {
        const struct rt_linear_part *p = &lin->part[i];
        record(b, part[i].module, ".weight", p->rows, lin->in, at(b, lin->w, p->row * lin->ld), lin->ld, false);
        if (bias)
            record(b, part[i].module, ".bias", 1, p->rows, at(b, lin->bias, p->row), p->rows, false);
    }
}

void rt_build_linear(struct rt_build *b, struct rt_linear *lin, int64_t in, bool bias,
                     const struct rt_build_part *part, int parts)
{
    plan_linear(b, lin, in, part, parts);
    place_linear(b, lin, bias, part);
}

void rt_build_dense(struct rt_build *b, struct rt_linear *lin, int64_t in, const struct rt_build_part *part)
{
    plan_linear(b, lin, in, part, 1);
    lin->ld = in;
    place_linear(b, lin, false, part);
}

bool rt_build_tied(struct rt_build *b, struct rt_linear *lin, int64_t in, const struct rt_build_part *part,
                   void *table, bool table_fits)
{
    plan_linear(b, lin, in, part, 1);
    if (lin->rank == 0 && table_fits) {
        lin->ld = in;
        lin->w = table;
        return true;
    }
    take_linear(b, lin, false);
    return false;
}
