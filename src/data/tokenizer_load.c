/*
 * tokenizer_load.c - tokenizer.json to tables.
 *
 * model.vocab and model.merges are streamed; all else is small and goes through jansson. (Measured on the
 * published 7 MB file: jansson alone 0.15 to 0.2 s, this whole reader less than half of that.)
 */
#include "config.h"
#include "data/tokenizer.h"

#include "data/tokenizer_json.h"
#include "data/unicode.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct section {
    const char *at; /* NULL: not there */
    size_t bytes;
};

struct parts {
    struct section vocab, merges;
    json_t *rest; /* everything else */
};

/* A value that is not streamed, put into `into` under key. */
static rt_status keep_small(struct rt_tokjson *j, json_t *into, const char *key)
{
    const char *from;
    json_error_t e;
    RT_TRY(rt_tokjson_pass(j, &from));
    json_t *value = json_loadb(from, (size_t)(j->at - from), JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &e);
    if (value == NULL)
        return rt_fail(j->err, RT_ERR_FILE, "tokenizer.json:%lld: %s: %s",
                       (long long)rt_tokjson_line(j, from) + e.line - 1, key, e.text);
    if (json_object_set_new(into, key, value) != 0)
        return rt_fail(j->err, RT_ERR_MEMORY, "tokenizer.json: no memory for its settings");
    return RT_OK;
}

static rt_status keep_section(struct rt_tokjson *j, struct section *section)
{
    const char *from;
    RT_TRY(rt_tokjson_pass(j, &from));
    *section = (struct section){ from, (size_t)(j->at - from) };
    return RT_OK;
}

/* An object's members: into p->rest, or, one level down, into the model's sections and p->rest["model"]. */
static rt_status walk(struct rt_tokjson *j, json_t *into, struct parts *p, char *key, bool in_model)
{
    bool first = true, more;
    size_t bytes;
    RT_TRY(rt_tokjson_open(j, '{'));
    for (;;) {
        RT_TRY(rt_tokjson_more(j, '}', &first, &more));
        if (!more)
            return RT_OK;
        RT_TRY(rt_tokjson_key(j, key, &bytes));
        struct section *section = NULL;
        if (in_model && strcmp(key, "vocab") == 0)
            section = &p->vocab;
        else if (in_model && strcmp(key, "merges") == 0)
            section = &p->merges;
        if (json_object_get(into, key) != NULL || (section != NULL && section->at != NULL))
            return rt_tokjson_fail(j, "%s is there twice", key);
        if (section != NULL) {
            RT_TRY(keep_section(j, section));
        } else if (!in_model && strcmp(key, "model") == 0) {
            json_t *model = json_object();
            if (model == NULL || json_object_set_new(into, "model", model) != 0)
                return rt_fail(j->err, RT_ERR_MEMORY, "tokenizer.json: no memory for its settings");
            RT_TRY(walk(j, model, p, key, true));
        } else {
            RT_TRY(keep_small(j, into, key));
        }
    }
}

static struct rt_tokjson section_of(const struct rt_tokjson *file, const struct section *s)
{
    return (struct rt_tokjson){ s->at, s->at, s->at + s->bytes, rt_tokjson_line(file, s->at), file->err };
}

