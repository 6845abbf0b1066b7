/* tokenizer_train.c - a small byte-level BPE tokenizer from texts, for trial models. */
#include "config.h"
#include "data/tokenizer.h"
#include "data/unicode.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The added tokens of the published family, in their order; ids follow the last merge. */
static const char *const added[] = {
    "<|endoftext|>",  "<|im_start|>",   "<|im_end|>",     "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>",  "<|box_end|>",    "<|quad_start|>", "<|quad_end|>",         "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>",  "<|video_pad|>",
};
static const char pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

struct word {
    const uint8_t *text;
    size_t bytes;
    int64_t count;
    int32_t *symbol; /* [symbols] ids */
    int32_t symbols;
};
struct pair {
    uint64_t key; /* left << 32 | right; UINT64_MAX: empty */
    int64_t count;
};
struct trainer {
    char *text; /* all files below each other */
    size_t bytes;
    struct word *word;
    int64_t words, room;
    struct pair *pair; /* [PAIRS] hash table of one round */
    char (*name)[512]; /* [256 + merges] a symbol in the byte alphabet */
    uint64_t *merge;   /* [merges] pairs in the order of merging */
    int64_t merges;
    struct rt_error *err;
};
enum { PAIRS = 1 << 20 };

static rt_status out_of_memory(struct trainer *t)
{
    return rt_fail(t->err, RT_ERR_MEMORY, "out of memory training a tokenizer");
}

static rt_status read_texts(struct trainer *t, const char *const *files, int count)
{
    for (int i = 0; i < count; i++) {
        FILE *f = fopen(files[i], "rb");
        if (f == NULL)
            return rt_fail(t->err, RT_ERR_FILE, "%s: %s", files[i], strerror(errno));
        char block[65536];
        size_t got;
        while ((got = fread(block, 1, sizeof block, f)) > 0) {
            char *grown = t->bytes + got > RT_MOST_TEXT_BYTES ? NULL : realloc(t->text, t->bytes + got);
            if (grown == NULL) {
                fclose(f);
                return out_of_memory(t);
            }
            t->text = grown;
            memcpy(t->text + t->bytes, block, got);
            t->bytes += got;
        }
        fclose(f);
    }
    const size_t valid = rt_utf8_valid((const uint8_t *)t->text, t->bytes);
    if (t->bytes == 0 || valid < t->bytes)
        return rt_fail(t->err, RT_ERR_DATA, "the texts to train a tokenizer on are %s",
                       t->bytes == 0 ? "empty" : "not UTF-8");
    return RT_OK;
}

