/* fuzz_safetensors.c - model.safetensors: its header, and every tensor that the header says is there. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    struct rt_safetensors *st;
    (void)fuzz_file("model.safetensors", data, bytes);
    if (!fuzz_told(rt_safetensors_open(&st, fuzz_folder(), "model", &err), &err))
        return 0;
    for (int64_t i = 0; i < rt_safetensors_count(st); i++) {
        const struct rt_st_tensor *t = rt_safetensors_tensor(st, i);
        void *to = t->bytes <= bytes ? malloc(t->bytes + 1) : NULL;
        if (to == NULL) /* more than the file holds */
            abort();
        (void)fuzz_told(rt_safetensors_read(st, t, 0, t->bytes, to, &err), &err);
        free(to);
    }
    rt_safetensors_close(st);
    return 0;
}
