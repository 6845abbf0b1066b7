/* tests/data/test_resize.c - rt_resize_bicubic against Pillow and torch on drawn bytes
 * (tests/golden/image/resize.txt), and its two inner loops against each other. All checks are exact: the
 * arithmetic is on integers. */
#include "config.h"
#include "data/image.h"
#include "data/resize_lanes.h"
#include "tap.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

static uint8_t *draw(size_t count, uint32_t x)
{
    uint8_t *out = malloc(count);
    for (size_t i = 0; i < count; i++) {
        x = x * 1664525u + 1013904223u;
        out[i] = (uint8_t)(x >> 24);
    }
    return out;
}

static void check_line(const char *line)
{
    char kind[8], start[13], got_start[13] = "";
    int w, h, c, nw, nh;
    uint64_t want;
    struct rt_error err = { 0 };
    if (sscanf(line, "%7s %d %d %d %d %d %" SCNx64 " %12s", kind, &w, &h, &c, &nw, &nh, &want, start) != 8) {
        ok(0, "a line of resize.txt is not understood: %s", line);
        return;
    }
    uint8_t *src = draw((size_t)(w * h * c), (uint32_t)(w * 1000 + h)),
            *dst = malloc((size_t)(nw * nh * c) + 6);
    const enum rt_resize how = strcmp(kind, "torch") == 0 ? RT_RESIZE_TORCH : RT_RESIZE_PILLOW;
    const rt_status st = rt_resize_bicubic(dst, nw, nh, src, w, h, c, how, &err);
    const uint64_t got = st == RT_OK ? XXH3_64bits(dst, (size_t)(nw * nh * c)) : 0;
    for (int i = 0; i < 6 && i < nw * nh * c; i++)
        snprintf(got_start + 2 * i, 3, "%02x", dst[i]);
    ok(st == RT_OK && got == want && strncmp(start, got_start, strlen(got_start)) == 0,
       "%s %d x %d x %d to %d x %d: %s is %s", kind, w, h, c, nw, nh, got_start, start);
    free(src);
    free(dst);
}

static void check_golden(void)
{
    char path[4096], line[256];
    snprintf(path, sizeof path, "%s/tests/golden/image/resize.txt", getenv("RT_SRCDIR"));
    FILE *f = fopen(path, "r");
    if (!ok(f != NULL, "%s opens", path))
        return;
    while (fgets(line, sizeof line, f) != NULL)
        check_line(line);
    fclose(f);
}

/* The worked example of the specification: byte 2 * index, 7 x 5 x 3 to 4 x 3, channel 0. */
static void check_example(void)
{
    static const uint8_t want[12] = { 17, 27, 39, 49, 86, 96, 108, 118, 155, 165, 177, 187 };
    uint8_t src[105], dst[36];
    for (int i = 0; i < 105; i++)
        src[i] = (uint8_t)(2 * i);
    for (int kind = 0; kind < 2; kind++) {
        bool same = rt_resize_bicubic(dst, 4, 3, src, 7, 5, 3, kind == 0 ? RT_RESIZE_PILLOW : RT_RESIZE_TORCH,
                                      NULL) == RT_OK;
        for (int i = 0; i < 12; i++)
            same = same && dst[3 * i] == want[i];
        ok(same, "worked example, %s: %d %d %d ... is 17 27 39 ...", kind == 0 ? "Pillow" : "torch", dst[0],
           dst[3], dst[6]);
    }
}

static void check_loops(void)
{
    static const size_t lanes[] = { 1, 7, 16, 31, 32, 33, 47, 64, 95, 200 };
    const int32_t k[4] = { -300000, 2400000, 2394304, -300000 };
    for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++) {
        uint8_t *src = draw(4 * lanes[i], (uint32_t)i + 1), *a = calloc(lanes[i], 1), *b = calloc(lanes[i], 1);
        rt_weigh_plain(a, src, lanes[i], lanes[i], k, 4, 22);
        rt_weigh_best()(b, src, lanes[i], lanes[i], k, 4, 22);
        size_t differ = 0;
        for (size_t l = 0; l < lanes[i]; l++) {
            int64_t sum = 1 << 21;
            for (size_t j = 0; j < 4; j++)
                sum += (int64_t)k[j] * src[j * lanes[i] + l];
            sum = sum < 0 ? 0 : sum >> 22 > 255 ? 255 : sum >> 22;
            differ += a[l] != sum || b[l] != sum;
        }
        ok(differ == 0, "%zu lanes: %zu differ from the formula in 64 bits", lanes[i], differ);
        free(src);
        free(a);
        free(b);
    }
}

int main(void)
{
    struct rt_error err = { 0 };
    uint8_t byte = 0;
    check_example();
    check_loops();
    check_golden();
    ok(rt_resize_bicubic(&byte, 0, 1, &byte, 1, 1, 1, RT_RESIZE_TORCH, &err) == RT_ERR_INTERNAL, "0 pixels: %s",
       err.text);
    return tap_done();
}
