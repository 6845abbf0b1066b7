/* tests/data/test_tokenizer.c - ids and texts against those that the tokenizers package gave
 * (tests/golden/tokenizer). */
#include "config.h"
#include "data/tokenizer_files.h"
#include "data/unicode.h"

#include <jansson.h>
#include <pthread.h>

/* A case's text, malloc'ed: as it stands, or a unit many times. */
static char *text_of(const json_t *c, size_t *bytes)
{
    const json_t *plain = json_object_get(c, "text"), *unit = json_object_get(c, "unit");
    const char *from = json_string_value(plain != NULL ? plain : unit);
    const size_t each = json_string_length(plain != NULL ? plain : unit);
    const size_t times = plain != NULL ? 1 : (size_t)json_integer_value(json_object_get(c, "times"));
    char *text = malloc(each * times + 1);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * each, from, each);
    *bytes = each * times;
    return text;
}

static int same_ids(const json_t *want, const int32_t *ids, int64_t count)
{
    int same = (int64_t)json_array_size(want) == count;
    for (int64_t i = 0; same && i < count; i++)
        same = json_integer_value(json_array_get(want, (size_t)i)) == ids[i];
    return same;
}

static int encodes(const struct rt_tokenizer *tok, const json_t *c, const char *text, size_t bytes, bool split)
{
    int32_t *ids = NULL;
    int64_t count = 0;
    const json_t *want = json_object_get(c, "ids"), *want_split = json_object_get(c, "split");
    if (rt_tokenizer_encode(tok, text, bytes, split, &ids, &count, NULL) != RT_OK)
        return 0;
    int same;
    if (want != NULL)
        same = same_ids(split && want_split != NULL ? want_split : want, ids, count);
    else
        same = count == json_integer_value(json_object_get(c, "count")) &&
               crc32_of(0, ids, count) == (uint32_t)json_integer_value(json_object_get(c, "crc"));
    free(ids);
    return same;
}

