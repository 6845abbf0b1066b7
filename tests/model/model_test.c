/* model_test.c - small random models and batches of noise for the tests of model. */
#include "config.h"
#include "tests/model/model_test.h"
#include "data/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 13, PATCH = 14, PICTURES = 2, SAMPLES = 3, TOKENS = 24 + 31 + 9 };

uint32_t test_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

struct rt_model_options test_model_options(void)
{
    static const char *all[] = { "all" };
    return (struct rt_model_options){ .lora_rank = 4,
                                      .lora_alpha = 8,
                                      .lora_target = all,
                                      .lora_targets = 1,
                                      .freeze_vision_tower = true,
                                      .freeze_multi_modal_projector = true,
                                      .seed = 42 };
}

static void must(rt_status st, const struct rt_error *err)
{
    if (st == RT_OK)
        return;
    printf("Bail out! %s\n", err->text);
    exit(1);
}

void test_model_folder(char folder[256], const char *preset, enum rt_dtype dtype)
{
    struct rt_error err = { .text = "" };
    char path[300], *json = NULL;
    size_t bytes = 0;
    snprintf(folder, 256, "%s/ranktune-model-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder) == NULL) {
        printf("Bail out! no folder for a model\n");
        exit(1);
    }
    snprintf(path, sizeof path, "%s/corpus.txt", folder);
    FILE *f = fopen(path, "w");
    fputs("the quick brown fox jumps over the lazy dog, again and again and again\n", f);
    fclose(f);
    const char *files[] = { path };
    must(rt_tokenizer_train(files, 1, 20, &json, &bytes, &err), &err);
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    f = fopen(path, "w");
    fwrite(json, 1, bytes, f);
    fclose(f);
    free(json);
    must(rt_model_init_folder(preset, folder, dtype, 3, 1 << 18, &err), &err);
}

void test_model_open(struct test_model *t, struct rt_dist *dist, const char *preset, enum rt_dtype act,
                     struct rt_model_options opt)
{
    test_model_open_on(t, dist, RT_DEVICE_CPU, preset, act, opt);
}

void test_model_open_on(struct test_model *t, struct rt_dist *dist, enum rt_device device, const char *preset,
                        enum rt_dtype act, struct rt_model_options opt)
{
    static float lut[3][256];
    const struct rt_model_limits pass = { .tokens = TOKENS,
                                          .samples = SAMPLES,
                                          .max_length = 40,
                                          .patches = 64,
                                          .pictures = PICTURES,
                                          .learned = TOKENS,
                                          .max_picture_patches = 48 };
    const struct rt_model_needs needs = { .train = pass, .eval = pass, .micros = 1 };
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 256; i++)
            lut[c][i] = ((float)i - 120.0f) / (64.0f + (float)c);
    memset(t, 0, sizeof *t);
    t->dist = dist;
    test_model_folder(t->folder, preset, RT_F32);
    opt.model_name_or_path = t->folder;
    must(rt_exec_open(&t->ex, device, act, 0, 1, &t->err), &t->err);
    must(rt_model_open(&t->model, t->ex, &opt, &needs, &lut[0][0], dist, NULL, &t->err), &t->err);
}

void test_model_remove(const char *folder)
{
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        printf("# %s is left behind\n", folder);
}

void test_model_close(struct test_model *t)
{
    rt_model_close(t->model);
    rt_exec_close(t->ex);
    test_model_remove(t->folder);
}

/* Picture tokens of cells h x w from position `at` on, then text, as the reference counts positions. */
static int64_t put_sample(struct rt_batch *b, int64_t at, int64_t text, int64_t h, int64_t w, int32_t *row,
                          uint32_t *seed)
{
    const int64_t cells = h * w, n = text + cells, before = cells > 0 ? 3 : text;
    for (int64_t i = 0, st = 0; i < n; i++) {
        const int64_t k = i - before;
        const int in_picture = k >= 0 && k < cells;
        int64_t p[3] = { st, st, st };
        if (in_picture) {
            p[1] = st + k / w;
            p[2] = st + k % w;
        }
        for (int axis = 0; axis < 3; axis++)
            b->positions[axis * TOKENS + at + i] = (int32_t)p[axis];
        if (!in_picture)
            st++;
        else if (k == cells - 1)
            st += h > w ? h : w;
        b->ids[at + i] = (int32_t)(test_random(seed) % 256);
        b->image_rows[at + i] = in_picture ? (*row)++ : -1;
        if (i > 0 && i % 4 == 0 && !in_picture) {
            b->learned_at[b->learned] = (int32_t)(at + i - 1);
            b->targets[b->learned] = b->ids[at + i];
            b->learned++;
        }
    }
    return at + n;
}

const struct rt_batch *test_batch(uint32_t seed)
{
    static uint8_t rgb[PICTURES][48 * 196 * 3];
    static int32_t ids[TOKENS], positions[3 * TOKENS], image_rows[TOKENS], learned_at[TOKENS], targets[TOKENS];
    static int32_t micro_of[TOKENS], offsets[SAMPLES + 1];
    static float weights[TOKENS];
    static struct rt_picture picture[PICTURES];
    static struct rt_batch b;
    b = (struct rt_batch){ .tokens = TOKENS,
                           .samples = SAMPLES,
                           .max_length = 31,
                           .ids = ids,
                           .offsets = offsets,
                           .positions = positions,
                           .image_rows = image_rows,
                           .learned_at = learned_at,
                           .targets = targets,
                           .weights = weights,
                           .micro_of = micro_of,
                           .pictures = PICTURES,
                           .picture = picture,
                           .micros = 1 };
    const int grid[PICTURES][2] = { { 4, 6 }, { 10, 4 } }; /* the second crosses a window of 8 x 8 */
    int32_t row = 0;
    for (int i = 0; i < PICTURES; i++) {
        for (size_t k = 0; k < sizeof rgb[i]; k++)
            rgb[i][k] = (uint8_t)test_random(&seed);
        picture[i] = (struct rt_picture){ .rgb = { rgb[i], rgb[i] },
                                          .height = grid[i][0] * PATCH,
                                          .width = grid[i][1] * PATCH,
                                          .grid_h = grid[i][0],
                                          .grid_w = grid[i][1] };
        b.patches += grid[i][0] * grid[i][1];
    }
    offsets[1] = (int32_t)put_sample(&b, 0, 18, 2, 3, &row, &seed);
    offsets[2] = (int32_t)put_sample(&b, offsets[1], 21, 5, 2, &row, &seed);
    offsets[3] = (int32_t)put_sample(&b, offsets[2], 9, 0, 0, &row, &seed);
    for (int64_t i = 0; i < b.learned; i++)
        weights[i] = 1.0f / (float)b.learned;
    return &b;
}
