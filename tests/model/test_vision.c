/* test_vision.c - a frozen tower gives a picture the same features to the bit, whatever shares its pass, and
 * kept ones give the same losses and gradients. */
#include "config.h"
#include "base/cache.h"
#include "dist/dist.h"
#include "model/state.h"
#include "tests/model/model_test.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static void must(rt_status st, const struct test_model *t, const char *what)
{
    if (st == RT_OK)
        return;
    ok(false, "%s: %s", what, t->err.text);
    exit(1);
}

static size_t bytes_of(const struct test_model *t, const struct rt_picture *p)
{
    return (size_t)(p->grid_h * p->grid_w / 4) * (size_t)t->model->config.hidden * t->ex->act_bytes;
}

/* The features of picture `wanted` of a pass of these pictures; malloc'ed. */
static void *features(struct test_model *t, struct rt_picture *picture, int64_t pictures, int64_t wanted)
{
    const struct rt_batch batch = { .pictures = pictures, .picture = picture };
    struct rt_model *m = t->model;
    const size_t bytes = bytes_of(t, &picture[wanted]);
    void *host = malloc(bytes);
    must(rt_vision_put(m, &batch), t, "put");
    must(rt_vision_fwd(m), t, "forward");
    must(rt_exec_get(t->ex, host,
                     rt_at(t->ex, m->vision_acts.features, m->part[wanted].feature * m->config.hidden), bytes),
         t, "get");
    return host;
}

static void check_company(struct rt_dist *dist, enum rt_device device, const char *preset, enum rt_dtype act)
{
    struct test_model t;
    test_model_open_on(&t, dist, device, preset, act, test_model_options());
    const struct rt_picture *p = test_batch(5)->picture;
    struct rt_picture both[] = { p[0], p[1] }, turned[] = { p[1], p[0] }, twice[] = { p[0], p[0] };
    struct rt_picture *const pass[] = { both, turned, twice };
    const int64_t where[2][3] = { { 0, 1, 1 }, { 1, 0, -1 } };
    for (int i = 0; i < 2; i++) {
        struct rt_picture one = p[i];
        void *alone = features(&t, &one, 1, 0);
        for (int k = 0; k < 3; k++) {
            if (where[i][k] < 0)
                continue;
            void *shared = features(&t, pass[k], 2, where[i][k]);
            ok(memcmp(alone, shared, bytes_of(&t, &one)) == 0,
               "%s %s: picture %d alone and in pass %d: the same bits", preset, t.ex->ops->name, i, k);
            free(shared);
        }
        free(alone);
    }
    test_model_close(&t);
}

/* Losses and gradients of a step of this batch; malloc'ed. */
static float *step(struct test_model *t, const struct rt_batch *b, size_t *count)
{
    const struct rt_adapter *ad = rt_model_adapter(t->model);
    float *all = malloc(((size_t)b->learned + (size_t)ad->count) * sizeof *all);
    double sum = 0;
    must(rt_model_grads_zero(t->model), t, "zero");
    must(rt_model_put(t->model, b), t, "put");
    must(rt_model_fwd(t->model, b, true, 0), t, "forward");
    must(rt_model_bwd(t->model, NULL, NULL), t, "backward");
    must(rt_model_loss(t->model, &sum, all, NULL), t, "loss");
    must(rt_exec_get(t->ex, all + b->learned, ad->g, (size_t)ad->count * sizeof *all), t, "get");
    *count = (size_t)b->learned + (size_t)ad->count;
    return all;
}

/* Pictures with features of an earlier pass, from the loader or found when they are put, give the same bits. */
static void check_kept(struct rt_dist *dist, enum rt_device device, const char *preset, enum rt_dtype act)
{
    const struct rt_cache_options opt = { .entries = 9, .most_bytes = 1 << 20 };
    struct rt_cache *cache = NULL;
    struct rt_error err;
    struct test_model t;
    int64_t tower = 0, kept = 0;
    size_t count = 0;
    test_model_open_on(&t, dist, device, preset, act, test_model_options());
    const struct rt_batch *b = test_batch(5);
    struct rt_picture *p = b->picture;
    p[0].number = 7;
    p[1].number = 3;
    for (int i = 0; i < 2; i++)
        p[i].file = (struct rt_file_id){ .size = 10 + i, .inode = 1 };
    float *want = step(&t, b, &count);
    if (rt_cache_open(&cache, &opt, &err) != RT_OK || rt_model_keep_features(t.model, cache) != RT_OK) {
        ok(false, "cache: %s", err.text);
        exit(1);
    }
    p[1].file.size = 0;
    free(step(&t, b, &count));
    ok(rt_cache_has(cache, 7) && !rt_cache_has(cache, 3), "%s %s: kept, but not where the file is not known",
       preset, t.ex->ops->name);
    p[1].file.size = 11;
    for (int round = 0; round < 3; round++) { /* one is kept, both are, both come with features */
        void *features[2] = { NULL, NULL };
        for (int i = 0; i < 2 && round == 2; i++) {
            features[i] = malloc(bytes_of(&t, &p[i]));
            ok(rt_cache_get(cache, p[i].number, &p[i].file, features[i], bytes_of(&t, &p[i])),
               "picture %d is kept", i);
            p[i].features = features[i];
            p[i].rgb[0] = p[i].rgb[1] = NULL;
        }
        float *got = step(&t, b, &count);
        rt_model_pictures(t.model, &tower, &kept);
        ok(tower == (round == 0) && kept == 2 - tower, "%s %s: %lld through the tower", preset, t.ex->ops->name,
           (long long)tower);
        ok(memcmp(got, want, count * sizeof *got) == 0,
           "%s %s: round %d: the same losses and gradients to the bit", preset, t.ex->ops->name, round);
        free(got);
        free(features[0]);
        free(features[1]);
    }
    free(want);
    test_model_close(&t);
    rt_cache_close(cache);
}

static void check_learning(struct rt_dist *dist)
{
    struct test_model t;
    struct rt_model_options opt = test_model_options();
    opt.freeze_vision_tower = false;
    test_model_open(&t, dist, "small25", RT_F32, opt);
    must(rt_vision_put(t.model, test_batch(5)), &t, "put");
    ok(t.model->parts == 1, "a tower that learns takes a pass at once: %lld parts", (long long)t.model->parts);
    ok(rt_model_feature_bytes(t.model) == 0, "its features are not to be kept");
    test_model_close(&t);
}

static void check_device(struct rt_dist *dist, enum rt_device device, const char *preset)
{
    for (int act = RT_F32; act <= RT_BF16; act++) {
        check_company(dist, device, preset, (enum rt_dtype)act);
        check_kept(dist, device, preset, (enum rt_dtype)act);
    }
}

int main(int argc, char **argv)
{
    static const char *const presets[] = { "small25", "small2" };
    struct rt_dist *dist = NULL;
    struct rt_exec *ex = NULL;
    struct rt_error err;
    if (rt_dist_open(&dist, &argc, &argv, &err) != RT_OK) {
        printf("Bail out! %s\n", err.text);
        return 1;
    }
    for (int i = 0; i < 2; i++)
        check_device(dist, RT_DEVICE_CPU, presets[i]);
    const bool has_cuda = rt_exec_open(&ex, RT_DEVICE_CUDA, RT_F32, 0, 1, &err) == RT_OK;
    for (int i = 0; i < 2 && has_cuda; i++)
        check_device(dist, RT_DEVICE_CUDA, presets[i]);
    if (!has_cuda)
        skip("cuda: %s", err.text);
    rt_exec_close(ex);
    check_learning(dist);
    rt_dist_close(dist);
    return tap_done();
}
