/* given.c - an adapter folder on every rank, and merging it into the frozen weights. */
#include "config.h"
#include "base/bf16.h"
#include "checkpoint/checkpoint.h"
#include "dist/dist.h"
#include "kernels/ops.h"
#include "model/adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 128 };

static rt_status allocate(struct rt_given *g, struct rt_error *err)
{
    const size_t n = (size_t)g->modules;
    g->name = calloc(n, sizeof *g->name);
    g->in = calloc(n, sizeof *g->in);
    g->out = calloc(n, sizeof *g->out);
    g->a = calloc(n, sizeof *g->a);
    g->b = calloc(n, sizeof *g->b);
    if (g->name == NULL || g->in == NULL || g->out == NULL || g->a == NULL || g->b == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of memory for an adapter");
    return RT_OK;
}

static rt_status share_module(struct rt_given *g, int64_t i, const struct rt_peft *peft, struct rt_dist *dist,
                              struct rt_error *err)
{
    struct {
        char name[NAME];
        int64_t in, out;
    } head = { 0 };
    if (peft != NULL) {
        strncpy(head.name, peft->module[i], sizeof head.name - 1);
        head.in = peft->in[i];
        head.out = peft->out[i];
    }
    RT_TRY(rt_dist_bcast(dist, &head, sizeof head, 0, err));
    g->in[i] = head.in;
    g->out[i] = head.out;
    const size_t a = (size_t)(g->r * head.in) * sizeof(float), b = (size_t)(g->r * head.out) * sizeof(float);
    g->name[i] = strdup(head.name);
    g->a[i] = malloc(a);
    g->b[i] = malloc(b);
    rt_status st = RT_OK;
    if (g->name[i] == NULL || g->a[i] == NULL || g->b[i] == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "out of memory for an adapter");
    RT_TRY(rt_dist_agree(dist, st, err));
    if (peft != NULL) {
        memcpy(g->a[i], peft->a[i], a);
        memcpy(g->b[i], peft->b[i], b);
    }
    RT_TRY(rt_dist_bcast(dist, g->a[i], a, 0, err));
    return rt_dist_bcast(dist, g->b[i], b, 0, err);
}

static rt_status share(struct rt_given *g, const struct rt_peft *peft, struct rt_dist *dist,
                       struct rt_error *err)
{
    struct {
        int64_t r, modules;
        double alpha, dropout;
        int rslora;
    } head = { 0 };
    if (peft != NULL) {
        head.r = peft->r;
        head.modules = peft->modules;
        head.alpha = peft->alpha;
        head.dropout = peft->dropout;
        head.rslora = peft->rslora;
    }
    RT_TRY(rt_dist_bcast(dist, &head, sizeof head, 0, err));
    *g = (struct rt_given){ .r = head.r,
                            .modules = head.modules,
                            .alpha = head.alpha,
                            .dropout = head.dropout,
                            .rslora = head.rslora != 0 };
    RT_TRY(rt_dist_agree(dist, allocate(g, err), err));
    for (int64_t i = 0; i < g->modules; i++)
        RT_TRY(share_module(g, i, peft, dist, err));
    return RT_OK;
}

rt_status rt_given_open(struct rt_given *given, const char *folder, struct rt_dist *dist, struct rt_error *err)
{
    struct rt_peft_in *in = NULL;
    *given = (struct rt_given){ 0 };
    rt_status st = RT_OK;
    if (rt_dist_rank(dist) == 0)
        st = rt_peft_open(&in, folder, err);
    st = rt_dist_agree(dist, st, err);
    if (st == RT_OK)
        st = share(given, in == NULL ? NULL : rt_peft_get(in), dist, err);
    rt_peft_close(in);
    if (st != RT_OK)
        rt_given_close(given);
    return st;
}

void rt_given_close(struct rt_given *given)
{
    for (int64_t i = 0; i < given->modules; i++) {
        if (given->name != NULL)
            free(given->name[i]);
        if (given->a != NULL)
            free(given->a[i]);
        if (given->b != NULL)
            free(given->b[i]);
    }
    free(given->name);
    free(given->in);
    free(given->out);
    free(given->a);
    free(given->b);
    *given = (struct rt_given){ 0 };
}

static const struct rt_weight *weight_of(const struct rt_model *m, const char *module)
{
    const size_t n = strlen(module);
    for (int64_t i = 0; i < m->weights; i++)
        if (strncmp(m->weight[i].name, module, n) == 0 && strcmp(m->weight[i].name + n, ".weight") == 0)
            return &m->weight[i];
    return NULL;
}

/* One row of W: w += scale (B A)[row], the sum in f32 and rounded once to the weights' own type. */
static void merge_row(float *w, const struct rt_given *g, int64_t i, int64_t row, double scale)
{
    const float *b = g->b[i] + row * g->r;
    for (int64_t c = 0; c < g->in[i]; c++) {
        float sum = 0.0f;
        for (int64_t k = 0; k < g->r; k++)
            sum += b[k] * g->a[i][k * g->in[i] + c];
        w[c] += (float)scale * sum;
    }
}

static rt_status merge_module(struct rt_model *m, const struct rt_given *g, int64_t i, double scale,
                              float *wide, void *host)
{
    const struct rt_weight *w = weight_of(m, g->name[i]);
    if (w == NULL || w->rows != g->out[i] || w->cols != g->in[i])
        return rt_fail(m->ex->err, RT_ERR_FILE, "the adapter's %s does not fit this model", g->name[i]);
    const bool round = m->config.dtype != RT_FILE_F32;
    for (int64_t row = 0; row < w->rows; row++) {
        rt_act *at = rt_at(m->ex, w->dst, row * w->ld);
        const size_t bytes = (size_t)w->cols * m->ex->act_bytes;
        RT_TRY(rt_exec_get(m->ex, host, at, bytes));
        rt_file_to_f32(wide, host, m->ex->act == RT_F32 ? RT_FILE_F32 : RT_FILE_BF16, w->cols);
        merge_row(wide, g, i, row, scale);
        for (int64_t c = 0; c < w->cols; c++) {
            const float x = round ? rt_f32_of_bf16(rt_bf16_of_f32(wide[c])) : wide[c];
            if (m->ex->act == RT_F32)
                ((float *)host)[c] = x;
            else
                ((rt_bf16 *)host)[c] = rt_bf16_of_f32(x);
        }
        RT_TRY(rt_exec_put(m->ex, at, host, bytes));
    }
    return RT_OK;
}

rt_status rt_adapter_merge(struct rt_model *m, const struct rt_given *g, struct rt_error *err)
{
    const double scale = g->rslora ? g->alpha / sqrt((double)g->r) : g->alpha / (double)g->r;
    int64_t widest = 1;
    for (int64_t i = 0; i < g->modules; i++)
        widest = g->in[i] > widest ? g->in[i] : widest;
    float *wide = malloc((size_t)widest * sizeof *wide), *host = malloc((size_t)widest * sizeof *host);
    rt_status st = RT_OK;
    if (wide == NULL || host == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "out of memory merging an adapter");
    for (int64_t i = 0; i < g->modules && st == RT_OK; i++)
        st = merge_module(m, g, i, scale, wide, host);
    free(wide);
    free(host);
    return st;
}
