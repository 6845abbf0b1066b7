/* tokenizer_added.c - finding added tokens in a text: at each place the longest, from left to right, without
 * overlap. */
#include "config.h"
#include "data/tokenizer.h"
#include "data/unicode.h"

#include <stdlib.h>
#include <string.h>

enum { SEVERAL = -1, NO_BYTE = -2 };

void rt_trie_init(struct rt_trie *trie)
{
    memset(trie, 0, sizeof *trie);
    memset(trie->first, 0xff, sizeof trie->first);
    trie->only = NO_BYTE;
}

/* The child of `parent` (-1: the root) for a byte, -1: none. */
static int32_t child_of(const struct rt_trie *trie, int32_t parent, uint8_t byte)
{
    if (parent < 0)
        return trie->first[byte];
    int32_t n = trie->node[parent].child;
    while (n >= 0 && trie->node[n].byte != byte)
        n = trie->node[n].sibling;
    return n;
}

rt_status rt_trie_add(struct rt_trie *trie, const uint8_t *text, size_t bytes, int32_t added,
                      struct rt_error *err)
{
    int32_t parent = -1;
    if (bytes == 0)
        return RT_OK;
    if ((int64_t)bytes > trie->room - trie->nodes) {
        const int64_t room = (trie->nodes + (int64_t)bytes) * 2;
        struct rt_trie_node *more = room < INT32_MAX ? realloc(trie->node, (size_t)room * sizeof *more) : NULL;
        if (more == NULL)
            return rt_fail(err, RT_ERR_MEMORY, "tokenizer.json: no memory for its added tokens");
        trie->node = more;
        trie->room = room;
    }
    for (size_t i = 0; i < bytes; i++) {
        int32_t n = child_of(trie, parent, text[i]);
        if (n < 0) {
            n = (int32_t)trie->nodes++;
            trie->node[n] = (struct rt_trie_node){ -1, -1, -1, text[i] };
            if (parent < 0) {
                trie->first[text[i]] = n;
            } else {
                trie->node[n].sibling = trie->node[parent].child;
                trie->node[parent].child = n;
            }
        }
        parent = n;
    }
    if (trie->node[parent].added < 0) /* two that become the same in NFC: the first counts */
        trie->node[parent].added = added;
    trie->only = trie->only == NO_BYTE || trie->only == text[0] ? text[0] : SEVERAL;
    return RT_OK;
}

/* The longest token that text starts with: its index, -1: none. */
static int32_t longest(const struct rt_trie *trie, const uint8_t *text, size_t bytes, size_t *length)
{
    int32_t best = -1, node = -1;
    for (size_t i = 0; i < bytes; i++) {
        node = child_of(trie, node, text[i]);
        if (node < 0)
            break;
        if (trie->node[node].added >= 0) {
            best = trie->node[node].added;
            *length = i + 1;
        }
    }
    return best;
}

/* Start of the code point before `at`. */
static size_t before(const uint8_t *text, size_t at)
{
    do
        at--;
    while (at > 0 && (text[at] & 0xc0) == 0x80);
    return at;
}

static unsigned class_at(const uint8_t *text, size_t at, int *length)
{
    return rt_class_of(rt_utf8_get(text + at, length));
}

/* Whether neither neighbour is a word character. */
static bool stands_alone(const uint8_t *text, size_t bytes, size_t start, size_t stop)
{
    int length;
    if (start > 0 && (class_at(text, before(text, start), &length) & RT_WORD) != 0)
        return false;
    return stop == bytes || (class_at(text, stop, &length) & RT_WORD) == 0;
}

static size_t space_to_left(const uint8_t *text, size_t start)
{
    int length;
    while (start > 0 && (class_at(text, before(text, start), &length) & RT_SPACE) != 0)
        start = before(text, start);
    return start;
}

static size_t space_to_right(const uint8_t *text, size_t bytes, size_t stop)
{
    int length;
    while (stop < bytes && (class_at(text, stop, &length) & RT_SPACE) != 0)
        stop += (size_t)length;
    return stop;
}

bool rt_added_find(const struct rt_tokenizer *tok, const struct rt_trie *trie, const uint8_t *text,
                   size_t bytes, bool split_special, size_t *from, size_t taken, struct rt_match *match)
{
    size_t at = *from, length = 0;
    while (at < bytes && trie->only != NO_BYTE) {
        if (trie->only >= 0) {
            const uint8_t *next = memchr(text + at, trie->only, bytes - at);
            if (next == NULL)
                break;
            at = (size_t)(next - text);
        }
        const int32_t index = longest(trie, text + at, bytes - at, &length);
        if (index < 0) {
            at++;
            continue;
        }
        /* A match that is not wanted still uses up its text, as in the reference. */
        const struct rt_added *a = &tok->added[index];
        const size_t start = at;
        at += length;
        if ((split_special && a->special) || (a->single_word && !stands_alone(text, bytes, start, at)))
            continue;
        *from = at;
        match->id = a->id;
        match->start = a->lstrip ? space_to_left(text, start) : start;
        match->start = match->start > taken || !a->lstrip ? match->start : taken;
        match->stop = a->rstrip ? space_to_right(text, bytes, at) : at;
        return true;
    }
    *from = bytes;
    return false;
}
