/*
 * bpe.c - merging one pre-token: of all neighbours that can merge those of the lowest rank do, the leftmost
 * first.
 *
 * Short pre-tokens by looking for the lowest rank again after each merge; long ones, where that would be
 * quadratic, with a heap of pairs over a linked list.
 */
#include "config.h"
#include "data/tokenizer.h"
#include "data/unicode.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT = 48, CACHED_BYTES = 24, CACHE_MOST = 1 << 13, CACHE_TEXT = 1 << 11 };

/* A pre-token of up to CACHED_BYTES and where its ids stand in this call's result; bytes 0: empty. */
struct rt_cached {
    uint64_t key[CACHED_BYTES / 8];
    uint32_t start;
    uint8_t bytes, count;
};

void rt_bpe_cache(struct rt_scratch *s, size_t text_bytes)
{
    uint32_t slots = 64;
    if (text_bytes < CACHE_TEXT)
        return;
    while (slots < CACHE_MOST && slots < text_bytes / 16)
        slots *= 2;
    s->cache = calloc(slots, sizeof *s->cache);
    s->cache_mask = slots - 1;
}

/* What each symbol and its right neighbour merge into: rank NEVER: nothing. Kept apart from the table, so that
 * looking for the lowest rank stays in a few cache lines. */
enum { NEVER = -1 };
struct pairs {
    uint32_t rank[SHORT];
    int32_t id[SHORT];
};

static void look_up(const struct rt_tokenizer *tok, const int32_t *id, int at, struct pairs *p)
{
    const struct rt_merge *m = rt_merges_find(tok, id[at], id[at + 1]);
    p->rank[at] = m != NULL ? m->rank : (uint32_t)NEVER;
    p->id[at] = m != NULL ? m->id : NEVER;
}

/* n symbols, 1 to SHORT of them, in place; returns how many are left. */
static int merge_short(const struct rt_tokenizer *tok, int32_t *id, int n)
{
    struct pairs p;
    for (int i = 0; i + 1 < n; i++)
        look_up(tok, id, i, &p);
    for (; n > 1; n--) {
        int best = 0;
        for (int i = 1; i + 1 < n; i++)
            if (p.rank[i] < p.rank[best])
                best = i;
        if (p.rank[best] == (uint32_t)NEVER)
            break;
        id[best] = p.id[best];
        for (int i = best + 1; i + 1 < n; i++)
            id[i] = id[i + 1];
        for (int i = best + 1; i + 2 < n; i++) {
            p.rank[i] = p.rank[i + 1];
            p.id[i] = p.id[i + 1];
        }
        if (best > 0)
            look_up(tok, id, best - 1, &p);
        if (best + 2 < n)
            look_up(tok, id, best, &p);
    }
    return n;
}

/* A long pre-token: symbols in a list (id -1: merged away), and a heap of pairs by rank, then place. An entry
 * is out of date when its two symbols are no longer there. */
struct symbol {
    int32_t id, previous, next; /* -1: none */
};
struct entry {
    uint32_t rank;
    int32_t at, left, right, id;
};
struct heap {
    struct entry *entry;
    size_t count;
};

