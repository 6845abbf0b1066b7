/* fuzz_rows.c - a file of rows (json, jsonl), cut into rows, converted and put into the template; the first
 * byte picks the layout. */
#include "config.h"
#include "data/template.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static const char entries[] =
    "{\"0\": {\"file_name\": \"a.json\", \"columns\": {\"prompt\": \"instruction\", \"query\": \"input\","
    " \"response\": \"output\", \"history\": \"history\", \"system\": \"system\", \"images\": \"images\","
    " \"tools\": \"tools\"}},"
    " \"1\": {\"file_name\": \"a.json\", \"formatting\": \"sharegpt\", \"columns\": {\"messages\":"
    " \"conversations\", \"system\": \"system\", \"tools\": \"tools\", \"images\": \"images\"}},"
    " \"2\": {\"file_name\": \"a.json\", \"formatting\": \"openai\", \"columns\": {\"messages\": \"messages\","
    " \"tools\": \"tools\", \"images\": \"images\"}, \"tags\": {\"role_tag\": \"role\", \"content_tag\":"
    " \"content\", \"user_tag\": \"user\", \"assistant_tag\": \"assistant\", \"observation_tag\": \"tool\","
    " \"function_tag\": \"function_call\", \"system_tag\": \"system\"}}}";

static void one_row(const struct rt_dataset_info *info, struct rt_str text)
{
    struct rt_error err = { .text = "" };
    struct rt_pool pool = { 0 };
    struct rt_row row;
    struct rt_str out;
    if (fuzz_told(rt_row_convert(&row, &pool, info, text, &err), &err)) {
        (void)fuzz_told(rt_template_system(&out, &pool, &row, NULL, &err), &err);
        for (int64_t i = 0; i < row.turns; i++)
            (void)fuzz_told(rt_template_turn(&out, &pool, &row, i, RT_STR("<image>"), &err), &err);
    }
    rt_pool_free(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    struct rt_pool pool = { 0 };
    struct rt_spans spans = { 0 };
    struct rt_dataset_info info;
    if (bytes < 1)
        return 0;
    const char name[] = { (char)('0' + data[0] % 3), '\0' }, *text = (const char *)data + 1;
    if (rt_dataset_info_read(&info, &pool, "", (struct rt_str){ entries, sizeof entries - 1 }, name, &err) !=
        RT_OK)
        abort();
    if (fuzz_told(rt_scan_rows(&spans, 0, "a.json", text, bytes - 1, &err), &err))
        for (int64_t i = 0; i < spans.count; i++)
            one_row(&info, (struct rt_str){ text + spans.span[i].offset, (size_t)spans.span[i].bytes });
    free(spans.span);
    rt_pool_free(&pool);
    return 0;
}
