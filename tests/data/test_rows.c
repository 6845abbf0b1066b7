/*
 * test_rows.c - rows of all layouts to tokens, labels and pictures, against what LLaMA-Factory makes of them.
 *
 * tests/golden/rows/expect.json was written by make_rows.py there: for each set and each choice of options,
 * every row's length, learned tokens, picture sizes and a digest of ids and labels, or that it is bad.
 */
#include "config.h"
#include "data/rows.h"
#include "dist/dist.h"
#include "tap.h"

#include <jansson.h>
#include <string.h>

struct bench {
    struct rt_dist *dist;
    char *dir; /* tests/golden/rows/data */
    struct rt_tokenizer *tok;
    struct rt_image_rules rules;
};

static void must(rt_status st, const struct rt_error *err)
{
    if (st != RT_OK) {
        printf("Bail out! %s\n", err->text);
        exit(1);
    }
}

static char *path_of(const char *name)
{
    const char *src = getenv("RT_SRCDIR") != NULL ? getenv("RT_SRCDIR") : ".";
    const size_t bytes = strlen(src) + strlen(name) + 32;
    char *path = malloc(bytes);
    snprintf(path, bytes, "%s/tests/golden/rows/%s", src, name);
    return path;
}

static struct rt_data_options options_of(const struct bench *b, const json_t *set)
{
    struct rt_data_options opt = {
        .dataset_dir = b->dir,
        .media_dir = b->dir,
        .template_name = "qwen2_vl",
        .cutoff_len = 2048,
        .max_samples = -1,
        .seed = 42,
        .image_max_pixels = 589824,
        .image_min_pixels = 1024,
    };
    const json_t *cutoff = json_object_get(set, "cutoff_len");
    if (cutoff != NULL)
        opt.cutoff_len = json_integer_value(cutoff);
    opt.default_system = json_string_value(json_object_get(set, "default_system"));
    opt.mask_history = json_is_true(json_object_get(set, "mask_history"));
    opt.train_on_prompt = json_is_true(json_object_get(set, "train_on_prompt"));
    opt.split_special_tokens = json_is_true(json_object_get(set, "split_special_tokens"));
    return opt;
}

static struct rt_encoder encoder_of(const struct bench *b, const struct rt_data_options *opt)
{
    return (struct rt_encoder){
        .opt = opt,
        .tok = b->tok,
        .rules = &b->rules,
        .image_id = rt_tokenizer_id(b->tok, "<|image_pad|>"),
        .vision_start_id = rt_tokenizer_id(b->tok, "<|vision_start|>"),
        .vision_end_id = rt_tokenizer_id(b->tok, "<|vision_end|>"),
        .pad_id = rt_tokenizer_id(b->tok, "<|endoftext|>"),
    };
}

static void hash(uint64_t *h, int32_t x)
{
    for (int i = 0; i < 4; i++)
        *h = (*h ^ ((uint32_t)x >> 8 * i & 0xff)) * 0x100000001b3u;
}

/* FNV-1a over ids, then labels, with pictures expanded. */
static uint64_t digest(const struct rt_sample *s, int32_t image_id)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t i = 0, picture = 0; i < s->count; i++) {
            const int32_t n = s->ids[i] == image_id ? s->picture[picture++].tokens : 1;
            for (int32_t k = 0; k < n; k++)
                hash(&h, pass == 0 || s->learn[i] ? s->ids[i] : -100);
        }
    }
    return h;
}

static bool same_row(const struct rt_sample *s, const json_t *want, int32_t image_id)
{
    char hex[20];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)digest(s, image_id));
    const json_t *pictures = json_object_get(want, "pictures");
    bool same = s->length == json_integer_value(json_object_get(want, "length")) &&
                s->learned == json_integer_value(json_object_get(want, "learned")) &&
                (size_t)s->pictures == json_array_size(pictures) &&
                strcmp(hex, json_string_value(json_object_get(want, "digest"))) == 0;
    for (int32_t i = 0; i < s->pictures && same; i++) {
        const json_t *size = json_array_get(pictures, (size_t)i);
        same = s->picture[i].width == json_integer_value(json_array_get(size, 0)) &&
               s->picture[i].height == json_integer_value(json_array_get(size, 1));
    }
    return same;
}

