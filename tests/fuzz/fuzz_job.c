/* fuzz_job.c - a job file: YAML, or JSON where the first byte is odd. What is taken is written out and read
 * again. */
#include "config.h"
#include "job/job.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static char yaml[] = "a.yaml", json[] = "a.json";
    struct rt_error err = { .text = "" };
    struct rt_job *job, *again;
    if (bytes < 1)
        return 0;
    char *argv[] = { data[0] & 1 ? json : yaml, NULL };
    if (!fuzz_told(rt_job_open(&job, 1, argv, (const char *)data + 1, bytes - 1, NULL, NULL, &err), &err))
        return 0;
    char *text = rt_job_text(job);
    argv[0] = yaml;
    if (text == NULL || rt_job_open(&again, 1, argv, text, strlen(text), NULL, NULL, &err) != RT_OK)
        abort();
    rt_job_close(again);
    rt_job_close(job);
    free(text);
    return 0;
}
