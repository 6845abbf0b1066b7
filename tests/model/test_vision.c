/* test_vision.c - a frozen tower gives a picture the same features to the bit, whatever shares its pass. */
#include "config.h"
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

static void check_company(struct rt_dist *dist, const char *preset, enum rt_dtype act)
{
    struct test_model t;
    test_model_open(&t, dist, preset, act, test_model_options());
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
               "%s %s: picture %d alone and in pass %d: the same bits", preset, act == RT_F32 ? "fp32" : "bf16",
               i, k);
            free(shared);
        }
        free(alone);
    }
    test_model_close(&t);
}

static void check_learning(struct rt_dist *dist)
{
    struct test_model t;
    struct rt_model_options opt = test_model_options();
    opt.freeze_vision_tower = false;
    test_model_open(&t, dist, "small25", RT_F32, opt);
    must(rt_vision_put(t.model, test_batch(5)), &t, "put");
    ok(t.model->parts == 1, "a tower that learns takes a pass at once: %lld parts", (long long)t.model->parts);
    test_model_close(&t);
}

int main(int argc, char **argv)
{
    static const char *const presets[] = { "small25", "small2" };
    struct rt_dist *dist = NULL;
    struct rt_error err;
    if (rt_dist_open(&dist, &argc, &argv, &err) != RT_OK) {
        printf("Bail out! %s\n", err.text);
        return 1;
    }
    for (int i = 0; i < 2; i++) {
        check_company(dist, presets[i], RT_F32);
        check_company(dist, presets[i], RT_BF16);
    }
    check_learning(dist);
    rt_dist_close(dist);
    return tap_done();
}
