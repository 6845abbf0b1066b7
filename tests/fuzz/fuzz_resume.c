/* fuzz_resume.c - the logs' state of a checkpoint; behind a NUL byte, the trainer_log.jsonl that it goes on
 * from. What is taken goes on: a log more, and the end's files. */
#include "config.h"
#include "report/report.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

/* Take the state up and, if `again` is not NULL, go on with a log and give the new state there. */
static int go_on(const struct rt_report_options *opt, const char *text, int64_t step, char **again)
{
    struct rt_error err = { .text = "" };
    const struct rt_train_log log = { .step = 4, .loss = 1, .grad_norm = 1, .learning_rate = 1, .epoch = 1 };
    struct rt_report *report;
    char *state = NULL;
    size_t bytes;
    if (rt_report_open(&report, opt, &err) != RT_OK)
        abort();
    const int taken = fuzz_told(rt_report_resume(report, text, step, &err), &err);
    if (taken && again != NULL && fuzz_told(rt_report_begin(report, opt, step, &err), &err) &&
        fuzz_told(rt_report_train(report, &log, &err), &err) &&
        fuzz_told(rt_report_state(report, 4, 1, 0, 0, &state, &bytes, &err), &err))
        (void)fuzz_told(rt_report_save(report, again, &err), &err);
    free(state);
    rt_report_close(report);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const struct rt_report_options opt = { .output_dir = fuzz_folder(), .total_steps = 8, .logging_steps = 1 };
    char *text = fuzz_text_and_file("trainer_log.jsonl", data, bytes), *again = NULL;
    if (go_on(&opt, text, 3, &again) && again != NULL &&
        !go_on(&opt, again, 4, NULL)) /* what we wrote is read */
        abort();
    free(again);
    free(text);
    return 0;
}
