/* tests/data/test_tokenizer_bad.c - tokenizer.json files that are cut short, lie, or ask for what is not done
 * here. */
#include "config.h"
#include "data/tokenizer_files.h"
#include "base/rng.h"

#include <ctype.h>

/* The golden file with the first `from` replaced by `to`, malloc'ed; NULL: it has no `from`. */
static char *edited(const char *json, const char *from, const char *to)
{
    const char *at = strstr(json, from);
    if (at == NULL)
        return NULL;
    char *out = malloc(strlen(json) + strlen(to) + 1);
    memcpy(out, json, (size_t)(at - json));
    strcpy(out + (at - json), to);
    strcat(out, at + strlen(from));
    return out;
}

/* What a person is told is part of the contract: each edit must be refused with a text that has `told` in it.
 */
static void test_edits(const char *json)
{
    static const struct {
        const char *from, *to, *told;
    } edit[] = {
        { "\"type\": \"BPE\"", "\"type\": \"Unigram\"",
          "model.type: \"Unigram\" is not supported; only \"BPE\" is" },
        { "\"dropout\": null", "\"dropout\": 0.1", "model.dropout: 0.1" },
        { "\"byte_fallback\": false", "\"byte_fallback\": true", "model.byte_fallback: true" },
        { "\"continuing_subword_prefix\": null", "\"continuing_subword_prefix\": \"##\"", "prefix: \"##\"" },
        { "\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"", "suffix: \"</w>\"" },
        { "\"ignore_merges\": false", "\"ignore_merges\": 1", "model.ignore_merges: 1" },
        { "\"type\": \"NFC\"", "\"type\": \"NFKC\"", "normalizer: {\"type\":\"NFKC\"} is not supported" },
        { "\\\\p{N}|", "\\\\p{N}{1,3}|", "Split.pattern" },
        { "\"behavior\": \"Isolated\"", "\"behavior\": \"Removed\"", "Split.behavior: \"Removed\"" },
        { "\"invert\": false", "\"invert\": true", "Split.invert: true" },
        { "\"use_regex\": false", "\"use_regex\": true", "ByteLevel.use_regex: true" },
        { "\"add_prefix_space\": false", "\"add_prefix_space\": true", "ByteLevel.add_prefix_space: true" },
        { "\"pre_tokenizer\"", "\"other\"", "pre_tokenizer: nothing is not supported" },
        { "\"post_processor\": {", "\"post_processor\": {\"type\": \"TemplateProcessing\"}, \"x\": {",
          "post_processor: {\"type\":\"TemplateProcessing\"}" },
        { "\"decoder\": {", "\"decoder\": {\"type\": \"Metaspace\"}, \"x\": {",
          "decoder: {\"type\":\"Metaspace\"}" },
        { "\"model\"", "\"modle\"", "model is missing" },
        { "\"vocab\"", "\"vocap\"", "model.vocab is missing" },
        { "\"merges\"", "\"merge\"", "model.merges is missing" },
        { "\"vocab\": {", "\"vocab\": {}, \"vocab\": {", "vocab is there twice" },
        { "\"!\": 0", "\"!\": -1", "-1 is not from 0" },
        { "\"!\": 0", "\"!\": 0.5", "a whole number should follow" },
        { "\"!\": 0", "\"!\": 99999999999999999999", "a whole number should follow" },
        { "\"!\": 0", "\"!\": 4194304", "4194304 is not from 0 to 4194303" },
        { "\"!\": 0", "\"!\": 1", "has id 1, which \"!\" has too" },
        { "\"!\": 0", "\"\\u0022\": 0", "is there twice" },
        { "\"!\": 0", "\"!!!\": 0", "no token for byte 21 (U+0021)" },
        { "\"!\": 0", "\"\\ud800\": 0", "half of a surrogate pair" },
        { "\"!\": 0", "\"\\ud800\\u0041\": 0", "is no surrogate pair" },
        { "\"!\": 0", "\"\\q\": 0", "after a backslash" },
        { "\"!\": 0", "\"\\u12\": 0", "four hexadecimal digits" },
        { "\"!\": 0", "\"\n\": 0", "control character 0a" },
        { "\"!\": 0", "\"!\" 0", "\":\" should follow" },
        { "\"!\": 0,", "\"!\": 0", "\",\" or \"}\" should follow" },
        { "\"merges\": [", "\"merges\": [\"ab\",", "\"ab\" is not two tokens" },
        { "\"merges\": [", "\"merges\": [\"a b c\",", "\"a b c\" is not two tokens" },
        { "\"merges\": [", "\"merges\": [[\"a\",\"b\",\"c\"],", "neither more nor fewer" },
        { "\"merges\": [", "\"merges\": [[\"a\"],", "neither more nor fewer" },
        { "\"merges\": [", "\"merges\": [7,", "a list [...] should follow" },
        { "\"merges\": [", "\"merges\": [\"a qqq\",", "\"qqq\" is needed to merge \"a\" and \"qqq\"" },
        { "\"merges\": [", "\"merges\": [\"qqq a\",", "\"qqq\" is needed to merge \"qqq\" and \"a\"" },
        { "\"merges\": [", "\"merges\": [\"! !\",", "\"!!\" is needed to merge \"!\" and \"!\"" },
        { "\"id\": 801", "\"id\": 802", "\"<|im_start|>\" has id 802 but must have 801" },
        { "\"id\": 801", "\"id\": \"x\"", "has id \"x\" but must have 801" },
        { "<|im_end|>", "<|im_start|>", "but must have 801: it is in the vocabulary" },
        { "<|im_end|>", "", "added_tokens[2].content must be a text" },
        { "\"lstrip\": false", "\"lstrip\": null", "added_tokens[0].lstrip: null is not supported" },
        { "\"rstrip\": false,", "", "added_tokens[0].rstrip: nothing" },
        { "\"added_tokens\": [", "\"added_tokens\": {}, \"x\": [", "added_tokens: {} is not supported" },
        { "\"added_tokens\": [", "\"added_tokens\": [5,", "added_tokens[0].content must be a text" },
        { "\"truncation\": null", "\"truncation\": nul", "truncation: " },
        { "\"truncation\": null", "\"truncation\": [1, 2", "truncation: ']' expected" },
        { "{", "[", "an object {...} should follow" },
    };
    for (size_t e = 0; e < sizeof edit / sizeof *edit; e++) {
        struct rt_tokenizer *tok = NULL;
        struct rt_error err = { .text = "" };
        char *text = edited(json, edit[e].from, edit[e].to);
        const rt_status st = text != NULL ? rt_tokenizer_open(&tok, text, strlen(text), &err) : RT_OK;
        ok(st == RT_ERR_FILE && tok == NULL && strstr(err.text, edit[e].told) != NULL &&
               strncmp(err.text, "tokenizer.json:", 15) == 0,
           "%s to %s: %s", edit[e].from, edit[e].to, err.text);
        rt_tokenizer_close(tok);
        free(text);
    }
}

