/* tokenizer.c - text to ids and back. */
#include "config.h"
#include "data/tokenizer.h"
#include "data/unicode.h"

#include <stdlib.h>
#include <string.h>

rt_status rt_tokenizer_open(struct rt_tokenizer **tok, const char *json, size_t bytes, struct rt_error *err)
{
    struct rt_tokenizer *t = calloc(1, sizeof *t);
    if (t == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "tokenizer.json: no memory to read it");
    rt_trie_init(&t->raw);
    rt_trie_init(&t->normalized);
    const rt_status st = rt_tokenizer_load(t, json, bytes, err);
    if (st != RT_OK) {
        rt_tokenizer_close(t);
        return st;
    }
    *tok = t;
    return RT_OK;
}

void rt_tokenizer_close(struct rt_tokenizer *tok)
{
    if (tok == NULL)
        return;
    free(tok->normalized.node);
    free(tok->raw.node);
    free(tok->added);
    free(tok->merge);
    free(tok->by_text);
    free(tok->token);
    free(tok->pool);
    free(tok);
}

void rt_scratch_free(struct rt_scratch *s)
{
    free(s->key);
    free(s->bpe);
    free(s->codes);
    free(s->normal);
    free(s->cache);
    free(s->ids);
}

rt_status rt_scratch_grow(void **at, size_t *have, size_t bytes, struct rt_error *err)
{
    if (bytes <= *have && *at != NULL)
        return RT_OK;
    const size_t room = bytes + bytes / 2 + 64;
    void *more = realloc(*at, room);
    if (more == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %zu bytes to tokenize a text in", room);
    *at = more;
    *have = room;
    return RT_OK;
}

rt_status rt_scratch_ids(struct rt_scratch *s, int64_t more, struct rt_error *err)
{
    if (more <= s->room - s->count)
        return RT_OK;
    size_t have = (size_t)s->room * sizeof *s->ids;
    RT_TRY(rt_scratch_grow((void **)&s->ids, &have, (size_t)(s->count + more) * sizeof *s->ids, err));
    s->room = (int64_t)(have / sizeof *s->ids);
    return RT_OK;
}

static rt_status encode_plain(const struct rt_tokenizer *tok, struct rt_scratch *s, const uint8_t *text,
                              size_t bytes, struct rt_error *err)
{
    while (bytes > 0) {
        const size_t n = rt_pretoken(text, bytes);
        RT_TRY(rt_bpe(tok, s, text, n, err));
        text += n;
        bytes -= n;
    }
    return RT_OK;
}

/* Cut a trie's tokens out of a text and encode what is between them: raw text goes through NFC and the other
 * trie. */
static rt_status encode_between(const struct rt_tokenizer *tok, struct rt_scratch *s,
                                const struct rt_trie *trie, const uint8_t *text, size_t bytes,
                                bool split_special, struct rt_error *err)
{
    struct rt_match m;
    size_t from = 0, taken = 0;
    for (bool more = true; more;) {
        more = rt_added_find(tok, trie, text, bytes, split_special, &from, taken, &m);
        const size_t stop = more ? m.start : bytes;
        if (taken < stop && trie == &tok->normalized) {
            RT_TRY(encode_plain(tok, s, text + taken, stop - taken, err));
        } else if (taken < stop) {
            const uint8_t *piece = text + taken;
            size_t piece_bytes = stop - taken;
            if (tok->nfc)
                RT_TRY(rt_normalize(s, piece, piece_bytes, &piece, &piece_bytes, err));
            RT_TRY(encode_between(tok, s, &tok->normalized, piece, piece_bytes, split_special, err));
        }
        if (more && m.start < m.stop) { /* else the token before took all of it for white space */
            RT_TRY(rt_scratch_ids(s, 1, err));
            s->ids[s->count++] = m.id;
            taken = m.stop;
        }
    }
    return RT_OK;
}

rt_status rt_tokenizer_encode(const struct rt_tokenizer *tok, const char *text, size_t bytes,
                              bool split_special, int32_t **ids, int64_t *count, struct rt_error *err)
{
    const uint8_t *const at = (const uint8_t *)text;
    if (bytes > RT_MOST_TEXT_BYTES)
        return rt_fail(err, RT_ERR_DATA, "a text of %zu bytes is too long to tokenize; at most %d", bytes,
                       (int)RT_MOST_TEXT_BYTES);
    const size_t valid = rt_utf8_valid(at, bytes);
    if (valid < bytes)
        return rt_fail(err, RT_ERR_DATA, "byte %zu of a text (%02x) is not UTF-8", valid, at[valid]);
    struct rt_scratch s = { 0 };
    rt_bpe_cache(&s, bytes);
    rt_status st = rt_scratch_ids(&s, 1, err); /* so that an empty text has a pointer to free as well */
    if (st == RT_OK)
        st = encode_between(tok, &s, &tok->raw, at, bytes, split_special, err);
    if (st == RT_OK) {
        *ids = s.ids;
        *count = s.count;
        s.ids = NULL;
    }
    rt_scratch_free(&s);
    return st;
}

int32_t rt_tokenizer_id(const struct rt_tokenizer *tok, const char *token)
{
    return rt_vocab_find(tok, token, strlen(token));
}

/* The bytes that a token's text stands for, or the text itself where it is not wholly in the byte alphabet. */
static size_t token_bytes(const struct rt_tokenizer *tok, const struct rt_token *t, uint8_t *to)
{
    const uint8_t *text = (const uint8_t *)tok->pool + t->at;
    size_t n = 0;
    for (size_t i = 0; i < t->bytes;) {
        int length;
        const uint32_t c = rt_utf8_get(text + i, &length);
        if (c >= RT_ALPHABET || tok->byte_of[c] < 0) {
            memcpy(to, text, t->bytes);
            return t->bytes;
        }
        to[n++] = (uint8_t)tok->byte_of[c];
        i += (size_t)length;
    }
    return n;
}

/* Copy, with U+FFFD for what is not UTF-8. `to` has room for three bytes for each; returns those used. */
static size_t repair(const uint8_t *from, size_t bytes, uint8_t *to)
{
    size_t used = 0;
    for (size_t i = 0; i < bytes;) {
        int skip = 0;
        const int length = rt_utf8_sequence(from + i, bytes - i, &skip);
        if (length > 0) {
            memcpy(to + used, from + i, (size_t)length);
            used += (size_t)length;
            i += (size_t)length;
        } else {
            used += (size_t)rt_utf8_put(0xfffd, to + used);
            i += (size_t)skip;
        }
    }
    return used;
}

static bool is_shown(const struct rt_tokenizer *tok, int32_t id, bool skip_special)
{
    if (id < 0 || id >= tok->tokens || tok->token[id].kind == RT_NO_TOKEN)
        return false;
    return !skip_special || tok->token[id].kind != RT_SPECIAL;
}

rt_status rt_tokenizer_decode(const struct rt_tokenizer *tok, const int32_t *ids, int64_t count,
                              bool skip_special, char **text, struct rt_error *err)
{
    size_t most = 0, used = 0;
    for (int64_t i = 0; i < count; i++) {
        const size_t more = is_shown(tok, ids[i], skip_special) ? tok->token[ids[i]].bytes : 0;
        if (more > SIZE_MAX / 8 - most)
            return rt_fail(err, RT_ERR_MEMORY, "no memory for the text of %lld ids", (long long)count);
        most += more;
    }
    uint8_t *raw = malloc(most + 1), *out = malloc(3 * most + 1);
    if (raw == NULL || out == NULL) {
        free(raw);
        free(out);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %zu bytes of text", most);
    }
    for (int64_t i = 0; i < count; i++)
        if (is_shown(tok, ids[i], skip_special))
            used += token_bytes(tok, &tok->token[ids[i]], raw + used);
    out[repair(raw, used, out)] = '\0';
    free(raw);
    *text = (char *)out;
    return RT_OK;
}