static void test_cases(const char *file, const struct rt_tokenizer *tok)
{
    size_t size;
    char *all = golden("cases.jsonl", &size), *rest = NULL;
    int cases = 0, wrong = 0, wrong_split = 0;
    for (char *line = strtok_r(all, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        json_t *c = json_loads(line, JSON_ALLOW_NUL, NULL);
        const char *name = json_string_value(json_object_get(c, "file"));
        if (name != NULL && strcmp(name, file) == 0) {
            size_t bytes;
            char *text = text_of(c, &bytes);
            const int good = encodes(tok, c, text, bytes, false);
            cases++;
            wrong += !good;
            wrong_split += json_object_get(c, "ids") != NULL && !encodes(tok, c, text, bytes, true);
            if (!good)
                diag("%.200s", line);
            free(text);
        }
        json_decref(c);
    }
    ok(cases > 400 && wrong == 0, "%s: %d of %d texts differ", file, wrong, cases);
    ok(wrong_split == 0, "%s: %d of them differ when special tokens are not recognised", file, wrong_split);
    free(all);
}

/* Every code point alone and between two letters: letters, numbers, spaces, NFC. */
static void test_codes(const struct rt_tokenizer *tok)
{
    size_t size;
    char *all = golden("codes.txt", &size), *rest = NULL;
    int blocks = 0, wrong = 0;
    for (char *line = strtok_r(all, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        unsigned first, want[2];
        uint32_t sum[2] = { 0, 0 };
        if (sscanf(line, "%x %x %x", &first, &want[0], &want[1]) != 3)
            continue;
        for (uint32_t c = first; c < first + 4096; c++)
            for (int form = 0; form < 2 && (c < 0xd800 || c >= 0xe000); form++) {
                uint8_t text[8] = "a";
                int32_t *ids;
                int64_t count;
                size_t bytes = (size_t)form + (size_t)rt_utf8_put(c, text + form);
                if (form == 1)
                    text[bytes++] = 'b';
                if (rt_tokenizer_encode(tok, (char *)text, bytes, false, &ids, &count, NULL) == RT_OK) {
                    sum[form] = crc32_of(sum[form], ids, count);
                    free(ids);
                }
            }
        blocks++;
        if (sum[0] != want[0] || sum[1] != want[1]) {
            wrong++;
            diag("from U+%04X: %08x %08x, recorded %08x %08x", first, sum[0], sum[1], want[0], want[1]);
        }
    }
    ok(blocks == 272 && wrong == 0,
       "every code point alone and between letters: %d of %d blocks of 4096 differ", wrong, blocks);
    free(all);
}

static void check_text(const struct rt_tokenizer *tok, const int32_t *ids, int64_t count, bool skip,
                       const char *want, const char *what)
{
    char *text = NULL;
    const rt_status st = rt_tokenizer_decode(tok, ids, count, skip, &text, NULL);
    ok(st == RT_OK && strcmp(text, want) == 0, "decode %s: \"%s\"", what, st == RT_OK ? text : "");
    free(text);
}

static void test_decode(const struct rt_tokenizer *tok)
{
    static const char text[] =
        "<|im_start|>It's \xe5\x89\x8d\xe6\x96\xb9 caf\xc3\xa9 \xf0\x9f\x91\x8d<|im_end|>\n";
    int32_t *ids;
    int64_t count;
    if (!ok(rt_tokenizer_encode(tok, text, sizeof text - 1, false, &ids, &count, NULL) == RT_OK,
            "a text encodes"))
        return;
    check_text(tok, ids, count, false, text, "what was encoded");
    check_text(tok, ids, count, true, "It's \xe5\x89\x8d\xe6\x96\xb9 caf\xc3\xa9 \xf0\x9f\x91\x8d\n",
               "without special");
    free(ids);
    check_text(tok, NULL, 0, false, "", "nothing");
    const int32_t f0 = rt_tokenizer_id(tok, "\xc3\xb0"),
                  x9f = rt_tokenizer_id(tok, "\xc4\xbd"); /* bytes f0 and 9f */
    const int32_t a = rt_tokenizer_id(tok, "a");
    const int32_t broken[] = { f0, x9f, a, x9f, 1 << 30, -5, f0 };
    check_text(tok, broken, 7, false,
               "\xef\xbf\xbd"
               "a"
               "\xef\xbf\xbd\xef\xbf\xbd",
               "a cut sequence as one U+FFFD, a stray byte as another, no token as nothing");
}

static void test_ids(const struct rt_tokenizer *plain, const struct rt_tokenizer *flags)
{
    ok(rt_tokenizer_id(plain, "<|endoftext|>") == 800 && rt_tokenizer_id(plain, "!") == 0, "ids by text");
    ok(rt_tokenizer_id(plain, "no such token") == -1 && rt_tokenizer_id(plain, "") == -1,
       "no id for what is no token");
    ok(rt_tokenizer_id(flags, "<LR>") == 802 && rt_tokenizer_id(flags, "\xc3\xa9") == 7, "ids of added tokens");
    rt_tokenizer_close(NULL);
}

static void test_text_refused(const struct rt_tokenizer *tok)
{
    const struct {
        const char *bytes;
        size_t count, at;
    } bad[] = {
        { "\x80", 1, 0 },
        { "ab\xff", 3, 2 },
        { "abcdefgh\xc3", 9, 8 },
        { "\xc3(", 2, 0 },
        { "\xc0\x80", 2, 0 },
        { "\xe0\x80\x80", 3, 0 },
        { "x\xed\xa0\x80", 4, 1 },
        { "\xf0\x80\x80\x80", 4, 0 },
        { "\xf4\x90\x80\x80", 4, 0 },
        { "\xf5\x80\x80\x80", 4, 0 },
        { "\xe4\xbd", 2, 0 },
        { "\xc1\xbf", 2, 0 },
        { "01234567890123456789\xf0\x9f\x91", 23, 20 },
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rt_error err = { .text = "" };
        char want[64];
        int32_t *ids = NULL;
        int64_t count = -1;
        snprintf(want, sizeof want, "byte %zu of a text (%02x)", bad[i].at,
                 (unsigned char)bad[i].bytes[bad[i].at]);
        wrong +=
            rt_tokenizer_encode(tok, bad[i].bytes, bad[i].count, false, &ids, &count, &err) != RT_ERR_DATA ||
            strncmp(err.text, want, strlen(want)) != 0 || ids != NULL || count != -1;
    }
    ok(wrong == 0, "bytes that are not UTF-8 are refused with their place: %d of %zu wrong", wrong,
       sizeof bad / sizeof *bad);
    int32_t *ids = NULL;
    int64_t count = -1;
    ok(rt_tokenizer_encode(tok, "", 0, false, &ids, &count, NULL) == RT_OK && count == 0 && ids != NULL,
       "an empty text has no ids");
    free(ids);
}

struct share {
    const struct rt_tokenizer *tok;
    uint32_t crc;
};

static void *encode_often(void *at)
{
    struct share *s = at;
    static const char text[] = "The white van, caf\x65\xcc\x81 <|image_pad|> slows 12345 down; it's the road.";
    for (int i = 0; i < 200; i++) {
        int32_t *ids;
        int64_t count;
        if (rt_tokenizer_encode(s->tok, text, sizeof text - 1, false, &ids, &count, NULL) != RT_OK)
            return NULL;
        s->crc = crc32_of(s->crc, ids, count);
        free(ids);
    }
    return NULL;
}

static void test_threads(const struct rt_tokenizer *tok)
{
    enum { THREADS = 4 };
    pthread_t thread[THREADS];
    struct share share[THREADS + 1];
    int wrong = 0;
    for (int t = 0; t <= THREADS; t++)
        share[t] = (struct share){ tok, 0 };
    encode_often(&share[THREADS]);
    for (int t = 0; t < THREADS; t++)
        if (pthread_create(&thread[t], NULL, encode_often, &share[t]) != 0)
            exit(!ok(0, "start a thread"));
    for (int t = 0; t < THREADS; t++) {
        pthread_join(thread[t], NULL);
        wrong += share[t].crc != share[THREADS].crc;
    }
    ok(wrong == 0 && share[THREADS].crc != 0, "%d threads share a tokenizer: %d differ", THREADS, wrong);
}

int main(void)
{
    struct rt_tokenizer *plain = golden_tokenizer("plain.json"), *flags = golden_tokenizer("flags.json");
    test_cases("plain.json", plain);
    test_cases("flags.json", flags);
    test_codes(plain);
    test_ids(plain, flags);
    test_decode(plain);
    test_text_refused(plain);
    test_threads(plain);
    rt_tokenizer_close(plain);
    rt_tokenizer_close(flags);
    return tap_done();
}