/* Tokens by id, then by text, where two of one text meet. */
static rt_status read_vocab(struct rt_tokenizer *tok, struct rt_tokjson j)
{
    bool first = true, more;
    size_t bytes;
    int64_t id;
    RT_TRY(rt_tokjson_open(&j, '{'));
    for (;;) {
        RT_TRY(rt_tokjson_more(&j, '}', &first, &more));
        if (!more)
            break;
        char *const text = tok->pool + tok->pool_used; /* the pool is as large as the file: it fits */
        RT_TRY(rt_tokjson_key(&j, text, &bytes));
        RT_TRY(rt_tokjson_whole(&j, 0, RT_MOST_IDS - 1, &id));
        if (id < tok->tokens && tok->token[id].kind != RT_NO_TOKEN)
            return rt_tokjson_fail(&j, "model.vocab: \"%s\" has id %lld, which \"%s\" has too", text,
                                   (long long)id, tok->pool + tok->token[id].at);
        RT_TRY(rt_vocab_add(tok, (int32_t)id, text, bytes, RT_ORDINARY, j.err));
        tok->vocab++;
    }
    RT_TRY(rt_vocab_index(tok, tok->vocab, j.err));
    for (int64_t i = 0; i < tok->tokens; i++) {
        const struct rt_token *t = &tok->token[i];
        if (t->kind == RT_NO_TOKEN)
            continue;
        if (rt_vocab_find(tok, tok->pool + t->at, t->bytes) >= 0)
            return rt_fail(j.err, RT_ERR_FILE, "tokenizer.json: model.vocab: \"%s\" is there twice",
                           tok->pool + t->at);
        rt_vocab_link(tok, (int32_t)i);
    }
    return RT_OK;
}

/* The byte alphabet: visible Latin-1 stands for itself, the other bytes for U+0100 and on, in order. */
static rt_status read_alphabet(struct rt_tokenizer *tok, struct rt_error *err)
{
    uint16_t next = 0x100;
    memset(tok->byte_of, 0xff, sizeof tok->byte_of);
    for (int b = 0; b < 256; b++) {
        const bool visible = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b != 0xad);
        uint8_t text[4];
        tok->alphabet[b] = visible ? (uint16_t)b : next++;
        tok->byte_of[tok->alphabet[b]] = (int16_t)b;
        tok->byte_id[b] = rt_vocab_find(tok, (char *)text, (size_t)rt_utf8_put(tok->alphabet[b], text));
        if (tok->byte_id[b] < 0)
            return rt_fail(
                err, RT_ERR_FILE,
                "tokenizer.json: model.vocab: there is no token for byte %02x (U+%04X): texts that have it "
                "could not be encoded; this is not a byte-level vocabulary",
                b, (unsigned)tok->alphabet[b]);
    }
    return RT_OK;
}

/* One merge, "left right" or ["left", "right"], into text: left, then right directly behind. */
static rt_status read_merge(struct rt_tokjson *j, char *text, size_t *left, size_t *right)
{
    bool first = true, more;
    if (rt_tokjson_peek(j) == '"') {
        size_t bytes;
        RT_TRY(rt_tokjson_string(j, text, &bytes));
        const char *space = memchr(text, ' ', bytes);
        if (space == NULL || memchr(space + 1, ' ', bytes - (size_t)(space + 1 - text)) != NULL)
            return rt_tokjson_fail(j, "model.merges: \"%s\" is not two tokens with one space between", text);
        *left = (size_t)(space - text);
        *right = bytes - *left - 1;
        memmove(text + *left, space + 1, *right + 1);
        return RT_OK;
    }
    RT_TRY(rt_tokjson_open(j, '['));
    RT_TRY(rt_tokjson_more(j, ']', &first, &more));
    RT_TRY(rt_tokjson_string(j, text, left));
    RT_TRY(rt_tokjson_more(j, ']', &first, &more));
    if (more) {
        RT_TRY(rt_tokjson_string(j, text + *left, right));
        RT_TRY(rt_tokjson_more(j, ']', &first, &more));
        if (!more)
            return RT_OK;
    }
    return rt_tokjson_fail(j, "model.merges: a merge is two tokens, neither more nor fewer");
}

