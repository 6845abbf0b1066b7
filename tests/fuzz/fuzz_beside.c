/* fuzz_beside.c - the settings beside a model's weights, as they are copied to an adapter: the first byte says
 * which file. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const names[] = { "tokenizer_config.json", "processor_config.json",
                                         "preprocessor_config.json", "special_tokens_map.json" };
    struct rt_error err = { .text = "" };
    struct rt_beside *beside;
    if (bytes < 1)
        return 0;
    const char *path = fuzz_file(names[data[0] % 4], data + 1, bytes - 1);
    if (fuzz_told(rt_beside_read(&beside, fuzz_folder(), &err), &err))
        rt_beside_free(beside);
    (void)unlink(path);
    return 0;
}
