/* prom.c - values as gauges in Prometheus' text format, in a file that is replaced as a whole. */
#include "config.h"
#include "base/file.h"
#include "report/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "ranktune_gpu_percent" of "system/gpu_percent". */
static void gauge_name(char name[96], const char *tag)
{
    const char *slash = strchr(tag, '/');
    snprintf(name, 96, "ranktune_%s", slash != NULL ? slash + 1 : tag);
}

/* A label's value: backslash, quote and newline are escaped. */
static void put_label(FILE *f, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            fputc('\\', f);
        fputc(*text == '\n' ? ' ' : *text, f);
    }
}

static void put_values(FILE *f, const char *host, const struct rt_host_value *values, int count)
{
    enum { OURS = sizeof "ranktune_" - 1 };
    char name[96], last[96] = "";
    for (int i = 0; i < count; i++) {
        if (isnan(values[i].value))
            continue;
        gauge_name(name, values[i].tag);
        if (strcmp(name, last) != 0)
            fprintf(f, "# HELP %s %s\n# TYPE %s gauge\n", name, values[i].help, name);
        memcpy(last, name, sizeof last);
        fprintf(f, "%s{host=\"", name);
        put_label(f, host);
        if (values[i].number >= 0) /* the label is the name's first word: gpu, rank */
            fprintf(f, "\",%.*s=\"%d", (int)strcspn(name + OURS, "_"), name + OURS, values[i].number);
        fprintf(f, "\"} %.10g\n", values[i].value);
    }
}

rt_status rt_prom_write(const char *path, const char *host, const struct rt_host_value *values, int count,
                        struct rt_error *err)
{
    const size_t room = strlen(path) + 32;
    char *aside = malloc(room);
    if (aside == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its name", path);
    snprintf(aside, room, "%s.%ld", path, (long)getpid());
    FILE *f = fopen(aside, "we");
    int failed = f == NULL ? errno : 0;
    if (f != NULL) {
        put_values(f, host, values, count);
        failed = ferror(f) != 0 ? EIO : 0;
        if (fclose(f) != 0)
            failed = errno;
        if (failed == 0 && rename(aside, path) != 0)
            failed = errno;
        if (failed != 0)
            unlink(aside);
    }
    free(aside);
    return failed == 0 ? RT_OK : rt_file_fail_out(err, failed, "write", path);
}
