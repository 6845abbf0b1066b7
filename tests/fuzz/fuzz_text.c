/* fuzz_text.c - any text through a good tokenizer; the first byte: special tokens are split. */
#include "config.h"
#include "data/data.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static struct rt_tokenizer *open_once(void)
{
    static struct rt_tokenizer *tok;
    struct rt_error err;
    size_t bytes;
    if (tok == NULL) {
        char *json = fuzz_source("tests/golden/tokenizer/flags.json", &bytes);
        if (rt_tokenizer_open(&tok, json, bytes, &err) != RT_OK)
            abort();
        free(json);
    }
    return tok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    int32_t *ids;
    int64_t count;
    char *text;
    if (bytes < 1)
        return 0;
    const struct rt_tokenizer *tok = open_once();
    if (!fuzz_told(rt_tokenizer_encode(tok, (const char *)data + 1, bytes - 1, data[0] & 1, &ids, &count, &err),
                   &err))
        return 0;
    if (fuzz_told(rt_tokenizer_decode(tok, ids, count, data[0] & 2, &text, &err), &err))
        free(text);
    free(ids);
    return 0;
}
