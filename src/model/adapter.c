/* adapter.c - LoRA's modules, their starting values and the copies that products read. */
#include "config.h"
#include "base/bf16.h"
#include "base/rng.h"
#include "checkpoint/checkpoint.h"
#include "model/adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double scale_of(double alpha, int64_t r, bool rslora)
{
    return rslora ? alpha / sqrt((double)r) : alpha / (double)r;
}

static rt_status add_module(struct rt_adapter *ad, const struct rt_module *module, struct rt_error *err)
{
    struct rt_adapter_module *m = &ad->module[ad->modules];
    *m = (struct rt_adapter_module){
        strdup(module->name), module->in, module->out, ad->r, 0, 0, scale_of(ad->alpha, ad->r, ad->rslora)
    };
    if (m->name == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of memory for the adapter's modules");
    ad->modules++;
    ad->count += ad->r * (module->in + module->out);
    return RT_OK;
}

static int64_t find_given(const struct rt_given *given, const char *name)
{
    for (int64_t i = 0; i < given->modules; i++)
        if (strcmp(given->name[i], name) == 0)
            return i;
    return -1;
}

static rt_status choose_given(struct rt_model *m, const struct rt_given *given, int64_t *adapter_of,
                              struct rt_error *err)
{
    for (int64_t i = 0; i < m->modules.count; i++) {
        const struct rt_module *module = &m->modules.module[i];
        const int64_t at = find_given(given, module->name);
        if (at < 0)
            continue;
        if (!module->linear || given->in[at] != module->in || given->out[at] != module->out)
            return rt_fail(err, RT_ERR_FILE,
                           "the adapter's %s is %lld -> %lld, the model's is %lld -> %lld: it was made for "
                           "another model",
                           module->name, (long long)given->in[at], (long long)given->out[at],
                           (long long)module->in, (long long)module->out);
        adapter_of[i] = m->adapter.modules;
        RT_TRY(add_module(&m->adapter, module, err));
    }
    if (m->adapter.modules != given->modules)
        return rt_fail(err, RT_ERR_FILE, "the adapter has %lld modules, of which this model knows %lld",
                       (long long)given->modules, (long long)m->adapter.modules);
    return RT_OK;
}

rt_status rt_adapter_choose(struct rt_model *m, const struct rt_model_options *opt,
                            const struct rt_given *given, int64_t *adapter_of, struct rt_error *err)
{
    struct rt_adapter *ad = &m->adapter;
    const size_t modules = (size_t)m->modules.count;
    ad->module = calloc(modules, sizeof *ad->module);
    bool *hit = calloc(modules, sizeof *hit);
    rt_status st = RT_OK;
    if (ad->module == NULL || hit == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "out of memory for the adapter's modules");
    for (int64_t i = 0; i < m->modules.count; i++)
        adapter_of[i] = -1;
    if (st == RT_OK && given != NULL) {
        ad->r = given->r;
        ad->alpha = given->alpha;
        ad->dropout = given->dropout;
        ad->rslora = given->rslora;
        st = choose_given(m, given, adapter_of, err);
    } else if (st == RT_OK) {
        int64_t hits = 0;
        ad->r = opt->lora_rank;
        ad->alpha = opt->lora_alpha;
        ad->dropout = opt->lora_dropout;
        ad->rslora = opt->use_rslora;
        st = rt_modules_target(&m->modules, opt, hit, &hits, err);
        for (int64_t i = 0; i < m->modules.count && st == RT_OK; i++) {
            if (hit[i]) {
                adapter_of[i] = ad->modules;
                st = add_module(ad, &m->modules.module[i], err);
            }
        }
    }
    free(hit);
    return st;
}

struct rt_adapter *rt_model_adapter(struct rt_model *m)
{
    return &m->adapter;
}

static rt_status refresh_blocks(const struct rt_pass *pass, const struct rt_block *block, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        RT_TRY(rt_linear_refresh(pass, &block[i].qkv));
        RT_TRY(rt_linear_refresh(pass, &block[i].proj));
        RT_TRY(rt_linear_refresh(pass, &block[i].up));
        RT_TRY(rt_linear_refresh(pass, &block[i].down));
    }
    return RT_OK;
}

rt_status rt_model_refresh(struct rt_model *m)
{
    RT_TRY(refresh_blocks(&m->pass, m->vision.block, m->config.vision.depth));
    RT_TRY(rt_linear_refresh(&m->pass, &m->vision.fc1));
    RT_TRY(rt_linear_refresh(&m->pass, &m->vision.fc2));
    RT_TRY(refresh_blocks(&m->pass, m->text.block, m->config.layers));
    return rt_linear_refresh(&m->pass, &m->text.head);
}

