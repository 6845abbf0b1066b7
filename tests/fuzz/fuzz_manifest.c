/* fuzz_manifest.c - MANIFEST.json with a digest that holds, so that what it says is read. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char head[] = "{\n  \"digest\": \"", neck[] = "\",\n";
    struct rt_error err = { .text = "" };
    char hex[RT_DIGEST_CHARS + 1], *json;
    char *text = malloc(bytes + 64);
    if (text == NULL)
        abort();
    rt_digest_text(data, bytes, hex);
    const size_t n = (size_t)snprintf(text, 64, "%s%s%s", head, hex, neck);
    memcpy(text + n, data, bytes);
    (void)fuzz_file("state.h5", "x", 1);
    (void)fuzz_file("MANIFEST.json", text, n + bytes);
    (void)fuzz_told(rt_checkpoint_verify(fuzz_folder(), &err), &err);
    if (fuzz_told(rt_checkpoint_manifest(fuzz_folder(), &json, &err), &err))
        free(json);
    free(text);
    return 0;
}