static void against_reference(const struct bench *b, const json_t *entry)
{
    const char *name = json_string_value(json_object_get(entry, "set"));
    const json_t *set = json_object_get(entry, "options"), *want = json_object_get(entry, "rows");
    const struct rt_data_options opt = options_of(b, set);
    const struct rt_encoder encoder = encoder_of(b, &opt);
    char *shown = json_dumps(set, 0);
    struct rt_rows *rows;
    struct rt_error err;
    must(rt_rows_open(&rows, &opt, &name, 1, b->dist, &err), &err);
    int bad = 0, wrong = 0;
    for (int64_t i = 0; i < rt_rows_count(rows); i++) {
        struct rt_sample sample;
        const json_t *row = json_array_get(want, (size_t)i);
        const rt_status st = rt_row_encode(rows, i, &encoder, &sample, &err);
        const bool want_bad = json_object_get(row, "bad") != NULL;
        const bool same =
            st == RT_OK ? !want_bad && same_row(&sample, row, encoder.image_id) : st == RT_ERR_DATA && want_bad;
        if (!same)
            diag("row %lld: %s, the reference: %s", (long long)i, st == RT_OK ? "encoded" : err.text,
                 want_bad ? json_string_value(json_object_get(row, "bad")) : "encoded");
        wrong += !same;
        bad += st != RT_OK;
        if (st == RT_OK)
            rt_sample_free(&sample);
    }
    ok(wrong == 0 && rt_rows_count(rows) == (int64_t)json_array_size(want),
       "%s with %s: %d of %lld rows differ from the reference, %d are bad for both", name, shown, wrong,
       (long long)rt_rows_count(rows), bad);
    rt_rows_close(rows);
    free(shown);
}