static void round_to(float *x, int64_t n, enum rt_file_dtype dtype)
{
    for (int64_t i = 0; i < n && dtype != RT_FILE_F32; i++)
        x[i] =
            dtype == RT_FILE_BF16 ? rt_f32_of_bf16(rt_bf16_of_f32(x[i])) : rt_f32_of_f16(rt_f16_of_f32(x[i]));
}

/* Parameters from the host; gradients and moments zero. */
static rt_status put_all(struct rt_model *m, const float *host)
{
    struct rt_adapter *ad = &m->adapter;
    const size_t bytes = (size_t)ad->count * sizeof(float);
    RT_TRY(rt_exec_put(m->ex, ad->p, host, bytes));
    RT_TRY(rt_exec_zero(m->ex, ad->g, bytes));
    RT_TRY(rt_exec_zero(m->ex, ad->m, bytes));
    RT_TRY(rt_exec_zero(m->ex, ad->v, bytes));
    return rt_model_refresh(m);
}

/*
 * For every module, in the model's order: A's constructor draws r * in numbers, B's draws out * r, and A is
 * drawn again: those stay, rounded to the base weights' type. B starts at zero. Bound 1 / sqrt(in), made as
 * torch makes it. Source: LoraLayer.update_layer of peft, kaiming_uniform_ of torch.
 */
rt_status rt_adapter_draw(struct rt_model *m, uint64_t seed, int64_t skip, struct rt_error *err)
{
    const struct rt_adapter *ad = &m->adapter;
    float *p = calloc((size_t)ad->count, sizeof *p);
    if (p == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of memory for LoRA's starting values");
    struct rt_mt19937 g;
    rt_mt19937_seed(&g, seed);
    for (int64_t i = 0; i < skip; i++)
        rt_mt19937_u32(&g);
    for (int64_t i = 0; i < ad->modules; i++) {
        const struct rt_adapter_module *mod = &ad->module[i];
        const double a = sqrt(5.0), gain = sqrt(2.0 / (1.0 + a * a));
        const float bound = (float)(sqrt(3.0) * (gain / sqrt((double)mod->in)));
        for (int64_t k = 0; k < mod->r * (mod->in + mod->out); k++)
            rt_mt19937_u32(&g);
        for (int64_t k = 0; k < mod->r * mod->in; k++)
            p[mod->a + k] = rt_torch_uniform(&g, -bound, bound);
        round_to(p + mod->a, mod->r * mod->in, m->config.dtype);
    }
    const rt_status st = put_all(m, p);
    free(p);
    return st;
}

rt_status rt_adapter_set(struct rt_model *m, const struct rt_given *given, struct rt_error *err)
{
    const struct rt_adapter *ad = &m->adapter;
    float *p = calloc((size_t)ad->count, sizeof *p);
    if (p == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of memory for the adapter");
    for (int64_t i = 0; i < ad->modules; i++) {
        const struct rt_adapter_module *mod = &ad->module[i];
        const int64_t at = find_given(given, mod->name);
        memcpy(p + mod->a, given->a[at], (size_t)(mod->r * mod->in) * sizeof *p);
        memcpy(p + mod->b, given->b[at], (size_t)(mod->r * mod->out) * sizeof *p);
    }
    const rt_status st = put_all(m, p);
    free(p);
    return st;
}

int64_t rt_given_draws(const struct rt_given *given)
{
    int64_t draws = 0;
    for (int64_t i = 0; i < given->modules; i++)
        draws += given->r * (2 * given->in[i] + given->out[i]);
    return draws;
}

/* A linear's part of the adapter begins with the first of its A's. */
static int64_t least_offset(const struct rt_adapter *ad, const struct rt_linear *lin, int64_t least)
{
    for (int i = 0; i < lin->parts; i++)
        if (lin->part[i].module >= 0 && ad->module[lin->part[i].module].a < least)
            least = ad->module[lin->part[i].module].a;
    return least;
}

rt_status rt_adapter_ready(struct rt_model *m, const struct rt_block *block)
{
    const struct rt_adapter *ad = &m->adapter;
    int64_t first = ad->count;
    first = least_offset(ad, &block->qkv, first);
    first = least_offset(ad, &block->proj, first);
    first = least_offset(ad, &block->up, first);
    first = least_offset(ad, &block->down, first);
    return m->ready == NULL || first == ad->count ? RT_OK : m->ready(m->ready_context, first);
}
