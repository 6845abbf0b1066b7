/*
 * tests/data/test_normalize.c - NFC against utf8proc, and where Unicode 9 and utf8proc's version part.
 *
 * On texts of code points that both versions know, our ordering, composing and cutting must give what utf8proc
 * gives.
 */
#include "config.h"
#include "base/rng.h"
#include "data/tokenizer.h"
#include "data/unicode.h"
#include "tap.h"

#include <string.h>
#include <utf8proc.h>

/* Whether Unicode 9 and utf8proc say the same of c. */
static int is_old(uint32_t c)
{
    utf8proc_int32_t parts[8];
    int boundary = 0;
    if (c >= 0xd800 && c < 0xe000)
        return 0;
    const utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)c, parts, 8, UTF8PROC_DECOMPOSE, &boundary);
    const int decomposes = (n != 1 || parts[0] != (utf8proc_int32_t)c) && !(c >= 0xac00 && c <= 0xd7a3);
    const int combines = utf8proc_get_property((utf8proc_int32_t)c)->combining_class != 0;
    return decomposes == ((rt_class_of(c) & RT_DECOMPOSES) != 0) &&
           combines == ((rt_class_of(c) & RT_COMBINING) != 0);
}

struct codes {
    uint32_t *all, *unstable;
    uint32_t alls, unstables;
};

static void collect(struct codes *c)
{
    c->all = malloc(0x110000 * sizeof *c->all);
    c->unstable = malloc(0x110000 * sizeof *c->unstable);
    c->alls = c->unstables = 0;
    for (uint32_t x = 1; x < 0x110000; x++)
        if (is_old(x) && x != 0x11935 && x != 0x11930) { /* a pair that composes since Unicode 13 */
            c->all[c->alls++] = x;
            if ((rt_class_of(x) & (RT_UNSTABLE | RT_DECOMPOSES)) != 0)
                c->unstable[c->unstables++] = x;
        }
}

static uint32_t draw(struct rt_mt19937 *g, const struct codes *c)
{
    switch (rt_mt19937_u32(g) % 8) {
    case 0: return c->all[rt_mt19937_u32(g) % c->alls];
    case 1: return 'a' + rt_mt19937_u32(g) % 26;
    case 2: return 0xac00 + rt_mt19937_u32(g) % 11172;
    case 3: return 0x1100 + rt_mt19937_u32(g) % 256;
    case 4: return 0x300 + rt_mt19937_u32(g) % 0x50;
    default: return c->unstable[rt_mt19937_u32(g) % c->unstables];
    }
}

static void test_random(const struct codes *c)
{
    enum { TEXTS = 20000 };
    struct rt_mt19937 g;
    struct rt_scratch s = { 0 };
    int wrong = 0, changed = 0;
    rt_mt19937_seed(&g, 5);
    for (int t = 0; t < TEXTS; t++) {
        uint8_t text[4 * 200 + 1], *want;
        const uint8_t *out;
        size_t bytes = 0, out_bytes;
        const uint32_t n = t % 100 == 0 ? 200 : rt_mt19937_u32(&g) % 12;
        for (uint32_t i = 0; i < n; i++)
            bytes += (size_t)rt_utf8_put(draw(&g, c), text + bytes);
        text[bytes] = '\0';
        want = utf8proc_NFC(text);
        if (want == NULL || rt_normalize(&s, text, bytes, &out, &out_bytes, NULL) != RT_OK) {
            wrong++;
            continue;
        }
        changed += out != text;
        wrong += strlen((char *)want) != out_bytes || memcmp(want, out, out_bytes) != 0;
        free(want);
    }
    rt_scratch_free(&s);
    ok(wrong == 0 && changed > TEXTS / 2, "%d random texts: %d differ from utf8proc's NFC (%d needed work)",
       (int)TEXTS, wrong, changed);
}

static void check(const char *text, const char *want, const char *what)
{
    struct rt_scratch s = { 0 };
    const uint8_t *out = NULL;
    size_t bytes = 0;
    const rt_status st = rt_normalize(&s, (const uint8_t *)text, strlen(text), &out, &bytes, NULL);
    ok(st == RT_OK && bytes == strlen(want) && memcmp(out, want, bytes) == 0, "%s", what);
    rt_scratch_free(&s);
}

static void test_known(void)
{
    check("", "", "nothing");
    check("e\xcc\x81", "\xc3\xa9", "e and an acute compose");
    check("q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87", "marks are put in order: below before above");
    check("\xe1\xb8\x8a\xcc\xa3", "\xe1\xb8\x8c\xcc\x87",
          "D-dot-above and dot below become D-dot-below and dot above");
    check("\xe2\x84\xab\xe2\x84\xa6\xe2\x84\xaa", "\xc3\x85\xce\xa9K",
          "angstrom, ohm and kelvin become letters");
    check("\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81", "Hangul jamo compose");
    check("\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc", "an excluded composition stays apart");
    check("\xef\xa8\x8a", "\xe8\xa6\x8b", "a compatibility ideograph becomes the unified one");
    check("\xf0\x91\xa4\xb5\xf0\x91\xa4\xb0", "\xf0\x91\xa4\xb5\xf0\x91\xa4\xb0",
          "a pair of Unicode 13 stays apart");
    check("\xf0\x91\xa4\xb8", "\xf0\x91\xa4\xb8", "and so does what it would compose into");
    check("a\xe1\xaa\xbf\xcc\xb4", "a\xe1\xaa\xbf\xcc\xb4", "a mark of Unicode 13 does not trade places");
    check("a\xcd\x85\xcc\xb4", "a\xcc\xb4\xcd\x85", "where one of Unicode 1 does");
}

/* A hundred thousand marks on one letter: in order, and in the time of a sort. */
static void test_many_marks(void)
{
    enum { MARKS = 100000 };
    struct rt_scratch s = { 0 };
    const uint8_t *out = NULL;
    size_t bytes = 0, wrong = 0;
    uint8_t *text = malloc(1 + 4 * MARKS);
    text[0] = 'q';
    for (size_t i = 0; i < MARKS; i++)
        memcpy(text + 1 + 4 * i, "\xcc\x87\xcc\xa3", 4); /* above, below */
    const rt_status st = rt_normalize(&s, text, 1 + 4 * MARKS, &out, &bytes, NULL);
    for (size_t i = 0; st == RT_OK && i < 2 * MARKS; i++)
        wrong += memcmp(out + 1 + 2 * i, i < MARKS ? "\xcc\xa3" : "\xcc\x87", 2) != 0;
    ok(st == RT_OK && bytes == 1 + 4 * MARKS && wrong == 0, "%d marks on one letter: %zu out of order",
       2 * MARKS, wrong);
    free(text);
    rt_scratch_free(&s);
}

int main(void)
{
    struct codes c;
    collect(&c);
    ok(c.alls > 1000000 && c.unstables > 1900,
       "%u code points are the same in both versions, %u of them work for NFC", c.alls, c.unstables);
    test_random(&c);
    test_known();
    test_many_marks();
    free(c.all);
    free(c.unstable);
    return tap_done();
}
