/* test_pyjson.c - JSON against what Python wrote (tests/golden/pyjson.txt, made by pyjson.py). */
#include "config.h"
#include "base/pyjson.h"
#include "tap.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static void check_golden(void)
{
    char path[4096], line[256], number[RT_PYJSON_NUMBER];
    snprintf(path, sizeof path, "%s/tests/golden/pyjson.txt",
             getenv("RT_SRCDIR") != NULL ? getenv("RT_SRCDIR") : ".");
    FILE *in = fopen(path, "rb");
    if (!ok(in != NULL, "%s opens", path))
        return;
    int numbers = 0, wrong = 0;
    json_t *document = NULL;
    while (fgets(line, sizeof line, in) != NULL) {
        uint64_t bits;
        struct rt_pyjson_style style;
        int sort, utf8;
        size_t bytes;
        if (sscanf(line, "n %" SCNx64 " ", &bits) == 1) {
            double x;
            memcpy(&x, &bits, sizeof x);
            line[strcspn(line, "\n")] = '\0';
            const bool same = strcmp(rt_pyjson_repr(number, x), line + 19) == 0;
            if (!same)
                diag("got %s, Python writes %s", number, line + 19);
            wrong += !same;
            numbers++;
        } else if (sscanf(line, "d %d %d %d %zu", &style.indent, &sort, &utf8, &bytes) == 4) {
            style.sort_keys = sort != 0;
            style.utf8 = utf8 != 0;
            char *want = malloc(bytes + 1), *got = NULL;
            if (want == NULL || fread(want, 1, bytes + 1, in) != bytes + 1)
                break;
            struct rt_error err = { 0 };
            if (document == NULL)
                ok(rt_pyjson_parse(&document, want, bytes, "pyjson.txt", &err) == RT_OK, "document is read: %s",
                   err.text);
            size_t size = 0;
            const rt_status st = rt_pyjson_text(document, style, &got, &size, &err);
            ok(st == RT_OK && size == bytes && memcmp(got, want, bytes) == 0 && got[size] == '\0',
               "indent %d, sort %d, utf8 %d: %zu bytes as Python's %zu", style.indent, sort, utf8, size, bytes);
            free(got);
            free(want);
        }
    }
    ok(numbers >= 200 && wrong == 0, "%d numbers, %d differ from Python's", numbers, wrong);
    json_decref(document);
    fclose(in);
}

static void check_round(void)
{
    /* round(2.675, 2) is 2.67 since the double lies below; 0.5, 2.5 and 0.125 are ties in binary: to even. */
    static const struct {
        double x;
        int decimals;
        double want;
    } c[] = {
        { 2.675, 2, 2.67 },
        { 0.5, 0, 0.0 },
        { 2.5, 0, 2.0 },
        { 0.125, 2, 0.12 },
        { 8.333333333333332, 2, 8.33 },
        { 5542.994999, 2, 5542.99 },
        { 1e300, 4, 1e300 },
        { -1.00005, 4, -1.0001 },
        { 1e-9, 4, 0.0 },
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        const double got = rt_pyjson_round(c[i].x, c[i].decimals);
        ok(got == c[i].want, "round(%.17g, %d) is %.17g", c[i].x, c[i].decimals, got);
    }
    ok(isnan(rt_pyjson_round(NAN, 2)) && isinf(rt_pyjson_round(-INFINITY, 2)), "NaN and infinity stay");
}

static void check_numbers(void)
{
    json_t *v[] = { rt_pyjson_real(NAN), rt_pyjson_real(-INFINITY), json_integer(7), json_string("NaN"),
                    json_null() };
    double x = 0;
    ok(rt_pyjson_get(v[0], &x) && isnan(x), "NaN comes back");
    ok(rt_pyjson_get(v[1], &x) && x == -INFINITY, "-Infinity comes back");
    ok(rt_pyjson_get(v[2], &x) && x == 7, "an integer is a number");
    ok(!rt_pyjson_get(v[3], &x) && !rt_pyjson_get(v[4], &x) && !rt_pyjson_get(NULL, &x),
       "text, null, nothing are none");
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        json_decref(v[i]);
}

static void check_bad(void)
{
    static const char *const bad[] = { "",
                                       "{",
                                       "{\"a\": Na}",
                                       "[1,]",
                                       "\"\xff\"",
                                       "NaNNaN",
                                       "{\"a\": \"\\",
                                       "-Infinit",
                                       "[1e999]",
                                       "[123456789012345678901234567890]",
                                       "{\"a\\u0000b\": 1}" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rt_error err = { 0 };
        json_t *value = NULL;
        ok(rt_pyjson_parse(&value, bad[i], strlen(bad[i]), "x.json", &err) == RT_ERR_FILE && value == NULL &&
               strncmp(err.text, "x.json:", 7) == 0,
           "refused: %s", err.text);
    }
    json_t *deep = json_array(), *at = deep;
    for (int i = 0; i < 3000; i++) {
        json_t *next = json_array();
        json_array_append_new(at, next);
        at = next;
    }
    char *text = NULL;
    ok(rt_pyjson_text(deep, (struct rt_pyjson_style){ 0 }, &text, NULL, NULL) == RT_ERR_INTERNAL &&
           text == NULL,
       "3000 levels are refused");
    ok(rt_pyjson_text(NULL, (struct rt_pyjson_style){ 0 }, &text, NULL, NULL) == RT_ERR_MEMORY,
       "no value is refused: jansson gives none only where it has no memory");
    json_decref(deep);
}

int main(void)
{
    check_golden();
    check_round();
    check_numbers();
    check_bad();
    return tap_done();
}
