/* test_gradient.c - the whole model's LoRA gradient against central differences of its loss. */
#include "config.h"
#include "tests/model/model_test.h"
#include "tap.h"

#include <math.h>
#include <string.h>

static double loss_at(struct test_model *t, const struct rt_batch *batch, bool train)
{
    double loss = NAN;
    rt_status st = rt_model_refresh(t->model);
    if (st == RT_OK)
        st = rt_model_grads_zero(t->model); /* the losses of a step begin here */
    if (st == RT_OK)
        st = rt_model_put(t->model, batch);
    if (st == RT_OK)
        st = rt_model_fwd(t->model, batch, train, 7);
    if (st == RT_OK)
        st = rt_model_loss(t->model, &loss, NULL, NULL);
    if (st != RT_OK)
        diag("%s", t->err.text);
    return loss;
}

/*
 * Along the gradient's own direction inside one module (A and B), the derivative is the norm of that part.
 *   loss is about 6 and is computed in fp32 with some thousand roundings that partly cancel: noise about 2e-6;
 *   with h scaled so that the loss moves by some 0.02 the difference of two losses is good to 2e-4;
 *   the third derivative adds (h |d3|) of similar size. 5e-3 leaves room for both and finds any wrong term.
 */
static void check_module(struct test_model *t, const struct rt_batch *batch, const struct rt_adapter_module *m,
                         const float *grad, const char *what, bool train)
{
    struct rt_adapter *ad = rt_model_adapter(t->model);
    const int64_t part[2][2] = { { m->a, m->r * m->in }, { m->b, m->r * m->out } };
    double norm2 = 0;
    for (int p = 0; p < 2; p++)
        for (int64_t i = part[p][0]; i < part[p][0] + part[p][1]; i++)
            norm2 += (double)grad[i] * (double)grad[i];
    const double norm = sqrt(norm2), h = 0.01 / fmax(norm, 0.05);
    double loss[2];
    float *saved = malloc((size_t)ad->count * sizeof *saved);
    memcpy(saved, ad->p, (size_t)ad->count * sizeof *saved);
    for (int side = 0; side < 2; side++) {
        for (int p = 0; p < 2; p++)
            for (int64_t i = part[p][0]; i < part[p][0] + part[p][1]; i++)
                ad->p[i] = saved[i] + (float)((side == 0 ? h : -h) * (double)grad[i] / norm);
        loss[side] = loss_at(t, batch, train);
    }
    memcpy(ad->p, saved, (size_t)ad->count * sizeof *saved);
    free(saved);
    const double slope = (loss[0] - loss[1]) / (2 * h), noise = 4e-6 / (2 * h), bound = 5e-3 * norm + noise;
    ok(norm > 0 && fabs(slope - norm) <= bound, "%s %s: |gradient| %.5f, by differences %.5f, bound %.1e", what,
       m->name, norm, slope, bound);
}

/* Gradients as they are when the backward says that they are ready. */
struct early {
    const struct rt_adapter *ad;
    float *grad;
    int64_t first;
    int calls;
    bool ordered;
};

static rt_status keep_ready(void *context, int64_t first)
{
    struct early *e = context;
    e->ordered = e->ordered && first < e->first;
    if (e->ordered)
        memcpy(e->grad + first, e->ad->g + first, (size_t)(e->first - first) * sizeof *e->grad);
    e->first = first;
    e->calls++;
    return RT_OK;
}

static void check_model(struct rt_dist *dist, const char *what, const char *preset, struct rt_model_options opt)
{
    struct test_model t;
    test_model_open(&t, dist, preset, RT_F32, opt);
    struct rt_adapter *ad = rt_model_adapter(t.model);
    const struct rt_batch *batch = test_batch(99);
    struct early early = {
        .ad = ad, .grad = calloc((size_t)ad->count, sizeof(float)), .first = ad->count, .ordered = true
    };
    uint32_t seed = 5;
    for (int64_t i = 0; i < ad->modules; i++) /* B starts at zero: move it, or A has no gradient */
        for (int64_t k = 0; k < ad->r * ad->module[i].out; k++)
            ad->p[ad->module[i].b + k] = 0.1f * ((float)(test_random(&seed) % 2001) - 1000.0f) / 1000.0f;
    rt_status st = rt_model_refresh(t.model);
    if (st == RT_OK)
        st = rt_model_grads_zero(t.model);
    if (st == RT_OK)
        st = rt_model_put(t.model, batch);
    if (st == RT_OK)
        st = rt_model_fwd(t.model, batch, true, 7);
    if (st == RT_OK)
        st = rt_model_bwd(t.model, keep_ready, &early);
    ok(st == RT_OK, "%s: forward and backward%s%s", what, st == RT_OK ? "" : ": ",
       st == RT_OK ? "" : t.err.text);
    float *grad = malloc((size_t)ad->count * sizeof *grad);
    memcpy(grad, ad->g, (size_t)ad->count * sizeof *grad);
    ok(early.calls > 0 && early.ordered &&
           memcmp(early.grad + early.first, grad + early.first,
                  (size_t)(ad->count - early.first) * sizeof *grad) == 0,
       "%s: gradients that are said to be ready are final (%d times, down to %lld)", what, early.calls,
       (long long)early.first);
    free(early.grad);
    for (int64_t i = 0; i < ad->modules && st == RT_OK; i++)
        check_module(&t, batch, &ad->module[i], grad, what, true);
    free(grad);
    test_model_close(&t);
}

int main(int argc, char **argv)
{
    struct rt_error err;
    struct rt_dist *dist = NULL;
    if (rt_dist_open(&dist, &argc, &argv, &err) != RT_OK) {
        printf("Bail out! %s\n", err.text);
        return 1;
    }
    struct rt_model_options opt = test_model_options();
    check_model(dist, "Qwen2.5-VL", "small25", opt);
    opt.lora_dropout = 0.25;
    check_model(dist, "tied, dropout", "small25tied", opt);
    opt.lora_dropout = 0;
    opt.freeze_vision_tower = false;
    check_model(dist, "tower learns", "small25", opt);
    opt.use_rslora = true;
    check_model(dist, "Qwen2-VL, tower learns, rslora", "small2", opt);
    const char *merger[] = { "merger.mlp.0", "merger.mlp.2", "layers.2.mlp.down_proj" };
    opt.lora_target = merger;
    opt.lora_targets = 3;
    opt.freeze_multi_modal_projector = false;
    check_model(dist, "merger and one layer", "small25", opt);
    const char *head[] = { "lm_head", "layers.1.self_attn.o_proj" };
    opt.lora_target = head;
    opt.lora_targets = 2;
    check_model(dist, "lm_head and one layer", "small25tied", opt);
    rt_dist_close(dist);
    return tap_done();
}
