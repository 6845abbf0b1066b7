/* tests/data/tokenizer_files.h - the golden tokenizers, read for a test. */
#ifndef RT_TESTS_TOKENIZER_FILES_H
#define RT_TESTS_TOKENIZER_FILES_H

#include "data/data.h"
#include "tap.h"

#include <string.h>

/* A file of tests/golden/tokenizer, NUL-terminated; the test cannot go on without it. */
__attribute__((unused)) static char *golden(const char *name, size_t *bytes)
{
    const char *srcdir = getenv("RT_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/golden/tokenizer/%s", srcdir != NULL ? srcdir : ".", name);
    FILE *f = fopen(path, "rb");
    long size = -1;
    if (f != NULL && fseek(f, 0, SEEK_END) == 0)
        size = ftell(f);
    char *text = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (text == NULL || fseek(f, 0, SEEK_SET) != 0 || fread(text, 1, (size_t)size, f) != (size_t)size) {
        ok(0, "read %s", path);
        exit(tap_done());
    }
    text[size] = '\0';
    *bytes = (size_t)size;
    fclose(f);
    return text;
}

__attribute__((unused)) static struct rt_tokenizer *golden_tokenizer(const char *name)
{
    struct rt_tokenizer *tok = NULL;
    struct rt_error err = { .text = "" };
    size_t bytes;
    char *json = golden(name, &bytes);
    if (!ok(rt_tokenizer_open(&tok, json, bytes, &err) == RT_OK, "%s opens %s", name, err.text))
        exit(tap_done());
    free(json);
    return tok;
}

/* CRC-32 as zlib has it, to go on from `sum`. */
__attribute__((unused)) static uint32_t crc32_of(uint32_t sum, const int32_t *ids, int64_t count)
{
    sum = ~sum;
    for (int64_t i = 0; i < 4 * count; i++) {
        sum ^= (uint32_t)ids[i / 4] >> (8 * (i % 4)) & 0xffu;
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ ((sum & 1u) != 0 ? 0xedb88320u : 0u);
    }
    return ~sum;
}

#endif
