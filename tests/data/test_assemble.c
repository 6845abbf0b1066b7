/* tests/data/test_assemble.c - rows of the store laid end to end: every array of the batch by hand. */
#include "config.h"
#include "data/assemble.h"
#include "tap.h"

#include <string.h>

enum { IMAGE = 9 }; /* the id that stands for a picture */

/* Row 0: text. Row 1: a picture of 2 x 3 merged patches, an answer. Row 2: two pictures, the question is
 * learned too. */
static int32_t ids[] = { 5, 6, 7, 1, IMAGE, 2, 3, IMAGE, 4, IMAGE, 8 };
static uint8_t learn[] = { 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 1 };
static int64_t raw[] = { 0, 1, 2 }, entry_at[] = { 0, 3, 7, 11 }, picture_at[] = { 0, 0, 1, 3 };
static int32_t length[] = { 3, 9, 4, }, learned[] = { 2, 1, 2 }, picture_of[] = { 0, 1, 1 };
static struct rt_store_picture picture[] = { { 0, 84, 56, 6 }, { 0, 28, 28, 1 } };
static const struct rt_store store = {
    .rows = 3,
    .raw = raw,
    .entry_at = entry_at,
    .ids = ids,
    .learn = learn,
    .length = length,
    .learned = learned,
    .picture_at = picture_at,
    .picture_of = picture_of,
    .pictures = 2,
    .picture = picture,
};

static void same(const int32_t *got, const int32_t *want, int64_t n, const char *what)
{
    char text[512] = "";
    size_t used = 0;
    int64_t wrong = 0;
    for (int64_t i = 0; i < n; i++) {
        wrong += got[i] != want[i];
        used += (size_t)snprintf(text + used, sizeof text - used, " %d", got[i]);
    }
    ok(wrong == 0, "%s:%s", what, text);
}
#define SAME(got, what, ...)                                                                                   \
    do {                                                                                                       \
        static const int32_t want_[] = { __VA_ARGS__ };                                                        \
        same(got, want_, (int64_t)(sizeof want_ / sizeof *want_), what);                                       \
    } while (0)

static void whole(void)
{
    static const int64_t first[] = { 1, 0 }, second[] = { 2 };
    static const uint8_t rgb[2][1] = { { 1 }, { 2 } };
    struct rt_pass pass = { .step_micros = 4 };
    struct rt_error err = { 0 };
    rt_status st = rt_pass_add(&pass, &store, first, 2, &err);
    st = st == RT_OK ? rt_pass_add(&pass, &store, second, 1, &err) : st;
    ok(st == RT_OK && pass.rows == 3 && pass.micros == 2 && pass.pictures == 3 &&
           pass.picture_bytes == 84 * 56 * 3 + 2 * 28 * 28 * 3,
       "two micro-batches: 3 pictures, %zu bytes", pass.picture_bytes);
    pass.picture[0].rgb = rgb[0];
    pass.picture[1].rgb = pass.picture[2].rgb = rgb[1];
    st = rt_pass_fill(&pass, &store, IMAGE, 14, 2, 2, &err);
    if (!ok(st == RT_OK, "it is filled %s", err.text))
        return;
    const struct rt_batch *b = &pass.batch;
    ok(b->tokens == 16 && b->samples == 3 && b->learned == 5 && b->max_length == 9 && b->pictures == 3 &&
           b->micros == 2 && b->patches == 24 + 4 + 4,
       "16 tokens, 3 samples, 5 learned, 32 patches");
    SAME(b->ids, "ids", 1, 9, 9, 9, 9, 9, 9, 2, 3, 5, 6, 7, 9, 4, 9, 8);
    SAME(b->offsets, "offsets", 0, 9, 12, 16);
    SAME(b->positions, "time", 0, 1, 1, 1, 1, 1, 1, 4, 5, 0, 1, 2, 0, 1, 2, 3);
    SAME(b->positions + 16, "height", 0, 1, 1, 1, 2, 2, 2, 4, 5, 0, 1, 2, 0, 1, 2, 3);
    SAME(b->positions + 32, "width", 0, 1, 2, 3, 1, 2, 3, 4, 5, 0, 1, 2, 0, 1, 2, 3);
    SAME(b->image_rows, "image rows", -1, 0, 1, 2, 3, 4, 5, -1, -1, -1, -1, -1, 6, -1, 7, -1);
    SAME(b->learned_at, "learned at", 7, 9, 10, 12, 14);
    SAME(b->targets, "targets", 3, 6, 7, 4, 8);
    SAME(b->micro_of, "micro-batch of a target", 0, 0, 0, 1, 1);
    ok(b->weights[0] == 1.0f / 24 && b->weights[2] == 1.0f / 24 && b->weights[3] == 1.0f / 16,
       "weights 1 / (targets * 4 micro-batches * 2 ranks): %g, %g", b->weights[0], b->weights[3]);
    ok(b->picture[0].rgb[0] == rgb[0] && b->picture[0].rgb[1] == rgb[0] && b->picture[0].width == 84 &&
           b->picture[0].height == 56 && b->picture[0].grid_h == 4 && b->picture[0].grid_w == 6,
       "the first picture");

    pass.dropped[0] = true; /* the first row goes: its micro-batch has the second one's targets left */
    st = rt_pass_fill(&pass, &store, IMAGE, 14, 2, 2, &err);
    ok(st == RT_OK && b->tokens == 7 && b->samples == 2 && b->learned == 4 && b->pictures == 2,
       "without the first row");
    SAME(b->ids, "ids", 5, 6, 7, 9, 4, 9, 8);
    SAME(b->image_rows, "image rows", -1, -1, -1, 0, -1, 1, -1);
    ok(b->weights[0] == 1.0f / 16 && b->picture[0].rgb[0] == rgb[1], "its weights and pictures follow");
    pass.dropped[1] = pass.dropped[2] = true;
    st = rt_pass_fill(&pass, &store, IMAGE, 14, 2, 2, &err);
    ok(st == RT_OK && b->tokens == 0 && b->samples == 0 && b->learned == 0 && b->pictures == 0 &&
           b->micros == 2 && b->offsets[0] == 0,
       "without any row: nothing, of two micro-batches");
    rt_pass_free(&pass);
}

static void contradictions(int32_t *value, int32_t wrong, const char *what)
{
    static const int64_t rows[] = { 1 };
    static const uint8_t rgb[1] = { 0 };
    const int32_t kept = *value;
    struct rt_pass pass = { .step_micros = 1 };
    struct rt_error err = { 0 };
    *value = wrong;
    rt_status st = rt_pass_add(&pass, &store, rows, 1, &err);
    pass.picture[0].rgb = rgb;
    st = st == RT_OK ? rt_pass_fill(&pass, &store, IMAGE, 14, 2, 1, &err) : st;
    ok(st == RT_ERR_INTERNAL, "%s is noticed: %s", what, err.text);
    rt_pass_free(&pass);
    *value = kept;
}

int main(void)
{
    whole();
    contradictions(&length[1], 8, "a length that is too small");
    contradictions(&length[1], 10, "a length that is too large");
    contradictions(&learned[1], 0, "too few targets");
    contradictions(&learned[1], 3, "too many targets");
    contradictions(&picture[0].tokens, 5, "a picture with too few tokens");
    return tap_done();
}