static bool goes_before(const struct entry *a, const struct entry *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(struct heap *h, struct entry e)
{
    size_t k = h->count++;
    for (; k > 0 && goes_before(&e, &h->entry[(k - 1) / 2]); k = (k - 1) / 2)
        h->entry[k] = h->entry[(k - 1) / 2];
    h->entry[k] = e;
}

static struct entry pop(struct heap *h)
{
    const struct entry top = h->entry[0], moved = h->entry[--h->count];
    size_t k = 0;
    for (size_t child; (child = 2 * k + 1) < h->count; k = child) {
        if (child + 1 < h->count && goes_before(&h->entry[child + 1], &h->entry[child]))
            child++;
        if (!goes_before(&h->entry[child], &moved))
            break;
        h->entry[k] = h->entry[child];
    }
    h->entry[k] = moved;
    return top;
}

static void push_pair(const struct rt_tokenizer *tok, struct heap *h, const struct symbol *symbol, int32_t at)
{
    if (at < 0 || symbol[at].next < 0)
        return;
    const int32_t left = symbol[at].id, right = symbol[symbol[at].next].id;
    const struct rt_merge *m = rt_merges_find(tok, left, right);
    if (m != NULL)
        push(h, (struct entry){ m->rank, at, left, right, m->id });
}

/* The list starts with n symbols; the heap has room for 3 n entries: n - 1 pairs, and two more for each merge.
 */
static void merge_long(const struct rt_tokenizer *tok, struct symbol *symbol, int32_t n, struct heap *h)
{
    for (int32_t i = 0; i + 1 < n; i++)
        push_pair(tok, h, symbol, i);
    while (h->count > 0) {
        const struct entry e = pop(h);
        struct symbol *left = &symbol[e.at];
        if (left->id != e.left || left->next < 0 || symbol[left->next].id != e.right)
            continue;
        struct symbol *right = &symbol[left->next];
        left->id = e.id;
        right->id = -1;
        left->next = right->next;
        if (left->next >= 0)
            symbol[left->next].previous = e.at;
        push_pair(tok, h, symbol, left->previous);
        push_pair(tok, h, symbol, e.at);
    }
}

static rt_status bpe_long(const struct rt_tokenizer *tok, struct rt_scratch *s, const uint8_t *word,
                          size_t bytes, struct rt_error *err)
{
    const int32_t n = (int32_t)bytes; /* fits: RT_MOST_TEXT_BYTES */
    RT_TRY(rt_scratch_grow(&s->bpe, &s->bpe_bytes, bytes * (sizeof(struct symbol) + 3 * sizeof(struct entry)),
                           err));
    struct symbol *symbol = s->bpe;
    struct heap h = { (struct entry *)(symbol + n), 0 };
    for (int32_t i = 0; i < n; i++)
        symbol[i] = (struct symbol){ tok->byte_id[word[i]], i - 1, i + 1 < n ? i + 1 : -1 };
    merge_long(tok, symbol, n, &h);
    RT_TRY(rt_scratch_ids(s, n, err));
    for (int32_t i = 0; i >= 0; i = symbol[i].next)
        s->ids[s->count++] = symbol[i].id;
    return RT_OK;
}

/* The whole pre-token as one token, -1: it is none. */
static int32_t whole(const struct rt_tokenizer *tok, struct rt_scratch *s, const uint8_t *word, size_t bytes,
                     struct rt_error *err, rt_status *st)
{
    size_t used = 0;
    *st = rt_scratch_grow((void **)&s->key, &s->key_bytes, 2 * bytes, err);
    if (*st != RT_OK)
        return -1;
    for (size_t i = 0; i < bytes; i++)
        used += (size_t)rt_utf8_put(tok->alphabet[word[i]], (uint8_t *)s->key + used);
    const int32_t id = rt_vocab_find(tok, s->key, used);
    return id >= 0 && tok->token[id].in_vocab ? id : -1;
}

static rt_status merge_word(const struct rt_tokenizer *tok, struct rt_scratch *s, const uint8_t *word,
                            size_t bytes, struct rt_error *err)
{
    if (tok->ignore_merges) {
        rt_status st;
        const int32_t id = whole(tok, s, word, bytes, err, &st);
        RT_TRY(st);
        if (id >= 0) {
            RT_TRY(rt_scratch_ids(s, 1, err));
            s->ids[s->count++] = id;
            return RT_OK;
        }
    }
    if (bytes > SHORT)
        return bpe_long(tok, s, word, bytes, err);
    RT_TRY(rt_scratch_ids(s, (int64_t)bytes, err));
    int32_t *id = s->ids + s->count;
    for (size_t i = 0; i < bytes; i++)
        id[i] = tok->byte_id[word[i]];
    s->count += merge_short(tok, id, (int)bytes);
    return RT_OK;
}

rt_status rt_bpe(const struct rt_tokenizer *tok, struct rt_scratch *s, const uint8_t *word, size_t bytes,
                 struct rt_error *err)
{
    uint64_t key[CACHED_BYTES / 8] = { 0 };
    if (s->cache == NULL || bytes > CACHED_BYTES || bytes < 2)
        return merge_word(tok, s, word, bytes, err);
    memcpy(key, word, bytes);
    const uint64_t hash =
        (key[0] * 0x9E3779B97F4A7C15u ^ key[1]) * 0xD6E8FEB86659FD93u ^ key[2] * 0xCA5A826395121157u;
    struct rt_cached *c = &s->cache[(hash >> 32 ^ hash >> 51 ^ bytes) & s->cache_mask];
    if (c->bytes == bytes && memcmp(c->key, key, sizeof key) == 0) {
        RT_TRY(rt_scratch_ids(s, c->count, err));
        memcpy(s->ids + s->count, s->ids + c->start, c->count * sizeof *s->ids);
        s->count += c->count;
        return RT_OK;
    }
    const int64_t start = s->count;
    RT_TRY(merge_word(tok, s, word, bytes, err));
    if (start <= UINT32_MAX) {
        memcpy(c->key, key, sizeof key);
        c->start = (uint32_t)start;
        c->bytes = (uint8_t)bytes;
        c->count = (uint8_t)(s->count - start);
    }
    return RT_OK;
}