static int by_text(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    const size_t n = x->bytes < y->bytes ? x->bytes : y->bytes;
    const int order = memcmp(x->text, y->text, n);
    return order != 0 ? order : x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* Pre-tokens of the text, each once with its count. */
static rt_status count_words(struct trainer *t)
{
    for (size_t at = 0, n; at < t->bytes; at += n) {
        const uint8_t *text = (const uint8_t *)t->text + at;
        n = rt_pretoken(text, t->bytes - at);
        if (t->words == t->room) {
            const int64_t room = t->room == 0 ? 4096 : 2 * t->room;
            struct word *grown = realloc(t->word, (size_t)room * sizeof *grown);
            if (grown == NULL)
                return out_of_memory(t);
            t->word = grown;
            t->room = room;
        }
        t->word[t->words++] = (struct word){ text, n, 1, NULL, 0 };
    }
    qsort(t->word, (size_t)t->words, sizeof *t->word, by_text);
    int64_t kept = 0;
    for (int64_t i = 0; i < t->words; i++) {
        if (kept > 0 && by_text(&t->word[kept - 1], &t->word[i]) == 0)
            t->word[kept - 1].count++;
        else
            t->word[kept++] = t->word[i];
    }
    t->words = kept;
    for (int64_t i = 0; i < kept; i++) {
        struct word *w = &t->word[i];
        w->symbol = malloc(w->bytes * sizeof *w->symbol);
        if (w->symbol == NULL)
            return out_of_memory(t);
        w->symbols = (int32_t)w->bytes;
    }
    return RT_OK;
}

/* Ids 0 .. 255 are the bytes in the order of their code points: 21-7E, A1-AC, AE-FF, then the rest. */
static void byte_alphabet(struct trainer *t)
{
    int id = 0, id_of[256];
    for (int round = 0; round < 2; round++) {
        for (int byte = 0; byte < 256; byte++) {
            const bool itself =
                (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
            if (itself != (round == 0))
                continue;
            const int n =
                rt_utf8_put(itself ? (uint32_t)byte : 0x100u + (uint32_t)(id - 188), (uint8_t *)t->name[id]);
            t->name[id][n] = '\0';
            id_of[byte] = id++;
        }
    }
    for (int64_t i = 0; i < t->words; i++)
        for (size_t k = 0; k < t->word[i].bytes; k++)
            t->word[i].symbol[k] = id_of[t->word[i].text[k]];
}

static void count_pair(struct trainer *t, uint64_t key, int64_t count)
{
    uint64_t at = (key * 0x9e3779b97f4a7c15u) >> 44; /* 20 bits */
    while (t->pair[at].key != UINT64_MAX && t->pair[at].key != key)
        at = (at + 1) % PAIRS;
    t->pair[at].key = key;
    t->pair[at].count += count;
}

/* The commonest pair, the smallest ids among equals; 0 if none comes twice. Words are few, so each round counts
 * anew. */
static bool best_pair(struct trainer *t, uint64_t *best)
{
    for (int64_t i = 0; i < PAIRS; i++)
        t->pair[i] = (struct pair){ UINT64_MAX, 0 };
    int64_t distinct_most = 0;
    for (int64_t i = 0; i < t->words && distinct_most < PAIRS / 2; i++) {
        const struct word *w = &t->word[i];
        for (int32_t k = 0; k + 1 < w->symbols; k++, distinct_most++)
            count_pair(t, (uint64_t)w->symbol[k] << 32 | (uint64_t)w->symbol[k + 1], w->count);
    }
    int64_t most = 1;
    for (int64_t i = 0; i < PAIRS; i++) {
        const struct pair *p = &t->pair[i];
        if (p->key == UINT64_MAX || p->count < most || (p->count == most && (most == 1 || p->key > *best)))
            continue;
        const char *left = t->name[p->key >> 32], *right = t->name[p->key & 0xffffffffu];
        if (strlen(left) + strlen(right) >= sizeof *t->name)
            continue;
        most = p->count;
        *best = p->key;
    }
    return most > 1;
}

static void apply(struct trainer *t, uint64_t pair, int32_t id)
{
    for (int64_t i = 0; i < t->words; i++) {
        struct word *w = &t->word[i];
        int32_t kept = 0;
        for (int32_t k = 0; k < w->symbols; k++) {
            const bool joins =
                k + 1 < w->symbols && ((uint64_t)w->symbol[k] << 32 | (uint64_t)w->symbol[k + 1]) == pair;
            w->symbol[kept++] = joins ? id : w->symbol[k];
            k += joins;
        }
        w->symbols = kept;
    }
}

static bool is_taken(const struct trainer *t, const char *name)
{
    for (int64_t i = 0; i < 256 + t->merges; i++)
        if (strcmp(t->name[i], name) == 0)
            return true;
    return false;
}

static void learn(struct trainer *t, int64_t wanted)
{
    uint64_t pair = 0;
    while (t->merges < wanted && best_pair(t, &pair)) {
        const int32_t id = (int32_t)(256 + t->merges);
        char joined[2 * sizeof *t->name];
        snprintf(joined, sizeof joined, "%s%s", t->name[pair >> 32], t->name[pair & 0xffffffffu]);
        if (is_taken(t, joined)) /* two ways to the same text would give it two ids */
            return;
        memcpy(t->name[id], joined, strlen(joined) + 1);
        t->merge[t->merges++] = pair;
        apply(t, pair, id);
    }
}

static json_t *model_json(const struct trainer *t)
{
    json_t *vocab = json_object(), *merges = json_array();
    for (int64_t i = 0; i < 256 + t->merges; i++)
        json_object_set_new(vocab, t->name[i], json_integer(i));
    for (int64_t i = 0; i < t->merges; i++)
        json_array_append_new(
            merges, json_sprintf("%s %s", t->name[t->merge[i] >> 32], t->name[t->merge[i] & 0xffffffffu]));
    return json_pack("{s:s, s:n, s:n, s:s, s:s, s:b, s:b, s:o, s:o}", "type", "BPE", "dropout", "unk_token",
                     "continuing_subword_prefix", "", "end_of_word_suffix", "", "fuse_unk", 0, "byte_fallback",
                     0, "vocab", vocab, "merges", merges);
}

static json_t *tokenizer_json(const struct trainer *t)
{
    json_t *tokens = json_array();
    for (size_t i = 0; i < sizeof added / sizeof *added; i++)
        json_array_append_new(tokens, json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id",
                                                (json_int_t)(256 + t->merges + (int64_t)i), "content", added[i],
                                                "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0,
                                                "special", 1));
    json_t *bytes = json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                              "trim_offsets", 0, "use_regex", 0);
    json_t *split = json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex", pattern,
                              "behavior", "Isolated", "invert", 0);
    return json_pack("{s:s, s:n, s:n, s:o, s:{s:s}, s:{s:s, s:[oO]}, s:O, s:o, s:o}", "version", "1.0",
                     "truncation", "padding", "added_tokens", tokens, "normalizer", "type", "NFC",
                     "pre_tokenizer", "type", "Sequence", "pretokenizers", split, bytes, "post_processor",
                     bytes, "decoder", bytes, "model", model_json(t));
}

static rt_status train(struct trainer *t, const char *const *files, int count, int64_t merges, char **json,
                       size_t *bytes)
{
    RT_TRY(read_texts(t, files, count));
    RT_TRY(count_words(t));
    t->pair = malloc(PAIRS * sizeof *t->pair);
    t->name = calloc((size_t)(256 + merges), sizeof *t->name);
    t->merge = calloc((size_t)merges + 1, sizeof *t->merge);
    if (t->pair == NULL || t->name == NULL || t->merge == NULL)
        return out_of_memory(t);
    byte_alphabet(t);
    learn(t, merges);
    json_t *root = tokenizer_json(t);
    *json = root == NULL ? NULL : json_dumps(root, JSON_INDENT(1));
    json_decref(root);
    if (*json == NULL)
        return out_of_memory(t);
    *bytes = strlen(*json);
    return RT_OK;
}

rt_status rt_tokenizer_train(const char *const *files, int count, int64_t merges, char **json, size_t *bytes,
                             struct rt_error *err)
{
    struct trainer t = { .err = err };
    if (merges < 0 || merges > 100000)
        return rt_fail(err, RT_ERR_USAGE, "a trial tokenizer has from 0 to 100000 merges, not %lld",
                       (long long)merges);
    const rt_status st = train(&t, files, count, merges, json, bytes);
    for (int64_t i = 0; i < t.words && t.word != NULL; i++)
        free(t.word[i].symbol);
    free(t.word);
    free(t.text);
    free(t.pair);
    free(t.name);
    free(t.merge);
    return st;
}
