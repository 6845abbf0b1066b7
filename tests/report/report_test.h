/* report_test.h - what the tests of report share: a scratch folder, whole files, values that depend on the
 * clock. */
#ifndef RT_TESTS_REPORT_TEST_H
#define RT_TESTS_REPORT_TEST_H

#include "base/file.h"
#include "tap.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* folder/name, malloc'ed. */
static char *joined(const char *folder, const char *name)
{
    char *path;
    if (rt_file_path(&path, NULL, "%s/%s", folder, name) != RT_OK) {
        printf("Bail out! no memory\n");
        exit(EXIT_FAILURE);
    }
    return path;
}

/* A fresh folder under TMPDIR; ended by scratch_remove, which leaves it (and says so) when RT_KEEP is set. */
__attribute__((unused)) static char *scratch_make(void)
{
    const char *base = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    char *path = joined(base, "rt_report_XXXXXX");
    if (mkdtemp(path) == NULL) {
        printf("Bail out! no scratch folder under %s\n", base);
        exit(EXIT_FAILURE);
    }
    return path;
}

__attribute__((unused)) static void scratch_remove(char *path)
{
    if (getenv("RT_KEEP") != NULL)
        diag("kept %s", path);
    else
        (void)rt_file_remove(path, NULL);
    free(path);
}

/* The file's text, or "" with a failed check if there is none. */
__attribute__((unused)) static char *slurp(const char *folder, const char *name)
{
    char *path = joined(folder, name), *text = NULL;
    size_t bytes;
    if (rt_file_load(path, 64 << 20, &text, &bytes, NULL) != RT_OK || text == NULL) {
        ok(0, "%s is there", path);
        text = strdup("");
    }
    free(path);
    return text;
}

__attribute__((unused)) static char *golden(const char *name)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/tests/golden/report",
             getenv("RT_SRCDIR") != NULL ? getenv("RT_SRCDIR") : ".");
    return slurp(folder, name);
}

/* Every value of key becomes * in place: up to the comma, the brace or the line's end, strings whole. */
__attribute__((unused)) static void mask(char *text, const char *key)
{
    char start[80];
    snprintf(start, sizeof start, "\"%s\": ", key);
    for (char *at = text; (at = strstr(at, start)) != NULL;) {
        at += strlen(start);
        char *end = at + strcspn(at, ",}\n");
        if (*at == '"' && strchr(at + 1, '"') != NULL)
            end = strchr(at + 1, '"') + 1;
        *at++ = '*';
        memmove(at, end, strlen(end) + 1);
    }
}

/* ok if equal; else the first line that differs is shown. */
__attribute__((unused)) static int same_text(const char *got, const char *want, const char *what)
{
    size_t at = 0, line = 0;
    while (got[at] != '\0' && got[at] == want[at]) {
        if (got[at] == '\n')
            line = at + 1;
        at++;
    }
    const int same = got[at] == want[at];
    if (!same) {
        diag("got  %.*s", (int)strcspn(got + line, "\n"), got + line);
        diag("want %.*s", (int)strcspn(want + line, "\n"), want + line);
    }
    return ok(same, "%s: %zu bytes, the reference has %zu, first difference at %zd", what, strlen(got),
              strlen(want), same ? (ssize_t)-1 : (ssize_t)at);
}

#endif
