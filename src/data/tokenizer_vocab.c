/* tokenizer_vocab.c - the tokenizer's tables: tokens by id, ids by text, merges by pair. */
#include "config.h"
#include "data/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

rt_status rt_vocab_add(struct rt_tokenizer *tok, int32_t id, const char *text, size_t bytes,
                       enum rt_token_kind kind, struct rt_error *err)
{
    if (id >= tok->token_room) {
        int64_t room = tok->token_room * 2 > 4096 ? tok->token_room * 2 : 4096;
        while (room <= id)
            room *= 2;
        struct rt_token *more = realloc(tok->token, (size_t)room * sizeof *more);
        if (more == NULL)
            return rt_fail(err, RT_ERR_MEMORY, "tokenizer.json: no memory for %lld tokens", (long long)room);
        memset(more + tok->token_room, 0, (size_t)(room - tok->token_room) * sizeof *more);
        tok->token = more;
        tok->token_room = room;
    }
    if (bytes + 1 > tok->pool_bytes - tok->pool_used)
        return rt_fail(err, RT_ERR_INTERNAL, "tokenizer.json: its texts are longer than the file");
    tok->token[id] =
        (struct rt_token){ (uint32_t)tok->pool_used, (uint32_t)bytes, (uint8_t)kind, kind == RT_ORDINARY };
    memmove(tok->pool + tok->pool_used, text, bytes);
    tok->pool[tok->pool_used + bytes] = '\0';
    tok->pool_used += bytes + 1;
    if (id >= tok->tokens)
        tok->tokens = (int64_t)id + 1;
    return RT_OK;
}

rt_status rt_vocab_index(struct rt_tokenizer *tok, int64_t more, struct rt_error *err)
{
    uint32_t slots = 1024;
    while (slots < 2 * (uint64_t)(tok->vocab + more))
        slots *= 2;
    tok->by_text = malloc(slots * sizeof *tok->by_text);
    if (tok->by_text == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "tokenizer.json: no memory for %u token texts", slots);
    memset(tok->by_text, 0xff, slots * sizeof *tok->by_text);
    tok->text_mask = slots - 1;
    return RT_OK;
}

static uint32_t hash_of(const char *text, size_t bytes)
{
    return (uint32_t)XXH3_64bits(text, bytes);
}

void rt_vocab_link(struct rt_tokenizer *tok, int32_t id)
{
    const struct rt_token *t = &tok->token[id];
    const uint32_t hash = hash_of(tok->pool + t->at, t->bytes);
    uint32_t at = hash & tok->text_mask;
    while (tok->by_text[at].id >= 0)
        at = (at + 1) & tok->text_mask;
    tok->by_text[at] = (struct rt_text_slot){ hash, id };
}

int32_t rt_vocab_find(const struct rt_tokenizer *tok, const char *text, size_t bytes)
{
    const uint32_t hash = hash_of(text, bytes);
    for (uint32_t at = hash & tok->text_mask; tok->by_text[at].id >= 0; at = (at + 1) & tok->text_mask) {
        if (tok->by_text[at].hash != hash)
            continue;
        const struct rt_token *t = &tok->token[tok->by_text[at].id];
        if (t->bytes == bytes && memcmp(tok->pool + t->at, text, bytes) == 0)
            return tok->by_text[at].id;
    }
    return -1;
}

rt_status rt_merges_open(struct rt_tokenizer *tok, int64_t count, struct rt_error *err)
{
    tok->merge_bits = 4;
    while ((int64_t)1 << tok->merge_bits < count + count / 2 + 1)
        tok->merge_bits++;
    const size_t bytes = sizeof *tok->merge << tok->merge_bits;
    tok->merge = malloc(bytes);
    if (tok->merge == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "tokenizer.json: no memory for %lld merges", (long long)count);
    memset(tok->merge, 0xff, bytes);
    return RT_OK;
}

void rt_merges_put(struct rt_tokenizer *tok, int32_t left, int32_t right, uint32_t rank, int32_t id)
{
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    const uint64_t mask = ((uint64_t)1 << tok->merge_bits) - 1;
    uint64_t at = pair * 0x9E3779B97F4A7C15u >> (64 - tok->merge_bits);
    while (tok->merge[at].pair != UINT64_MAX && tok->merge[at].pair != pair)
        at = (at + 1) & mask;
    tok->merge[at] = (struct rt_merge){ pair, rank, id }; /* of a pair listed twice the last one counts */
}
