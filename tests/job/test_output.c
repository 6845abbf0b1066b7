/* test_output.c - output_dir: what an earlier run left there is not written over unasked. */
#include "config.h"

#include "job_test.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/rt_job_XXXXXX";

static void touch(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (f != NULL)
        fclose(f);
}

static void check(rt_status want, const char *lines, const char *what)
{
    struct opened o;
    char all[1024];
    struct rt_error err = { 0 };
    snprintf(all, sizeof all, "output_dir: %s\n%s", folder, lines);
    job_lines(&o, all);
    const rt_status st = o.st == RT_OK ? rt_job_check_output(o.job, &err) : o.st;
    ok(st == want, "%s: %d == %d (%s%s)", what, st, want, err.text, o.err.text);
    job_end(&o);
}

int main(void)
{
    char path[256];
    if (mkdtemp(folder) == NULL) {
        printf("Bail out! no folder in /tmp\n");
        return EXIT_FAILURE;
    }
    check(RT_OK, "", "an empty folder");
    touch("trainer_log.jsonl");
    check(RT_OK, "", "a log alone");
    touch("adapter_model.safetensors");
    check(RT_ERR_OUTPUT, "", "an adapter and no checkpoint");
    check(RT_OK, "overwrite_output_dir: true\n", "... but overwrite_output_dir");
    check(RT_OK, "resume_from_checkpoint: x/checkpoint-3\n", "... but a checkpoint to go on from");
    check(RT_OK, "resume_from_checkpoint: false\n", "... but resume_from_checkpoint: false");
    touch("checkpoint-7");
    check(RT_ERR_OUTPUT, "", "a file checkpoint-7 is no checkpoint");
    snprintf(path, sizeof path, "%s/checkpoint-8x", folder);
    mkdir(path, 0777);
    check(RT_ERR_OUTPUT, "", "checkpoint-8x is none");
    rmdir(path);
    snprintf(path, sizeof path, "%s/checkpoint-12", folder);
    mkdir(path, 0777);
    check(RT_OK, "", "a checkpoint to go on from");
    rmdir(path);
    const char *const names[] = { "trainer_log.jsonl", "adapter_model.safetensors", "checkpoint-7" };
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    check(RT_OK, "", "no folder yet");
    FILE *f = fopen(folder, "w");
    if (f != NULL)
        fclose(f);
    check(RT_ERR_OUTPUT, "", "a file in its place");
    unlink(folder);
    return tap_done();
}
