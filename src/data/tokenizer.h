/*
 * tokenizer.h - the byte-level BPE of the Qwen2 family, in the parts it is made of.
 *
 * A text goes: added tokens with normalized false are cut out of it; what is between them is put into NFC;
 * added tokens with normalized true are cut out; what is between is split into pre-tokens; each is merged into
 * tokens.
 */
#ifndef RT_DATA_TOKENIZER_H
#define RT_DATA_TOKENIZER_H

#include "data/data.h"

enum {
    RT_MOST_IDS = 1 << 22, /* an id is below; the largest vocabularies known are a sixteenth of it */
    RT_MOST_JSON_BYTES = 1 << 30,
    RT_MOST_TEXT_BYTES = 1 << 28, /* of one text; NFC can make three of one, which still is an int32_t */
    RT_ALPHABET = 0x144           /* code points that stand for bytes in a token's text are below */
};

enum rt_token_kind { RT_NO_TOKEN, RT_ORDINARY, RT_ADDED, RT_SPECIAL };

struct rt_token {
    uint32_t at, bytes; /* its text in the pool, as the file writes it, NUL-terminated */
    uint8_t kind;
    bool in_vocab; /* model.vocab has it */
};

/* A hash table from text to id; id -1: empty. */
struct rt_text_slot {
    uint32_t hash;
    int32_t id;
};

/* A hash table from a pair of ids to what they merge into. */
struct rt_merge {
    uint64_t pair; /* left << 32 | right; UINT64_MAX: empty */
    uint32_t rank;
    int32_t id;
};

struct rt_added {
    int32_t id;
    bool single_word, lstrip, rstrip, special;
};

/* A tree over the bytes of some added tokens; node 0 is the root. */
struct rt_trie_node {
    int32_t child, sibling; /* -1: none */
    int32_t added;          /* index of the token that ends here, -1: none */
    uint8_t byte;
};
struct rt_trie {
    struct rt_trie_node *node;
    int64_t nodes, room;
    int32_t first[256]; /* child of the root by byte, -1: none */
    int only;           /* the one byte all tokens start with, -1: several, -2: no tokens */
};

struct rt_tokenizer {
    char *pool;
    size_t pool_used, pool_bytes;
    struct rt_token *token; /* [tokens] by id; some may be missing */
    int64_t tokens, token_room;
    int64_t vocab;                /* entries of model.vocab */
    struct rt_text_slot *by_text; /* [text_mask + 1] */
    uint32_t text_mask;
    struct rt_merge *merge; /* [1 << merge_bits] */
    int merge_bits;
    int32_t byte_id[256];
    uint16_t alphabet[256];       /* code point that stands for a byte */
    int16_t byte_of[RT_ALPHABET]; /* and back; -1: stands for none */
    struct rt_added *added;       /* [addeds] */
    int64_t addeds;
    struct rt_trie raw, normalized; /* those searched before and after NFC */
    bool nfc, ignore_merges;
};

/* What one call of encode needs besides the tokenizer; starts as { 0 }. */
struct rt_scratch {
    int32_t *ids;
    int64_t count, room;
    struct rt_cached *cache; /* [cache_mask + 1] recent pre-tokens of this text; NULL: too short a text */
    uint32_t cache_mask;
    uint8_t *normal; /* a piece in NFC */
    size_t normal_room;
    uint32_t *codes;   /* code points being ordered and composed */
    size_t codes_room; /* bytes; the second half is for sorting */
    void *bpe;         /* symbols and heap of a long pre-token */
    size_t bpe_bytes;
    char *key; /* a pre-token in the byte alphabet */
    size_t key_bytes;
};
void rt_scratch_free(struct rt_scratch *s);
/* Room for `bytes` at *at, of which there are *have; kept contents. NULL in *at is fine. */
rt_status rt_scratch_grow(void **at, size_t *have, size_t bytes, struct rt_error *err);
/* Room for `more` ids behind those there. */
rt_status rt_scratch_ids(struct rt_scratch *s, int64_t more, struct rt_error *err);

/* tokenizer_load.c: fill an empty struct from the file's text. */
rt_status rt_tokenizer_load(struct rt_tokenizer *tok, const char *json, size_t bytes, struct rt_error *err);

/* tokenizer_settings.c: whether everything but vocab and merges is what this tokenizer does, and the added
 * tokens. `rest` is the file as a tree, without those two. */
struct json_t;
rt_status rt_settings_check(struct rt_tokenizer *tok, const struct json_t *rest, struct rt_error *err);
rt_status rt_settings_added(struct rt_tokenizer *tok, const struct json_t *rest, struct rt_error *err);

/* tokenizer_vocab.c: a new token, in_vocab where it is RT_ORDINARY; tokens by text; merges. */
rt_status rt_vocab_add(struct rt_tokenizer *tok, int32_t id, const char *text, size_t bytes,
                       enum rt_token_kind kind, struct rt_error *err);
rt_status rt_vocab_index(struct rt_tokenizer *tok, int64_t more, struct rt_error *err);
void rt_vocab_link(struct rt_tokenizer *tok, int32_t id);
int32_t rt_vocab_find(const struct rt_tokenizer *tok, const char *text, size_t bytes);
rt_status rt_merges_open(struct rt_tokenizer *tok, int64_t count, struct rt_error *err);
void rt_merges_put(struct rt_tokenizer *tok, int32_t left, int32_t right, uint32_t rank, int32_t id);

/* What a pair of ids merges into, NULL: nothing. */
static inline const struct rt_merge *rt_merges_find(const struct rt_tokenizer *tok, int32_t left, int32_t right)
{
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    const uint64_t mask = ((uint64_t)1 << tok->merge_bits) - 1;
    uint64_t at = pair * 0x9E3779B97F4A7C15u >> (64 - tok->merge_bits);
    for (; tok->merge[at].pair != UINT64_MAX; at = (at + 1) & mask)
        if (tok->merge[at].pair == pair)
            return &tok->merge[at];
    return NULL;
}

/* tokenizer_added.c */
void rt_trie_init(struct rt_trie *trie);
rt_status rt_trie_add(struct rt_trie *trie, const uint8_t *text, size_t bytes, int32_t added,
                      struct rt_error *err);
struct rt_match {
    size_t start, stop; /* with the white space that lstrip and rstrip take */
    int32_t id;
};
/* The next added token in text, searching from *from, which moves behind it. Text before `taken` is spoken for.
 */
bool rt_added_find(const struct rt_tokenizer *tok, const struct rt_trie *trie, const uint8_t *text,
                   size_t bytes, bool split_special, size_t *from, size_t taken, struct rt_match *match);

/* normalize.c: text in NFC, Unicode 9: *out is text itself where nothing changes, else in the scratch. */
rt_status rt_normalize(struct rt_scratch *s, const uint8_t *text, size_t bytes, const uint8_t **out,
                       size_t *out_bytes, struct rt_error *err);

/* pretokenize.c: bytes of the pre-token that text, which is not empty, starts with. */
size_t rt_pretoken(const uint8_t *text, size_t bytes);

/* bpe.c: append the ids of one pre-token, which is not empty. */
rt_status rt_bpe(const struct rt_tokenizer *tok, struct rt_scratch *s, const uint8_t *word, size_t bytes,
                 struct rt_error *err);
/* A cache of pre-tokens for a text of so many bytes. Running out of memory only leaves it away. */
void rt_bpe_cache(struct rt_scratch *s, size_t text_bytes);

#endif
