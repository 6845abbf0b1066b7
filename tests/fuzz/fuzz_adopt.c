/* fuzz_adopt.c - trainer_state.json of LLaMA-Factory; behind a NUL byte, the trainer_log.jsonl beside it. What
 * is taken goes on: a log more, and a checkpoint's own state. */
#include "config.h"
#include "report/report.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rt_error err = { .text = "" };
    const struct rt_report_options opt = { .output_dir = fuzz_folder(), .total_steps = 8, .logging_steps = 1 };
    const struct rt_train_log log = { .step = 4, .loss = 1, .grad_norm = 1, .learning_rate = 1, .epoch = 1 };
    struct rt_report_past past;
    struct rt_report *report;
    char *text = fuzz_text_and_file("trainer_log.jsonl", data, bytes), *again = NULL;
    if (rt_report_open(&report, &opt, &err) != RT_OK)
        abort();
    if (fuzz_told(rt_report_adopt(report, text, 3, &past, &err), &err) &&
        fuzz_told(rt_report_begin(report, &opt, 3, &err), &err) &&
        fuzz_told(rt_report_train(report, &log, &err), &err))
        (void)fuzz_told(rt_report_save(report, &again, &err), &err);
    rt_report_close(report);
    free(again);
    free(text);
    return 0;
}