/* Files that look odd and are all right. */
static void test_accepted(const char *json)
{
    static const struct {
        const char *from, *to;
    } edit[] = {
        { "\"type\": \"BPE\",", "" },
        { "\"merges\": [", "\"merges\": [\"#version: 0.2\"," },
        { "\"truncation\": null", "\"truncation\": {\"max_length\": 512}" },
        { "\"post_processor\": {", "\"post_processor\": null, \"x\": {" },
        { "\"decoder\": {", "\"decoder\": null, \"x\": {" },
        { "\"continuing_subword_prefix\": null", "\"continuing_subword_prefix\": \"\"" },
        { "\"ignore_merges\": false", "\"unknown_key\": {\"a\": [1, \"]}\"]}" },
        { "\"!\": 0", "\"\\u0021\" :\t0" },
    };
    for (size_t e = 0; e < sizeof edit / sizeof *edit; e++) {
        struct rt_tokenizer *tok = NULL;
        struct rt_error err = { .text = "" };
        char *text = edited(json, edit[e].from, edit[e].to);
        const rt_status st = text != NULL ? rt_tokenizer_open(&tok, text, strlen(text), &err) : RT_ERR_INTERNAL;
        ok(st == RT_OK && rt_tokenizer_id(tok, "!") == 0, "%s to %s is fine %s", edit[e].from, edit[e].to,
           err.text);
        rt_tokenizer_close(tok);
        free(text);
    }
}

/* Every start of the file: all its brackets are needed, so none of them opens, save for white space at its end.
 */
static void test_cut(const char *json, size_t bytes)
{
    int opened = 0, silent = 0, tried = 0;
    while (bytes > 0 && isspace((unsigned char)json[bytes - 1]))
        bytes--;
    for (size_t n = 0; n < bytes; n += n < 200 || n + 200 > bytes ? 1 : 37) {
        struct rt_tokenizer *tok = NULL;
        struct rt_error err = { .text = "" };
        char *copy = malloc(n + 1); /* of its size, so that a sanitizer sees a read past the end */
        memcpy(copy, json, n);
        const rt_status st = rt_tokenizer_open(&tok, copy, n, &err);
        opened += st == RT_OK;
        silent += st != RT_ERR_FILE || strncmp(err.text, "tokenizer.json:", 15) != 0;
        rt_tokenizer_close(tok);
        free(copy);
        tried++;
    }
    ok(opened == 0 && silent == 0, "%d starts of the file: %d open, %d without a text", tried, opened, silent);
}

/* Bytes changed at random: it opens or says why, and one that opens can be used. */
static void test_flipped(const char *json, size_t bytes, uint64_t seed)
{
    enum { TRIES = 1500 };
    static const char interesting[] = "{}[]\",:\\0129-eE.\x80\xff\n ut";
    struct rt_mt19937 g;
    int opened = 0, bad = 0;
    char *copy = malloc(bytes);
    rt_mt19937_seed(&g, seed);
    for (int t = 0; t < TRIES; t++) {
        struct rt_tokenizer *tok = NULL;
        struct rt_error err = { .text = "" };
        memcpy(copy, json, bytes);
        for (uint32_t k = 0; k < 1 + (uint32_t)t % 3; k++) {
            const uint32_t r = rt_mt19937_u32(&g);
            copy[rt_mt19937_u32(&g) % bytes] =
                r % 2 == 0 ? interesting[r / 2 % (sizeof interesting - 1)] : (char)(r >> 8);
        }
        const rt_status st = rt_tokenizer_open(&tok, copy, bytes, &err);
        if (st == RT_OK) {
            int32_t *ids;
            int64_t count;
            opened++;
            bad += rt_tokenizer_encode(tok, "The road, it's e\xcc\x81 <S> 12", 22, false, &ids, &count, NULL) !=
                   RT_OK;
            free(ids);
        } else {
            bad += st != RT_ERR_FILE || err.text[0] == '\0';
        }
        rt_tokenizer_close(tok);
    }
    free(copy);
    ok(bad == 0, "%d files with changed bytes: %d open, %d neither open nor say why", (int)TRIES, opened, bad);
}

int main(void)
{
    size_t bytes, flag_bytes;
    char *plain = golden("plain.json", &bytes), *flags = golden("flags.json", &flag_bytes);
    test_edits(plain);
    test_accepted(plain);
    test_cut(plain, bytes);
    test_cut(flags, flag_bytes);
    test_flipped(plain, bytes, 1);
    test_flipped(flags, flag_bytes, 2);
    free(plain);
    free(flags);
    return tap_done();
}
