/* print.c - findings as lines for people or as one JSON object for scripts. */
#include "config.h"
#include "check/print.h"
#include "check/findings.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

void rt_print_open(struct rt_print *p, bool json, bool silent)
{
    *p = (struct rt_print){ .json = json, .silent = silent };
    if (json)
        p->checks = json_array();
    p->failed = json && p->checks == NULL;
}

void rt_print_close(struct rt_print *p)
{
    json_decref(p->checks);
}

static const char *verdict(int code, bool json)
{
    return code == RT_OK ? (json ? "ok" : "OK") : code == RT_WARNING ? "warning" : json ? "fail" : "FAIL";
}

static void keep(struct rt_print *p, const struct rt_print_finding *f, const char *text, const char *cure)
{
    json_t *one = json_pack("{s:s, s:s, s:s}", "what", f->what, "result", verdict(f->code, true), "text", text);
    bool failed = one == NULL;
    if (*f->who != '\0')
        failed |= json_object_set_new(one, "where", json_string(f->who)) != 0;
    if (*cure != '\0')
        failed |= json_object_set_new(one, "do", json_string(cure)) != 0;
    if (f->code > RT_OK)
        failed |= json_object_set_new(one, "exit_code", json_integer(rt_exit_code((rt_status)f->code))) != 0;
    p->failed |= failed || json_array_append_new(p->checks, one) != 0;
}

void rt_print_line(struct rt_print *p, const struct rt_print_finding *f)
{
    char text[2048];
    const char *cure = "";
    if (p->silent)
        return;
    snprintf(text, sizeof text, "%s", f->text);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '\n') {
            *c = '\0';
            cure = c + 1;
            break;
        }
    if (p->json) {
        keep(p, f, text, cure);
        return;
    }
    printf("%-7s  %-9s  %s%s%s%s\n", verdict(f->code, false), f->what, text, *f->who != '\0' ? " (" : "",
           f->who, *f->who != '\0' ? ")" : "");
    if (*cure != '\0')
        printf("%20s-> %s\n", "", cure);
    fflush(stdout); /* a part that hangs shows what came before */
}

rt_status rt_print_end(struct rt_print *p, const struct rt_print_sums *sums, struct rt_error *err)
{
    if (p->silent)
        return RT_OK;
    if (p->json) {
        json_t *all = json_pack("{s:O, s:I, s:I, s:I, s:i}", "checks", p->checks, "ok", (json_int_t)sums->fine,
                                "warnings", (json_int_t)sums->warnings, "failures", (json_int_t)sums->failures,
                                "exit_code", sums->exit_code);
        if (all == NULL || p->failed) {
            json_decref(all);
            return rt_fail(err, RT_ERR_MEMORY, "no memory for what is found");
        }
        json_dumpf(all, stdout, JSON_INDENT(1));
        fputc('\n', stdout);
        json_decref(all);
    } else {
        printf("%lld OK, %lld warning%s, %lld failure%s: exit code %d\n", (long long)sums->fine,
               (long long)sums->warnings, sums->warnings == 1 ? "" : "s", (long long)sums->failures,
               sums->failures == 1 ? "" : "s", sums->exit_code);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        return rt_fail(err, RT_ERR_IO, "standard output: %s", strerror(errno));
    return RT_OK;
}
