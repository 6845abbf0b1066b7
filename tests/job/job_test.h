/* job_test.h - opening a job from text in a test, with what it said kept. */
#ifndef RT_TESTS_JOB_TEST_H
#define RT_TESTS_JOB_TEST_H

#include "job/job.h"
#include "tap.h"

#include <string.h>

struct opened {
    struct rt_job *job;
    rt_status st;
    struct rt_error err;
    int notes;
    char said[8192]; /* notes, a line each */
};

__attribute__((unused)) static void job_note(const char *text, void *context)
{
    struct opened *o = context;
    const size_t n = strlen(o->said);
    o->notes++;
    snprintf(o->said + n, sizeof o->said - n, "%s\n", text);
}

/* words: the command line behind `train`, NULL-ended; text: of the file that words[0] names, or NULL. */
__attribute__((unused)) static void job_open(struct opened *o, const char *text, const char *const *words)
{
    char *argv[64];
    int argc = 0;
    while (words[argc] != NULL && argc < 64) {
        argv[argc] = (char *)(uintptr_t)words[argc];
        argc++;
    }
    memset(o, 0, sizeof *o);
    const struct rt_notes notes = { .note = job_note, .context = o };
    o->st = rt_job_open(&o->job, argc, argv, text, text != NULL ? strlen(text) : 0, &notes, &o->err);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What every job needs, in front of what a test is about. */
#define BASE "model_name_or_path: m\ntemplate: qwen2_vl\ndataset: d\ndo_train: true\n"

/* A job of BASE (4 lines) and more lines. */
__attribute__((unused)) static void job_lines(struct opened *o, const char *lines)
{
    char text[8192];
    snprintf(text, sizeof text, "%s%s", BASE, lines);
    job_open(o, text, WORDS("a.yaml"));
}

__attribute__((unused)) static void job_end(struct opened *o)
{
    rt_job_close(o->job);
    o->job = NULL;
}

/* The file $RT_SRCDIR/name, malloc'ed and NUL-terminated; ends the test if it cannot be read. */
__attribute__((unused)) static char *source_file(const char *name, size_t *bytes)
{
    const char *folder = getenv("RT_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : ".", name);
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t n = 0, room = 0;
    while (f != NULL && !feof(f)) {
        if (room - n < 65537) {
            room += 131072;
            text = realloc(text, room);
        }
        n += fread(text + n, 1, 65536, f);
    }
    if (f == NULL) {
        printf("Bail out! %s cannot be read\n", path);
        exit(EXIT_FAILURE);
    }
    fclose(f);
    text[n] = '\0';
    if (bytes != NULL)
        *bytes = n;
    return text;
}

#endif
