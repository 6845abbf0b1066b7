/*
 * tests/data/test_pretokenize.c - the scanner against the split pattern told as what it is: alternatives that
 * are tried in order, each a greedy run with backtracking, over an array of code points.
 */
#include "config.h"
#include "base/rng.h"
#include "data/tokenizer.h"
#include "data/unicode.h"
#include "tap.h"

#include <string.h>

enum { MOST = 40 };

struct text {
    uint32_t c[MOST];
    int n;
};

static int is(const struct text *t, int at, unsigned class)
{
    return at < t->n && (rt_class_of(t->c[at]) & class) != 0;
}

static int is_newline(const struct text *t, int at)
{
    return at < t->n && (t->c[at] == '\r' || t->c[at] == '\n');
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d): U+017F folds to s. */
static int contraction(const struct text *t, int at)
{
    static const char *const suffix[] = { "s", "t", "re", "ve", "m", "ll", "d" };
    if (t->c[at] != '\'')
        return 0;
    for (size_t s = 0; s < sizeof suffix / sizeof *suffix; s++) {
        int k = 0;
        for (; suffix[s][k] != '\0' && at + 1 + k < t->n; k++) {
            uint32_t c = t->c[at + 1 + k];
            c = c == 0x17f ? 's' : c;
            if ((c | 0x20) != (uint32_t)suffix[s][k] || c > 0x7f)
                break;
        }
        if (suffix[s][k] == '\0')
            return 1 + k;
    }
    return 0;
}

/* [^\r\n\p{L}\p{N}]?\p{L}+ : with the optional one, then without. */
static int word(const struct text *t, int at)
{
    for (int with = 1; with >= 0; with--) {
        int q = at + with;
        if (with && (is(t, at, RT_LETTER | RT_NUMBER) || is_newline(t, at)))
            continue;
        while (is(t, q, RT_LETTER))
            q++;
        if (q > at + with)
            return q - at;
    }
    return 0;
}

/*  ?[^\s\p{L}\p{N}]+[\r\n]* */
static int marks(const struct text *t, int at)
{
    for (int with = t->c[at] == ' '; with >= 0; with--) {
        int q = at + with;
        while (q < t->n && !is(t, q, RT_SPACE | RT_LETTER | RT_NUMBER))
            q++;
        if (q == at + with)
            continue;
        while (is_newline(t, q))
            q++;
        return q - at;
    }
    return 0;
}

/* \s*[\r\n]+ | \s+(?!\S) | \s+ : a run is shortened until what must follow does. */
static int space(const struct text *t, int at)
{
    int run = 0;
    while (is(t, at + run, RT_SPACE))
        run++;
    for (int k = run; k >= 0; k--)
        if (is_newline(t, at + k)) {
            while (is_newline(t, at + k))
                k++;
            return k;
        }
    for (int k = run; k >= 1; k--)
        if (at + k == t->n || is(t, at + k, RT_SPACE))
            return k;
    return run;
}

static int plain_pretoken(const struct text *t, int at)
{
    int n = contraction(t, at);
    if (n == 0)
        n = word(t, at);
    if (n == 0)
        n = is(t, at, RT_NUMBER);
    if (n == 0)
        n = marks(t, at);
    return n != 0 ? n : space(t, at);
}

static int compare(const struct text *t)
{
    uint8_t bytes[4 * MOST];
    int start[MOST + 1], used = 0;
    for (int i = 0; i < t->n; i++) {
        start[i] = used;
        used += rt_utf8_put(t->c[i], bytes + used);
    }
    start[t->n] = used;
    for (int at = 0; at < t->n;) {
        const int n = plain_pretoken(t, at);
        if (n < 1 ||
            (size_t)(start[at + n] - start[at]) != rt_pretoken(bytes + start[at], (size_t)(used - start[at])))
            return 0;
        at += n;
    }
    return 1;
}

static void test_random(void)
{
    static const uint32_t odd[] = { '\'',  '\'',   's',     'S',    0x17f,  't',     'r',     'e',  'E',  'v',
                                    'm',   'l',    'L',     'd',    'x',    ' ',     ' ',     ' ',  '\n', '\r',
                                    '\t',  0xa0,   0x85,    0x3000, 0x200b, '1',     0x664,   0xb2, '!',  '.',
                                    0x301, 0x4e00, 0x1f600, 0xe9,   0x2028, 0x20000, 0x10ffff };
    enum { TEXTS = 200000 };
    struct rt_mt19937 g;
    int wrong = 0;
    rt_mt19937_seed(&g, 11);
    for (int k = 0; k < TEXTS; k++) {
        struct text t = { .n = (int)(rt_mt19937_u32(&g) % (k % 50 == 0 ? MOST : 9)) };
        for (int i = 0; i < t.n; i++) {
            const uint32_t r = rt_mt19937_u32(&g);
            t.c[i] = r % 16 != 0 ? odd[r / 16 % (sizeof odd / sizeof *odd)] : r / 16 % 0x110000;
            if (t.c[i] >= 0xd800 && t.c[i] < 0xe000)
                t.c[i] = 'z';
        }
        wrong += !compare(&t);
    }
    ok(wrong == 0, "%d random texts: %d are split otherwise than the pattern says", (int)TEXTS, wrong);
}

/* Sizes of the classes and samples of them: the whole of them is held by codes.txt. */
static void test_classes(void)
{
    static const struct {
        unsigned class;
        int count;
        const char *name;
    } want[] = { { RT_LETTER, 141028, "letters" }, { RT_NUMBER, 1911, "numbers" }, { RT_SPACE, 25, "spaces" } };
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        int count = 0;
        for (uint32_t c = 0; c < 0x110000; c++)
            count += (rt_class_of(c) & want[k].class) != 0;
        ok(count == want[k].count, "%d %s, as Unicode 16 has", count, want[k].name);
    }
    ok(rt_class_of(0x200b) == 0 && rt_class_of(0xfeff) == 0, "zero-width characters are in no class");
    ok((rt_class_of(0x31350) & RT_LETTER) != 0 && (rt_class_of(0x1ccf0) & RT_NUMBER) != 0,
       "Unicode 15 and 16 are there");
}

int main(void)
{
    test_classes();
    test_random();
    return tap_done();
}
