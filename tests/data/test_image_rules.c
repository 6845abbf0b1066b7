/* tests/data/test_image_rules.c - the processor's settings, its table of pixel values, and the sizes of
 * pictures in the model. Exact: the values are what torch and numpy gave (see tests/golden/image/make.py for
 * the versions). */
#include "config.h"
#include "data/image.h"
#include "tap.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

static rt_status read_rules(struct rt_image_rules *rules, const char *json, struct rt_error *err)
{
    return rt_image_rules_read(rules, json, json != NULL ? strlen(json) : 0, true, 589824, 1024, err);
}

static void check_read(void)
{
    struct rt_image_rules r = { 0 };
    struct rt_error err = { 0 };
    ok(read_rules(&r, NULL, &err) == RT_OK && r.min_pixels == 3136 && r.max_pixels == 1003520 &&
           r.patch == 14 && r.merge == 2 && r.temporal == 2,
       "defaults of the class: areas %lld to %lld", (long long)r.min_pixels, (long long)r.max_pixels);
    ok(read_rules(&r, "{\"min_pixels\": 4, \"max_pixels\": 900000, \"patch_size\": 16}", &err) == RT_OK &&
           r.min_pixels == 4 && r.max_pixels == 900000 && r.patch == 16,
       "min_pixels, max_pixels, patch_size: %lld %lld %d", (long long)r.min_pixels, (long long)r.max_pixels,
       r.patch);
    ok(read_rules(&r, "{\"size\": {\"shortest_edge\": 5, \"longest_edge\": 6}, \"max_pixels\": 77}", &err) ==
               RT_OK &&
           r.min_pixels == 5 && r.max_pixels == 77,
       "size, and max_pixels over it: %lld %lld", (long long)r.min_pixels, (long long)r.max_pixels);
    ok(read_rules(&r, "{\"x\": 1, \"image_processor\": {\"max_pixels\": 88, \"merge_size\": 3}}", &err) ==
               RT_OK &&
           r.max_pixels == 88 && r.merge == 3 && r.min_pixels == 3136,
       "processor_config.json: %lld %d", (long long)r.max_pixels, r.merge);
}

static void check_refused(void)
{
    static const char *bad[] = {
        "{\"do_resize\": false}",
        "{\"do_rescale\": false}",
        "{\"do_normalize\": false}",
        "{\"resample\": 2}",
        "{\"min_pixels\": 0}",
        "{\"max_pixels\": \"big\"}",
        "{\"size\": {\"height\": 4, \"width\": 4}}",
        "{\"size\": 5}",
        "{\"image_mean\": [1, 2]}",
        "{\"image_std\": [1, 2, 0]}",
        "{\"rescale_factor\": 0}",
        "{\"patch_size\": 0}",
        "{\"image_processor_type\": \"CLIPImageProcessor\"}",
        "[]",
        "{",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rt_image_rules r = { .patch = 99 };
        struct rt_error err = { 0 };
        ok(read_rules(&r, bad[i], &err) == RT_ERR_FILE && r.patch == 99, "%s: %s", bad[i], err.text);
    }
}

/* All 768 values, as the bytes of floats. */
static void check_lut_digests(void)
{
    char path[4096], kind[8];
    uint64_t want;
    snprintf(path, sizeof path, "%s/tests/golden/image/lut.txt", getenv("RT_SRCDIR"));
    FILE *f = fopen(path, "r");
    if (!ok(f != NULL, "%s opens", path))
        return;
    while (fscanf(f, "%7s %" SCNx64 " %*s", kind, &want) == 2) {
        struct rt_image_rules r;
        rt_image_rules_read(&r, NULL, 0, strcmp(kind, "torch") == 0, 589824, 1024, NULL);
        const uint64_t got = XXH3_64bits(r.lut, sizeof r.lut);
        ok(got == want, "%s values: digest %016" PRIx64 " is %016" PRIx64, kind, got, want);
    }
    fclose(f);
}

static void check_lut(void)
{
    struct rt_image_rules r;
    const float want[4] = { -0x1.cad1b8p+0f, -0x1.c71500p+0f, 0x1.f9c118p-5f, 0x1.ee2a84p+0f };
    const int at[4] = { 0, 1, 127, 255 };
    rt_image_rules_read(&r, NULL, 0, true, 589824, 1024, NULL);
    for (int i = 0; i < 4; i++)
        ok(r.lut[0][at[i]] == want[i], "torchvision, red %d: %a is %a", at[i], r.lut[0][at[i]], want[i]);
    float torch[3][256];
    memcpy(torch, r.lut, sizeof torch);
    rt_image_rules_read(&r, NULL, 0, false, 589824, 1024, NULL);
    int differ = 0;
    for (int i = 0; i < 768; i++)
        differ += torch[i / 256][i % 256] != r.lut[i / 256][i % 256];
    ok(differ == 537,
       "Pillow's values differ from torchvision's at %d of 768 places, as the reference's do at 537", differ);
    ok(r.lut[1][77] == -0x1.31684ep-1f && r.lut[2][200] == 0x1.5d2192p+0f,
       "Pillow, green 77 and blue 200: %a %a", r.lut[1][77], r.lut[2][200]);
    check_lut_digests();
}

/* width, height, image_max_pixels, max_pixels of the processor, width and height in the model. */
static void check_sizes(void)
{
    static const int64_t rows[][6] = {
        { 70, 42, 1 << 30, 12845056, 56, 56 },         { 126, 98, 1 << 30, 12845056, 112, 112 },
        { 4000, 3000, 1 << 30, 12845056, 4004, 2996 }, { 15000, 100, 1 << 30, 12845056, 15008, 112 },
        { 1000, 1000, 1 << 30, 1003520, 980, 980 },    { 4000, 3000, 1 << 30, 1003520, 1148, 840 },
        { 15000, 100, 1 << 30, 1003520, 12264, 56 },   { 4000, 3000, 589824, 12845056, 896, 672 },
        { 4000, 3000, 262144, 12845056, 588, 448 },    { 1, 1, 589824, 12845056, 56, 56 },
        { 6000, 20, 589824, 12845056, 5040, 28 },      { 20, 6000, 589824, 12845056, 28, 5040 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rt_image_rules r;
        int32_t w = 0, h = 0;
        rt_image_rules_read(&r, NULL, 0, true, rows[i][2], 1024, NULL);
        r.max_pixels = rows[i][3];
        const rt_status st = rt_image_model_size(&r, (int32_t)rows[i][0], (int32_t)rows[i][1], &w, &h, NULL);
        ok(st == RT_OK && w == rows[i][4] && h == rows[i][5],
           "%lld x %lld is %d x %d in the model, %lld x %lld wanted", (long long)rows[i][0],
           (long long)rows[i][1], w, h, (long long)rows[i][4], (long long)rows[i][5]);
    }
    struct rt_image_rules r;
    struct rt_error err = { 0 };
    int32_t w = 7, h = 7;
    rt_image_rules_read(&r, NULL, 0, true, 1024, 16, NULL);
    ok(rt_image_model_size(&r, 60000, 1, &w, &h, &err) == RT_ERR_DATA && w == 7, "a side of 0: %s", err.text);
    rt_image_rules_read(&r, NULL, 0, true, (int64_t)1 << 40, (int64_t)1 << 40, NULL);
    ok(rt_image_model_size(&r, 100, 100, &w, &h, &err) == RT_ERR_DATA && w == 7, "too large: %s", err.text);
}

int main(void)
{
    check_read();
    check_refused();
    check_lut();
    check_sizes();
    return tap_done();
}
