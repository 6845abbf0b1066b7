/* save.c - the adapter to a folder that PEFT loads. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "model/state.h"

#include <stdlib.h>
#include <string.h>

struct lists {
    const char **module, **others;
    const float **a, **b;
    int64_t *in, *out;
};

static bool learns(const struct rt_adapter *ad, const char *name)
{
    for (int64_t i = 0; i < ad->modules; i++)
        if (strcmp(ad->module[i].name, name) == 0)
            return true;
    return false;
}

static rt_status write(const struct rt_model *m, const float *p, const char *folder, struct lists *l,
                       struct rt_error *err)
{
    const struct rt_adapter *ad = &m->adapter;
    for (int64_t i = 0; i < ad->modules; i++) {
        const struct rt_adapter_module *mod = &ad->module[i];
        l->module[i] = mod->name;
        l->a[i] = p + mod->a;
        l->b[i] = p + mod->b;
        l->in[i] = mod->in;
        l->out[i] = mod->out;
    }
    int64_t others = 0;
    for (int64_t i = 0; i < m->modules.count; i++)
        if (!learns(ad, m->modules.module[i].name))
            l->others[others++] = m->modules.module[i].name;
    const struct rt_peft peft = { .base_model = m->base_model,
                                  .r = ad->r,
                                  .alpha = ad->alpha,
                                  .dropout = ad->dropout,
                                  .rslora = ad->rslora,
                                  .modules = ad->modules,
                                  .module = l->module,
                                  .a = l->a,
                                  .b = l->b,
                                  .in = l->in,
                                  .out = l->out,
                                  .other_count = others,
                                  .others = l->others };
    return rt_peft_write(folder, &peft, err);
}

rt_status rt_model_write_adapter(const struct rt_model *m, const float *p, const char *folder,
                                 struct rt_error *err)
{
    const size_t n = (size_t)m->adapter.modules;
    struct lists l = { calloc(n, sizeof(char *)),  calloc((size_t)m->modules.count, sizeof(char *)),
                       calloc(n, sizeof(float *)), calloc(n, sizeof(float *)),
                       calloc(n, sizeof(int64_t)), calloc(n, sizeof(int64_t)) };
    rt_status st;
    if (l.module == NULL || l.others == NULL || l.a == NULL || l.b == NULL || l.in == NULL || l.out == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "out of host memory writing the adapter");
    else
        st = write(m, p, folder, &l, err);
    free(l.module);
    free(l.others);
    free(l.a);
    free(l.b);
    free(l.in);
    free(l.out);
    return st;
}

rt_status rt_model_save_adapter(struct rt_model *m, const char *folder, struct rt_error *err)
{
    const size_t bytes = (size_t)m->adapter.count * sizeof(float);
    float *p = malloc(bytes);
    if (p == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of host memory writing the adapter");
    rt_status st = rt_exec_get(m->ex, p, m->adapter.p, bytes);
    if (st == RT_OK)
        st = rt_model_write_adapter(m, p, folder, err);
    free(p);
    return st;
}
