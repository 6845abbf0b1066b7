/* tests/base/test_status.c - failure texts, prefixes, truncation, and the table of exit codes. */
#include "config.h"
#include "base/status.h"
#include "tap.h"

#include <string.h>

static rt_status fails_with(rt_status code, struct rt_error *err)
{
    RT_TRY(RT_OK);
    RT_TRY(rt_fail(err, code, "jobs/a.yaml:%d: %s", 14, "lora_rank"));
    return RT_OK;
}

static rt_status cleans_up(rt_status code, int *undone)
{
    rt_status st = RT_OK;
    RT_TRY_TO(st, code, err_undo);
    return RT_OK;
err_undo:
    (*undone)++;
    return st;
}

static void test_texts(void)
{
    struct rt_error err = { .status = RT_OK };
    rt_status st = fails_with(RT_ERR_JOB, &err);
    ok(st == RT_ERR_JOB && err.status == RT_ERR_JOB && strcmp(err.text, "jobs/a.yaml:14: lora_rank") == 0,
       "code and text are kept: %d \"%s\"", (int)st, err.text);
    st = rt_fail_in(&err, "%s: ", "rank 3");
    ok(st == RT_ERR_JOB && strcmp(err.text, "rank 3: jobs/a.yaml:14: lora_rank") == 0,
       "a prefix goes in front: \"%s\"", err.text);
    ok(fails_with(RT_ERR_DATA, NULL) == RT_ERR_DATA, "without a place for the text the code travels alone");
    ok(rt_fail_in(NULL, "x") == RT_ERR_INTERNAL, "a prefix to nothing is an internal error");
}

static void test_long_texts(void)
{
    struct rt_error err;
    char longer[2 * sizeof err.text];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    rt_fail(&err, RT_ERR_IO, "%s", longer);
    ok(strlen(err.text) == sizeof err.text - 1, "a text too long is cut to %zu bytes", strlen(err.text));
    rt_fail_in(&err, "front: ");
    ok(strlen(err.text) == sizeof err.text - 1 && strncmp(err.text, "front: xxx", 10) == 0,
       "a prefix to a full text stays whole, the end is cut: %zu bytes", strlen(err.text));
    rt_fail_in(&err, "%s", longer);
    ok(strlen(err.text) == sizeof err.text - 1 && err.status == RT_ERR_IO,
       "a prefix too long is cut to %zu bytes", strlen(err.text));
}

static void test_exit_codes(void)
{
    const struct {
        rt_status status;
        int code;
    } table[] = {
        { RT_OK, 0 },
        { RT_ERR_INTERNAL, 70 },
        { RT_ERR_USAGE, 64 },
        { RT_ERR_JOB, 78 },
        { RT_ERR_DATA, 65 },
        { RT_ERR_FILE, 66 },
        { RT_ERR_MEMORY, 71 },
        { RT_ERR_OUTPUT, 73 },
        { RT_ERR_IO, 74 },
        { RT_ERR_DEVICE, 69 },
        { RT_ERR_COMM, 76 },
        { RT_ERR_NUMBERS, 79 },
        { RT_ERR_HARDWARE, 80 },
        { RT_STOPPED, 75 },
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        wrong += rt_exit_code(table[i].status) != table[i].code;
    ok(wrong == 0, "%d of %zu exit codes differ from the table users are given", wrong,
       sizeof table / sizeof *table);
    ok(rt_exit_code((rt_status)999) == 70, "a status that does not exist is an internal error");
}

int main(void)
{
    int undone = 0;
    test_texts();
    test_long_texts();
    ok(cleans_up(RT_ERR_IO, &undone) == RT_ERR_IO && undone == 1, "RT_TRY_TO jumps on failure, code kept");
    ok(cleans_up(RT_OK, &undone) == RT_OK && undone == 1, "RT_TRY_TO goes on when all is well");
    test_exit_codes();
    return tap_done();
}
