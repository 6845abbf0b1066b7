/* fuzz_adapter.c - adapter_config.json. */
#include "config.h"
#include "checkpoint/peft.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    struct rt_peft peft = { 0 };
    json_t *config;
    if (fuzz_told(rt_peft_config(fuzz_file("adapter_config.json", data, bytes), &config, &peft, &err), &err))
        json_decref(config);
    return 0;
}
