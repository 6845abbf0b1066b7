/* fuzz_index.c - model.safetensors.index.json, beside two shards that are good. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static bool shards;
    struct rt_error err = { .text = "" };
    struct rt_safetensors *st;
    float x[4] = { 1, 2, 3, 4 };
    const char *const names[] = { "a", "b" };
    for (int i = 0; i < 2 && !shards; i++) {
        const struct rt_out_tensor t = {
            .name = names[i], .dtype = RT_FILE_F32, .dims = 1, .shape = { 4 }, .data = x
        };
        if (rt_safetensors_write(fuzz_file(i == 0 ? "1.safetensors" : "2.safetensors", "", 0), &t, 1, &err) !=
            RT_OK)
            abort();
    }
    shards = true;
    (void)fuzz_file("model.safetensors.index.json", data, bytes);
    if (fuzz_told(rt_safetensors_open(&st, fuzz_folder(), "model", &err), &err))
        rt_safetensors_close(st);
    return 0;
}
