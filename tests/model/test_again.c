/* test_again.c - whatever layers keep, losses and gradients have the same bits as if they kept all. */
#include "config.h"
#include "model/layout.h"
#include "tests/model/model_test.h"
#include "tap.h"

#include <string.h>

/* `bytes` of 0xff, NaN in both element types: what is read before it is written shows. */
static rt_status put_nan(struct rt_exec *ex, void *memory, size_t bytes)
{
    void *host = malloc(bytes);
    memset(host, 0xff, bytes);
    const rt_status st = rt_exec_put(ex, memory, host, bytes);
    free(host);
    return st;
}

/* Let layers keep what they do after `again` steps, in memory of that size. */
static rt_status lay_out(struct test_model *t, int64_t again)
{
    struct rt_model *m = t->model;
    float lut[3 * 256];
    void *memory = NULL;
    RT_TRY(rt_exec_get(t->ex, lut, m->in.lut, sizeof lut));
    rt_memplan_keep(m, again);
    const size_t bytes = rt_layout_acts(m, NULL, 0, true);
    RT_TRY(rt_exec_alloc(t->ex, &memory, bytes));
    RT_TRY(put_nan(t->ex, memory, bytes));
    rt_exec_free(t->ex, m->act_memory);
    m->act_memory = memory;
    m->plan.acts = bytes;
    rt_layout_acts(m, memory, bytes, true);
    return rt_exec_put(t->ex, m->in.lut, lut, sizeof lut);
}

/* Loss, and the gradients to the host. */
static rt_status run(struct test_model *t, const struct rt_batch *batch, double *loss, float *grads)
{
    const struct rt_adapter *ad = rt_model_adapter(t->model);
    RT_TRY(rt_model_grads_zero(t->model));
    RT_TRY(rt_model_put(t->model, batch));
    RT_TRY(rt_model_fwd(t->model, batch, true, 7));
    RT_TRY(rt_model_bwd(t->model, NULL, NULL));
    RT_TRY(rt_model_loss(t->model, loss, NULL, NULL));
    return rt_exec_get(t->ex, grads, ad->g, (size_t)ad->count * sizeof *grads);
}

/* B starts at zero: move it, or A has no gradient. `host` has room for all parameters. */
static rt_status move_b(struct test_model *t, float *host)
{
    const struct rt_adapter *ad = rt_model_adapter(t->model);
    const size_t bytes = (size_t)ad->count * sizeof *host;
    uint32_t seed = 5;
    RT_TRY(rt_exec_get(t->ex, host, ad->p, bytes));
    for (int64_t i = 0; i < ad->modules; i++)
        for (int64_t k = 0; k < ad->r * ad->module[i].out; k++)
            host[ad->module[i].b + k] = 0.1f * ((float)(test_random(&seed) % 2001) - 1000.0f) / 1000.0f;
    RT_TRY(rt_exec_put(t->ex, ad->p, host, bytes));
    return rt_model_refresh(t->model);
}

static void check_model(struct rt_dist *dist, enum rt_device device, const char *what, const char *preset,
                        enum rt_dtype act, struct rt_model_options opt)
{
    struct test_model t;
    test_model_open_on(&t, dist, device, preset, act, opt);
    const struct rt_adapter *ad = rt_model_adapter(t.model);
    const size_t bytes = (size_t)ad->count * sizeof(float);
    const struct rt_batch *batch = test_batch(99);
    float *want = malloc(bytes), *got = malloc(bytes);
    double want_loss = 0, loss = 0, norm2 = 0;
    rt_status st = move_b(&t, want);
    if (st == RT_OK)
        st = run(&t, batch, &want_loss, want);
    for (int64_t i = 0; i < ad->count; i++)
        norm2 += (double)want[i] * (double)want[i];
    ok(st == RT_OK && norm2 > 0, "%s, %s: loss %.6f, |gradient|^2 %.6g, all kept", t.ex->ops->name, what,
       want_loss, norm2);
    const int64_t steps = rt_memplan_steps(t.model);
    for (int64_t again = 0; again <= steps && st == RT_OK; again++) {
        st = lay_out(&t, again);
        if (st == RT_OK)
            st = run(&t, batch, &loss, got);
        if (st == RT_OK &&
            again == steps / 2) /* and once more: the second pass finds the first one's buffers */
            st = run(&t, batch, &loss, got);
        ok(st == RT_OK && loss == want_loss && memcmp(want, got, bytes) == 0,
           "%s: %lld of %lld steps of recomputation in %zu bytes: the same bits%s%s", what, (long long)again,
           (long long)steps, t.model->plan.acts, st == RT_OK ? "" : ": ", st == RT_OK ? "" : t.err.text);
    }
    free(want);
    free(got);
    test_model_close(&t);
}

static void check_device(struct rt_dist *dist, enum rt_device device)
{
    struct rt_model_options opt = test_model_options();
    check_model(dist, device, "Qwen2.5-VL", "small25", RT_F32, opt);
    check_model(dist, device, "Qwen2-VL", "small2", RT_BF16, opt);
    opt.lora_dropout = 0.25;
    check_model(dist, device, "tied, dropout", "small25tied", RT_F32, opt);
    opt.freeze_vision_tower = false;
    check_model(dist, device, "Qwen2.5-VL, tower learns, dropout", "small25", RT_BF16, opt);
    check_model(dist, device, "Qwen2-VL, tower learns, dropout", "small2", RT_F32, opt);
    const char *some[] = { "layers.1.mlp.down_proj", "layers.2.self_attn.q_proj" };
    opt.freeze_vision_tower = true;
    opt.lora_target = some;
    opt.lora_targets = 2;
    check_model(dist, device, "two linears of the upper layers", "small25", RT_F32, opt);
}

int main(int argc, char **argv)
{
    struct rt_error err;
    struct rt_dist *dist = NULL;
    struct rt_exec *gpu = NULL;
    if (rt_dist_open(&dist, &argc, &argv, &err) != RT_OK) {
        printf("Bail out! %s\n", err.text);
        return 1;
    }
    check_device(dist, RT_DEVICE_CPU);
    if (rt_exec_open(&gpu, RT_DEVICE_CUDA, RT_F32, 0, 1, &err) == RT_OK) {
        rt_exec_close(gpu);
        check_device(dist, RT_DEVICE_CUDA);
    } else {
        skip("cuda: %s", err.text);
    }
    rt_dist_close(dist);
    return tap_done();
}
