/* tokenizer_settings.c - the parts of tokenizer.json that say how to tokenize: what is not done here is
 * refused. */
#include "config.h"
#include "data/tokenizer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                              " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/* The value as JSON, cut short, in an error that ends with what would be right. */
static rt_status refuse(const json_t *value, const char *path, const char *wanted, struct rt_error *err)
{
    char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    const rt_status st = rt_fail(err, RT_ERR_FILE, "tokenizer.json: %s: %.200s is not supported; %s", path,
                                 text != NULL ? text : "nothing", wanted);
    free(text);
    return st;
}

static bool is_null(const json_t *value)
{
    return value == NULL || json_is_null(value);
}

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static bool has_type(const json_t *value, const char *type)
{
    return is_text(json_object_get(value, "type"), type);
}

static rt_status check_model(struct rt_tokenizer *tok, const json_t *model, struct rt_error *err)
{
    if (model == NULL)
        return rt_fail(err, RT_ERR_FILE, "tokenizer.json: model is missing");
    const json_t *type = json_object_get(model, "type"), *dropout = json_object_get(model, "dropout");
    const json_t *prefix = json_object_get(model, "continuing_subword_prefix");
    const json_t *suffix = json_object_get(model, "end_of_word_suffix");
    const json_t *fallback = json_object_get(model, "byte_fallback"),
                 *ignore = json_object_get(model, "ignore_merges");
    if (type != NULL && !is_text(type, "BPE"))
        return refuse(type, "model.type", "only \"BPE\" is", err);
    if (!is_null(dropout) && !(json_is_number(dropout) && json_number_value(dropout) == 0))
        return refuse(dropout, "model.dropout", "it must be null", err);
    if (!is_null(prefix) && !is_text(prefix, ""))
        return refuse(prefix, "model.continuing_subword_prefix", "it must be \"\" or null", err);
    if (!is_null(suffix) && !is_text(suffix, ""))
        return refuse(suffix, "model.end_of_word_suffix", "it must be \"\" or null", err);
    if (!is_null(fallback) && !json_is_false(fallback))
        return refuse(fallback, "model.byte_fallback", "it must be false", err);
    if (!is_null(ignore) && !json_is_boolean(ignore))
        return refuse(ignore, "model.ignore_merges", "it must be true or false", err);
    tok->ignore_merges = json_is_true(ignore);
    /* unk_token and fuse_unk are for characters without a token; in a byte-level vocabulary there are none. */
    return RT_OK;
}

/* Sequence of the family's Split and a ByteLevel that only changes the alphabet. */
static rt_status check_pre_tokenizer(const json_t *pre, struct rt_error *err)
{
    const json_t *list = json_object_get(pre, "pretokenizers");
    const json_t *split = json_array_get(list, 0), *level = json_array_get(list, 1);
    if (!has_type(pre, "Sequence") || json_array_size(list) != 2 || !has_type(split, "Split") ||
        !has_type(level, "ByteLevel"))
        return refuse(pre, "pre_tokenizer", "only a Sequence of Split and ByteLevel, as Qwen2 has it, is", err);
    const json_t *regex = json_object_get(json_object_get(split, "pattern"), "Regex");
    if (!is_text(regex, pattern))
        return refuse(json_object_get(split, "pattern"), "pre_tokenizer: Split.pattern",
                      "only the one of Qwen2 is", err);
    if (!is_text(json_object_get(split, "behavior"), "Isolated"))
        return refuse(json_object_get(split, "behavior"), "pre_tokenizer: Split.behavior",
                      "only \"Isolated\" is", err);
    if (!json_is_false(json_object_get(split, "invert")))
        return refuse(json_object_get(split, "invert"), "pre_tokenizer: Split.invert", "it must be false", err);
    if (!json_is_false(json_object_get(level, "add_prefix_space")))
        return refuse(json_object_get(level, "add_prefix_space"), "pre_tokenizer: ByteLevel.add_prefix_space",
                      "it must be false", err);
    if (!json_is_false(json_object_get(level, "use_regex")))
        return refuse(json_object_get(level, "use_regex"), "pre_tokenizer: ByteLevel.use_regex",
                      "it must be false", err);
    return RT_OK;
}

rt_status rt_settings_check(struct rt_tokenizer *tok, const json_t *rest, struct rt_error *err)
{
    const json_t *normalizer = json_object_get(rest, "normalizer");
    const json_t *post = json_object_get(rest, "post_processor"), *decoder = json_object_get(rest, "decoder");
    RT_TRY(check_model(tok, json_object_get(rest, "model"), err));
    tok->nfc = has_type(normalizer, "NFC");
    if (!is_null(normalizer) && !tok->nfc)
        return refuse(normalizer, "normalizer", "only null and {\"type\":\"NFC\"} are", err);
    RT_TRY(check_pre_tokenizer(json_object_get(rest, "pre_tokenizer"), err));
    if (!is_null(post) && !has_type(post, "ByteLevel")) /* which changes offsets alone */
        return refuse(post, "post_processor", "only null and ByteLevel, which add no tokens, are", err);
    if (!is_null(decoder) && !has_type(decoder, "ByteLevel"))
        return refuse(decoder, "decoder", "only ByteLevel is", err);
    /* truncation and padding are left aside: the reference sets both anew for each call. */
    return RT_OK;
}

static rt_status flag_of(const json_t *token, int64_t at, const char *key, bool *flag, struct rt_error *err)
{
    const json_t *value = json_object_get(token, key);
    char path[64];
    snprintf(path, sizeof path, "added_tokens[%lld].%s", (long long)at, key);
    if (!json_is_boolean(value))
        return refuse(value, path, "it must be true or false", err);
    *flag = json_is_true(value);
    return RT_OK;
}