/* Reasons, in the words that end in bad_rows.jsonl. */
static void reasons(const struct bench *b)
{
    static const struct {
        const char *set;
        int64_t row, cutoff;
        const char *want;
    } cases[] = {
        { "alpaca", 7, 2048, "no answer: column \"output\" is missing or null; write a text" },
        { "alpaca", 17, 2048, "the turns have 1 <image> but the row has 0 pictures" },
        { "alpaca", 22, 2048,
          "turn 1 (or the system's or tools' text): the text itself holds <|image_pad|>, which only a "
          "picture may bring" },
        { "alpaca", 10, 30,
          "cutoff_len: 30 cuts a picture off; the row has 96 tokens: write cutoff_len: 96 or more, or a "
          "smaller image_max_pixels" },
        { "alpaca", 28, 2048, "tools: this is no JSON: byte 3: a key in quotes was expected" },
        { "sharegpt", 2, 2048,
          "3 messages without the system's; there must be an answer to each question, so an even "
          "number of them" },
        { "sharegpt", 4, 2048,
          "message 1: \"from\" is \"gpt\"; write human here: user and assistant take turns, and the "
          "user begins" },
        { "sharegpt", 9, 2048, "message 2: \"value\" is missing or null; write a text" },
        { "sharegpt", 17, 2048, "tool call: this is no JSON: byte 1: no JSON value" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rt_data_options opt = options_of(b, NULL);
        opt.cutoff_len = cases[i].cutoff;
        const struct rt_encoder encoder = encoder_of(b, &opt);
        struct rt_sample sample;
        struct rt_rows *rows;
        struct rt_error err = { .text = "" };
        must(rt_rows_open(&rows, &opt, &cases[i].set, 1, b->dist, &err), &err);
        const rt_status st = rt_row_encode(rows, cases[i].row, &encoder, &sample, &err);
        ok(st == RT_ERR_DATA && strcmp(err.text, cases[i].want) == 0, "%s row %lld: %s", cases[i].set,
           (long long)cases[i].row, err.text);
        if (st == RT_OK)
            rt_sample_free(&sample);
        rt_rows_close(rows);
    }
}

/* The length that a cut picture asks for has to be enough, and one less must not be promised. */
static void asked_length(const struct bench *b)
{
    const char *name = "sharegpt";
    struct rt_data_options opt = options_of(b, NULL);
    struct rt_encoder encoder = encoder_of(b, &opt);
    struct rt_rows *rows;
    struct rt_error err;
    must(rt_rows_open(&rows, &opt, &name, 1, b->dist, &err), &err);
    int asked = 0, enough = 0;
    for (int64_t i = 0; i < rt_rows_count(rows); i++) {
        for (opt.cutoff_len = 20; opt.cutoff_len < 400; opt.cutoff_len += 7) {
            struct rt_sample sample;
            const int64_t cutoff = opt.cutoff_len;
            const rt_status st = rt_row_encode(rows, i, &encoder, &sample, &err);
            const char *text = strstr(err.text, "write cutoff_len: ");
            if (st == RT_OK) {
                rt_sample_free(&sample);
            } else if (strstr(err.text, "cuts a picture off") != NULL && text != NULL) {
                asked++;
                opt.cutoff_len = atoll(text + strlen("write cutoff_len: "));
                if (rt_row_encode(rows, i, &encoder, &sample, &err) == RT_OK) {
                    enough += sample.length == opt.cutoff_len;
                    rt_sample_free(&sample);
                }
            }
            opt.cutoff_len = cutoff;
        }
    }
    ok(asked > 20 && enough == asked, "the cutoff_len that a message asks for holds the whole row: %d of %d",
       enough, asked);
    rt_rows_close(rows);
}

static void for_people(const struct bench *b)
{
    const char *name = "alpaca";
    const struct rt_data_options opt = options_of(b, NULL);
    const struct rt_encoder encoder = encoder_of(b, &opt);
    struct rt_rows *rows;
    struct rt_error err;
    char *text = NULL, want[8192];
    must(rt_rows_open(&rows, &opt, &name, 1, b->dist, &err), &err);
    must(rt_row_text(rows, 15, &encoder, &text, &err), &err);
    snprintf(
        want, sizeof want,
        "%s/alpaca.json row 16 (line 95): 64 tokens, 9 learned, 1 pictures\n"
        "      | <|im_start|>system\n"
        "      | You are a helpful assistant.<|im_end|>\n"
        "      | <|im_start|>user\n"
        "      | <|vision_start|>[%s/images/a.png: 112 x 56 pixels, 8 tokens]<|vision_end|>What?<|im_end|>\n"
        "      | <|im_start|>assistant\n"
        "learn | A picture.<|im_end|>\n",
        b->dir, b->dir);
    if (!ok(strcmp(text, want) == 0, "a row's text shows turns, picture and what is learned"))
        diag("%s", text);
    free(text);
    rt_rows_close(rows);
}

int main(int argc, char **argv)
{
    struct bench b = { .dir = path_of("data") };
    struct rt_error err;
    char *path = path_of("tokenizer.json"), *text;
    size_t bytes;
    must(rt_dist_open(&b.dist, &argc, &argv, &err), &err);
    must(rt_dist_read_file(b.dist, path, &text, &bytes, &err), &err);
    must(rt_tokenizer_open(&b.tok, text, bytes, &err), &err);
    must(rt_image_rules_read(&b.rules, NULL, 0, true, 589824, 1024, &err), &err);
    free(text);
    free(path);
    path = path_of("expect.json");
    json_t *expect = json_load_file(path, 0, NULL), *entry;
    size_t i;
    ok(json_array_size(expect) > 40, "%zu sets with options in expect.json", json_array_size(expect));
    json_array_foreach (expect, i, entry)
        against_reference(&b, entry);
    reasons(&b);
    asked_length(&b);
    for_people(&b);
    json_decref(expect);
    free(path);
    free(b.dir);
    rt_tokenizer_close(b.tok);
    rt_dist_close(b.dist);
    return tap_done();
}
