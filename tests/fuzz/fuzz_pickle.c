/* fuzz_pickle.c - a pickle of torch.save, read as the state of an optimizer of one module, of a schedule and of
 * generators. */
#include "config.h"
#include "checkpoint/foreign.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    struct rt_foreign_facts facts = { .step = 8 };
    struct rt_foreign_param param;
    struct rt_pickle *p;
    int64_t number[2];
    if (!fuzz_told(rt_pickle_read(&p, "x.pt", data, bytes, &err), &err))
        return 0;
    if (fuzz_told(rt_foreign_optimizer(&facts, number, 1, p, "x.pt", &err), &err))
        for (int i = 0; i < 2; i++)
            (void)fuzz_told(rt_foreign_param(&param, number[i], p, "x.pt", &err), &err);
    (void)fuzz_told(rt_foreign_scheduler(&facts, p, "x.pt", &err), &err);
    (void)fuzz_told(rt_foreign_generators(p, "x.pt", &err), &err);
    rt_pickle_free(p);
    return 0;
}
