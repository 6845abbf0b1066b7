/* fuzz_state.c - state.h5 as ranktune info and a resume read it. A resume checks the manifest's digest first;
 * here none does. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

enum { MOST = 4096 };

static void seen(const char *line, void *context)
{
    *(int *)context += line[0] != '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    const char *path = fuzz_file("state.h5", data, bytes);
    float p[MOST];
    struct rt_state_item item = { .name = "/lora/p", .type = RT_STATE_F32, .data = p };
    int64_t count;
    int lines = 0;
    (void)fuzz_told(rt_state_list(path, seen, &lines, &err), &err);
    if (!fuzz_told(rt_state_count(path, "/lora/p", &count, &err), &err) || count < 0 || count > MOST)
        return 0;
    item.count = count;
    (void)fuzz_told(rt_state_read(path, &item, 1, &err), &err);
    return 0;
}
