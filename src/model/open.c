/* open.c - opening a model: what it is, where its memory lies, its weights and its adapter. */
#include "config.h"
#include "dist/dist.h"
#include "model/adapter.h"
#include "model/layout.h"

#include <stdio.h>
#include <stdlib.h>

static rt_status read_config(struct rt_model_config *config, const char *folder, struct rt_dist *dist,
                             struct rt_error *err)
{
    char path[4096], *text = NULL;
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/config.json", folder);
    RT_TRY(rt_dist_read_file(dist, path, &text, &bytes, err));
    const rt_status st = rt_model_config_read(config, text, bytes, path, err);
    free(text);
    return st;
}

rt_status rt_model_file_dtype(const char *folder, struct rt_dist *dist, enum rt_dtype *dtype,
                              struct rt_error *err)
{
    struct rt_model_config config;
    RT_TRY(read_config(&config, folder, dist, err));
    *dtype = config.dtype == RT_FILE_F32 ? RT_F32 : RT_BF16;
    rt_model_config_free(&config);
    return RT_OK;
}

static rt_status allocate_structs(struct rt_model *m, struct rt_error *err)
{
    const size_t layers = (size_t)m->config.layers, depth = (size_t)m->config.vision.depth;
    m->text.block = calloc(layers, sizeof *m->text.block);
    m->vision.block = calloc(depth, sizeof *m->vision.block);
    if (m->text.block == NULL || m->vision.block == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of host memory for the model");
    RT_TRY(rt_kept_init(&m->text_acts.kept, m->config.layers, err));
    return rt_kept_init(&m->vision_acts.kept, m->config.vision.depth, err);
}

/* As the plan says, all of it. */
static rt_status allocate(struct rt_model *m, const int64_t *adapter_of, const float *pixel_lut,
                          struct rt_error *err)
{
    const struct rt_memplan *p = &m->plan;
    struct rt_adapter *ad = &m->adapter;
    RT_TRY(rt_exec_alloc(m->ex, &m->weight_memory, p->weights));
    RT_TRY(rt_layout_weights(m, adapter_of, m->weight_memory, err));
    RT_TRY(rt_exec_zero(m->ex, m->weight_memory, p->weights));
    if (ad->count > 0) {
        RT_TRY(rt_exec_alloc(m->ex, &m->adapter_memory, p->adapter));
        ad->p = m->adapter_memory;
        ad->g = ad->p + ad->count;
        ad->m = ad->g + ad->count;
        ad->v = ad->m + ad->count;
    }
    RT_TRY(rt_exec_alloc(m->ex, &m->act_memory, p->acts));
    rt_layout_acts(m, m->act_memory, p->acts, m->train.tokens > 0);
    if (p->scratch > 0) {
        RT_TRY(rt_exec_alloc(m->ex, &m->work_memory, p->scratch));
        m->ex->work = m->work_memory;
        m->ex->work_bytes = p->scratch;
    }
    RT_TRY(rt_upload_init(m, err));
    return rt_exec_put(m->ex, m->in.lut, pixel_lut, 3 * 256 * sizeof(float));
}

/* Collective. */
static rt_status plan_and_allocate(struct rt_model *m, const struct rt_model_options *opt,
                                   const int64_t *adapter_of, const struct rt_model_needs *needs,
                                   const float *pixel_lut, struct rt_dist *dist, struct rt_error *err)
{
    struct rt_room room;
    RT_TRY(rt_dist_agree(dist, rt_layout_weights(m, adapter_of, NULL, err), err));
    RT_TRY(rt_memplan_room(m, dist, &room, err));
    rt_status st = rt_memplan_make(m, needs, opt, room, err);
    if (st == RT_OK)
        st = allocate(m, adapter_of, pixel_lut, err);
    return rt_dist_agree(dist, st, err);
}

static int64_t count_params(const struct rt_model *m)
{
    int64_t n = 0;
    for (int64_t i = 0; i < m->weights; i++)
        n += m->weight[i].rows * m->weight[i].cols;
    return n;
}

/* Adapters of the job: all that are merged, then the one that goes on (if any), then values for ours. */
static rt_status settle_adapter(struct rt_model *m, const struct rt_model_options *opt,
                                const struct rt_given *last, struct rt_dist *dist, struct rt_error *err)
{
    const int64_t merged = opt->adapters - (last != NULL ? 1 : 0);
    int64_t draws = 0;
    for (int64_t i = 0; i < merged; i++) {
        struct rt_given given;
        RT_TRY(rt_given_open(&given, opt->adapter_name_or_path[i], dist, err));
        const rt_status st = rt_dist_agree(dist, rt_adapter_merge(m, &given, err), err);
        draws += rt_given_draws(&given);
        rt_given_close(&given);
        RT_TRY(st);
    }
    return last != NULL ? rt_adapter_set(m, last, err) : rt_adapter_draw(m, (uint64_t)opt->seed, draws, err);
}

/* An adapter of the job goes on: the last one that it names. */
static bool goes_on(const struct rt_model_options *opt)
{
    return opt->adapters > 0 && !opt->create_new_adapter;
}

/* Collective. What the model is and what LoRA lands on: *adapter_of (malloc'ed) [modules]; last is opened where
 * an adapter goes on. */
static rt_status describe(struct rt_model *m, const struct rt_model_options *opt, struct rt_given *last,
                          int64_t **adapter_of, struct rt_dist *dist, struct rt_error *err)
{
    const bool resume = goes_on(opt);
    RT_TRY(read_config(&m->config, opt->model_name_or_path, dist, err));
    rt_status st = rt_modules_list(&m->modules, &m->config, err);
    if (st == RT_OK)
        st = allocate_structs(m, err);
    RT_TRY(rt_dist_agree(dist, st, err));
    if (resume)
        RT_TRY(rt_given_open(last, opt->adapter_name_or_path[opt->adapters - 1], dist, err));
    *adapter_of = calloc((size_t)m->modules.count, sizeof **adapter_of);
    st = *adapter_of == NULL ? rt_fail(err, RT_ERR_MEMORY, "out of host memory for the model") : RT_OK;
    if (st == RT_OK)
        st = rt_adapter_choose(m, opt, resume ? last : NULL, *adapter_of, err);
    m->pass = (struct rt_pass){
        .ex = m->ex, .adapter = &m->adapter, .dropout = (float)m->adapter.dropout, .seed = (uint64_t)opt->seed
    };
    return rt_dist_agree(dist, st, err);
}

static rt_status open_model(struct rt_model *m, const struct rt_model_options *opt,
                            const struct rt_model_needs *needs, const float *pixel_lut, struct rt_dist *dist,
                            const struct rt_notes *notes, struct rt_error *err)
{
    struct rt_given last = { .modules = 0 };
    const bool resume = goes_on(opt);
    int64_t *adapter_of = NULL;
    rt_status st = describe(m, opt, &last, &adapter_of, dist, err);
    if (st == RT_OK)
        st = plan_and_allocate(m, opt, adapter_of, needs, pixel_lut, dist, err);
    free(adapter_of);
    m->params = count_params(m);
    if (st == RT_OK)
        st = rt_model_load(m, opt->model_name_or_path, dist, notes, err);
    if (st == RT_OK)
        st = rt_text_tie(m);
    if (st == RT_OK)
        st = settle_adapter(m, opt, resume ? &last : NULL, dist, err);
    if (resume)
        rt_given_close(&last);
    return rt_dist_agree(dist, st, err);
}

rt_status rt_model_open(struct rt_model **model, struct rt_exec *ex, const struct rt_model_options *opt,
                        const struct rt_model_needs *needs, const float *pixel_lut, struct rt_dist *dist,
                        const struct rt_notes *notes, struct rt_error *err)
{
    struct rt_model *m = calloc(1, sizeof *m);
    if (m == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "out of host memory for the model");
    m->ex = ex;
    m->base_model = opt->model_name_or_path;
    const rt_status st = open_model(m, opt, needs, pixel_lut, dist, notes, err);
    if (st != RT_OK)
        rt_model_close(m);
    else
        *model = m;
    return st;
}

rt_status rt_model_outline(struct rt_model **model, struct rt_exec *ex, const struct rt_model_options *opt,
                           struct rt_dist *dist, struct rt_error *err)
{
    struct rt_model *m = calloc(1, sizeof *m);
    struct rt_given last = { .modules = 0 };
    int64_t *adapter_of = NULL;
    rt_status st = m == NULL ? rt_fail(err, RT_ERR_MEMORY, "out of host memory for the model") : RT_OK;
    RT_TRY_TO(st, rt_dist_agree(dist, st, err), done);
    m->ex = ex;
    m->base_model = opt->model_name_or_path;
    st = describe(m, opt, &last, &adapter_of, dist, err);
    if (st == RT_OK)
        st = rt_dist_agree(dist, rt_layout_weights(m, adapter_of, NULL, err), err);
    m->params = count_params(m);
    rt_given_close(&last);
    free(adapter_of);
done:
    if (st != RT_OK)
        rt_model_close(m);
    else
        *model = m;
    return st;
}

void rt_model_close(struct rt_model *m)
{
    if (m == NULL)
        return;
    rt_model_keep_features(m, NULL);
    rt_upload_free(m);
    if (m->ex->work == m->work_memory && m->work_memory != NULL) {
        m->ex->work = NULL;
        m->ex->work_bytes = 0;
    }
    rt_exec_free(m->ex, m->work_memory);
    rt_exec_free(m->ex, m->act_memory);
    rt_exec_free(m->ex, m->adapter_memory);
    rt_exec_free(m->ex, m->weight_memory);
    for (int64_t i = 0; i < m->adapter.modules; i++)
        free(m->adapter.module[i].name);
    free(m->adapter.module);
    free(m->weight);
    free(m->text.block);
    rt_kept_free(&m->text_acts.kept);
    free(m->vision.block);
    rt_kept_free(&m->vision_acts.kept);
    rt_modules_free(&m->modules);
    rt_model_config_free(&m->config);
    free(m);
}