/* The id that the reference gives: the vocabulary's if the text is in it, else the next free one. It does not
 * look at the one in the file; a file where they differ would train other rows of the embedding than it names.
 */
static rt_status check_id(const struct rt_tokenizer *tok, int64_t at, const char *content, const json_t *id,
                          int64_t most_added, struct rt_error *err)
{
    const int32_t known = rt_vocab_find(tok, content, strlen(content));
    const int64_t next = most_added < tok->vocab ? tok->vocab : most_added + 1;
    const int64_t want = known >= 0 ? known : next;
    if (!json_is_integer(id) || json_integer_value(id) != want) {
        char *text = id != NULL ? json_dumps(id, JSON_ENCODE_ANY) : NULL;
        rt_fail(err, RT_ERR_FILE,
                "tokenizer.json: added_tokens[%lld]: \"%.200s\" has id %.40s but must have %lld: %s",
                (long long)at, content, text != NULL ? text : "nothing", (long long)want,
                known >= 0 ? "it is in the vocabulary"
                           : "ids of added tokens follow the vocabulary without gaps");
        free(text);
        return RT_ERR_FILE;
    }
    if (want >= RT_MOST_IDS || (known < 0 && want < tok->tokens && tok->token[want].kind != RT_NO_TOKEN))
        return rt_fail(err, RT_ERR_FILE,
                       "tokenizer.json: added_tokens[%lld]: id %lld of \"%.200s\" is taken or too large",
                       (long long)at, (long long)want, content);
    return RT_OK;
}

static rt_status add_one(struct rt_tokenizer *tok, const json_t *token, int64_t at, int64_t *most_added,
                         bool *normalized, struct rt_error *err)
{
    struct rt_added *a = &tok->added[at];
    const json_t *content = json_object_get(token, "content");
    if (!json_is_string(content) || json_string_length(content) == 0)
        return rt_fail(err, RT_ERR_FILE,
                       "tokenizer.json: added_tokens[%lld].content must be a text that is not empty",
                       (long long)at);
    const char *text = json_string_value(content);
    RT_TRY(flag_of(token, at, "single_word", &a->single_word, err));
    RT_TRY(flag_of(token, at, "lstrip", &a->lstrip, err));
    RT_TRY(flag_of(token, at, "rstrip", &a->rstrip, err));
    RT_TRY(flag_of(token, at, "special", &a->special, err));
    RT_TRY(flag_of(token, at, "normalized", normalized, err));
    RT_TRY(check_id(tok, at, text, json_object_get(token, "id"), *most_added, err));
    a->id = (int32_t)json_integer_value(json_object_get(token, "id"));
    *most_added = a->id > *most_added ? a->id : *most_added;
    const bool in_vocab = a->id < tok->tokens && tok->token[a->id].kind != RT_NO_TOKEN;
    if (in_vocab && tok->token[a->id].kind != RT_ORDINARY)
        return rt_fail(err, RT_ERR_FILE, "tokenizer.json: added_tokens[%lld]: \"%.200s\" is there twice",
                       (long long)at, text);
    const enum rt_token_kind kind = a->special ? RT_SPECIAL : RT_ADDED;
    if (in_vocab) {
        tok->token[a->id].kind = (uint8_t)kind;
        return RT_OK;
    }
    RT_TRY(rt_vocab_add(tok, a->id, text, strlen(text), kind, err));
    rt_vocab_link(tok, a->id);
    return RT_OK;
}

/* Into the tree it is searched in; a normalized one by its NFC. */
static rt_status plant(struct rt_tokenizer *tok, int32_t index, bool normalized, struct rt_error *err)
{
    const struct rt_token *t = &tok->token[tok->added[index].id];
    const uint8_t *text = (const uint8_t *)tok->pool + t->at;
    size_t bytes = t->bytes;
    struct rt_scratch s = { 0 };
    rt_status st = RT_OK;
    if (normalized && tok->nfc)
        st = rt_normalize(&s, text, bytes, &text, &bytes, err);
    if (st == RT_OK)
        st = rt_trie_add(normalized ? &tok->normalized : &tok->raw, text, bytes, index, err);
    rt_scratch_free(&s);
    return st;
}

rt_status rt_settings_added(struct rt_tokenizer *tok, const json_t *rest, struct rt_error *err)
{
    const json_t *list = json_object_get(rest, "added_tokens");
    int64_t most_added = -1;
    rt_status st = RT_OK;
    if (is_null(list))
        return RT_OK;
    if (!json_is_array(list))
        return refuse(list, "added_tokens", "it must be a list", err);
    tok->addeds = (int64_t)json_array_size(list);
    if (tok->addeds > RT_MOST_IDS)
        return rt_fail(err, RT_ERR_FILE, "tokenizer.json: %lld added_tokens are too many",
                       (long long)tok->addeds);
    tok->added = calloc((size_t)tok->addeds + 1, sizeof *tok->added);
    bool *normalized = calloc((size_t)tok->addeds + 1, sizeof *normalized);
    if (tok->added == NULL || normalized == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "tokenizer.json: no memory for its added tokens");
    for (int64_t i = 0; st == RT_OK && i < tok->addeds; i++)
        st = add_one(tok, json_array_get(list, (size_t)i), i, &most_added, &normalized[i], err);
    for (int special = 1; special >= 0; special--) /* special ones come first where two are the same in NFC */
        for (int64_t i = 0; st == RT_OK && i < tok->addeds; i++)
            if (tok->added[i].special == (special == 1))
                st = plant(tok, (int32_t)i, normalized[i], err);
    free(normalized);
    return st;
}
