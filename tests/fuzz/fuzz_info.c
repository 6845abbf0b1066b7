/* fuzz_info.c - dataset_info.json, of which the entry "d" is read. */
#include "config.h"
#include "data/dataset_info.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    struct rt_pool pool = { 0 };
    struct rt_dataset_info info;
    const struct rt_str json = { (const char *)data, bytes };
    (void)fuzz_told(rt_dataset_info_read(&info, &pool, "dataset_info.json", json, "d", &err), &err);
    rt_pool_free(&pool);
    return 0;
}
