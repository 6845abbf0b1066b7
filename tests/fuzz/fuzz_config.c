/* fuzz_config.c - a model's config.json, or preprocessor_config.json where the first byte is odd. */
#include "config.h"
#include "data/image.h"
#include "model/arch.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    struct rt_model_config config;
    struct rt_image_rules rules;
    int32_t width, height;
    if (bytes < 1)
        return 0;
    const char *json = (const char *)data + 1;
    if (data[0] & 1) {
        if (fuzz_told(rt_image_rules_read(&rules, json, bytes - 1, true, 589824, 1024, &err), &err))
            (void)fuzz_told(rt_image_model_size(&rules, 1928, 1208, &width, &height, &err), &err);
    } else if (fuzz_told(rt_model_config_read(&config, json, bytes - 1, "config.json", &err), &err)) {
        rt_model_config_free(&config);
    }
    return 0;
}
