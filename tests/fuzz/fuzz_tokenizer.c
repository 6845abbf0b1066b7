/* fuzz_tokenizer.c - tokenizer.json; with one that is taken, a text goes to ids and back. */
#include "config.h"
#include "data/data.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static const char words[] = "<|im_start|>user\nA caf\xc3\xa9, 12 o'clock;\xe4\xbd\xa0 \xef\xbf\xbd<|im_end|>";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    struct rt_tokenizer *tok;
    int32_t *ids;
    int64_t count;
    char *text;
    if (!fuzz_told(rt_tokenizer_open(&tok, (const char *)data, bytes, &err), &err))
        return 0;
    if (fuzz_told(rt_tokenizer_encode(tok, words, sizeof words - 1, false, &ids, &count, &err), &err)) {
        if (fuzz_told(rt_tokenizer_decode(tok, ids, count, false, &text, &err), &err))
            free(text);
        free(ids);
    }
    rt_tokenizer_close(tok);
    return 0;
}