/* Called twice: counts the merges (tok->merge is NULL), then keeps them. */
static rt_status read_merges(struct rt_tokenizer *tok, struct rt_tokjson j, char *text, int64_t *count)
{
    bool first = true, more;
    size_t left, right;
    *count = 0;
    RT_TRY(rt_tokjson_open(&j, '['));
    for (;;) {
        RT_TRY(rt_tokjson_more(&j, ']', &first, &more));
        if (!more)
            return RT_OK;
        const char *from;
        if (tok->merge == NULL) {
            RT_TRY(rt_tokjson_pass(&j, &from));
            ++*count;
            continue;
        }
        if (rt_tokjson_peek(&j) == '"' && j.end - j.at > 9 && memcmp(j.at, "\"#version", 9) == 0) {
            RT_TRY(rt_tokjson_pass(&j, &from)); /* the first line of a merges.txt, which old files keep */
            continue;
        }
        RT_TRY(read_merge(&j, text, &left, &right));
        const int32_t a = rt_vocab_find(tok, text, left), b = rt_vocab_find(tok, text + left, right);
        const int32_t both = rt_vocab_find(tok, text, left + right);
        if (a < 0 || b < 0 || both < 0) {
            const char *missing = a < 0 || b >= 0 ? text : text + left;
            const size_t bytes = a < 0 ? left : b < 0 ? right : left + right;
            return rt_tokjson_fail(&j,
                                   "model.merges: \"%.*s\" is needed to merge \"%.*s\" and \"%.*s\", "
                                   "but is not in model.vocab",
                                   (int)bytes, missing, (int)left, text, (int)right, text + left);
        }
        rt_merges_put(tok, a, b, (uint32_t)*count, both);
        ++*count;
    }
}

static rt_status read_tables(struct rt_tokenizer *tok, const struct rt_tokjson *file, const struct parts *p,
                             struct rt_error *err)
{
    int64_t merges = 0;
    if (p->vocab.at == NULL)
        return rt_fail(err, RT_ERR_FILE, "tokenizer.json: model.vocab is missing");
    if (p->merges.at == NULL)
        return rt_fail(err, RT_ERR_FILE, "tokenizer.json: model.merges is missing");
    RT_TRY(read_vocab(tok, section_of(file, &p->vocab)));
    RT_TRY(read_alphabet(tok, err));
    char *text = malloc(p->merges.bytes + 1);
    if (text == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "tokenizer.json: no memory to read its merges");
    rt_status st = read_merges(tok, section_of(file, &p->merges), text, &merges);
    if (st == RT_OK)
        st = rt_merges_open(tok, merges, err);
    if (st == RT_OK)
        st = read_merges(tok, section_of(file, &p->merges), text, &merges);
    free(text);
    return st;
}

rt_status rt_tokenizer_load(struct rt_tokenizer *tok, const char *json, size_t bytes, struct rt_error *err)
{
    struct rt_tokjson j = { json, json, json + bytes, 1, err };
    struct parts p = { { NULL, 0 }, { NULL, 0 }, json_object() };
    rt_status st = RT_OK;
    if (bytes > RT_MOST_JSON_BYTES)
        st = rt_fail(err, RT_ERR_FILE, "tokenizer.json: %zu bytes are too many; at most %d", bytes,
                     RT_MOST_JSON_BYTES);
    else if (rt_utf8_valid((const uint8_t *)json, bytes) < bytes)
        st = rt_fail(err, RT_ERR_FILE, "tokenizer.json: byte %zu is not UTF-8",
                     rt_utf8_valid((const uint8_t *)json, bytes));
    RT_TRY_TO(st, st, out);
    tok->pool_bytes = bytes + 1; /* every text is shorter than it is in the file, with its quotes */
    tok->pool = malloc(tok->pool_bytes);
    char *key = malloc(bytes + 1);
    if (tok->pool == NULL || key == NULL || p.rest == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "tokenizer.json: no memory for its %zu bytes", bytes);
    if (st == RT_OK)
        st = walk(&j, p.rest, &p, key, false);
    if (st == RT_OK && rt_tokjson_peek(&j) != '\0')
        st = rt_tokjson_fail(&j, "something follows where the file should end");
    free(key);
    RT_TRY_TO(st, st, out);
    RT_TRY_TO(st, rt_settings_check(tok, p.rest, err), out);
    RT_TRY_TO(st, read_tables(tok, &j, &p, err), out);
    st = rt_settings_added(tok, p.rest, err);
out:
    json_decref(p.rest);
    return st;
}
