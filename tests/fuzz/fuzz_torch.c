/* fuzz_torch.c - optimizer.pt as torch.save writes it, archive and all: the moments of its parameters. */
#include "config.h"
#include "checkpoint/foreign.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void read_tensor(struct rt_torch *file, const struct rt_torch_tensor *t, size_t file_bytes)
{
    struct rt_error err = { .text = "" };
    if (!fuzz_told(rt_torch_read(file, t, NULL, &err), &err))
        return;
    if ((size_t)t->elements > file_bytes) /* it was all there */
        abort();
    float *to = malloc((size_t)t->elements * sizeof *to + 1);
    if (to == NULL)
        abort();
    (void)fuzz_told(rt_torch_read(file, t, to, &err), &err);
    free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    struct rt_foreign_facts facts = { .step = 8 };
    struct rt_foreign_param param;
    struct rt_torch *file;
    int64_t number[2];
    if (!fuzz_told(rt_torch_open(&file, fuzz_file("optimizer.pt", data, bytes), &err), &err))
        return 0;
    const struct rt_pickle *p = rt_torch_pickle(file);
    if (fuzz_told(rt_foreign_optimizer(&facts, number, 1, p, rt_torch_path(file), &err), &err))
        for (int i = 0; i < 2; i++)
            if (fuzz_told(rt_foreign_param(&param, number[i], p, rt_torch_path(file), &err), &err)) {
                read_tensor(file, &param.exp_avg, bytes);
                read_tensor(file, &param.exp_avg_sq, bytes);
            }
    rt_torch_close(file);
    return 0;
}
