/* test_json.c - the JSON of rows: what Python reads and writes, and the same verdict as jansson on broken
 * texts. */
#include "config.h"
#include "data/json.h"
#include "tap.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

static FILE *open_golden(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/golden/rows/%s",
             getenv("RT_SRCDIR") != NULL ? getenv("RT_SRCDIR") : ".", name);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        printf("Bail out! %s cannot be read\n", path);
        exit(1);
    }
    return f;
}

/* Our dump of text; false if it is refused. */
static bool dumped(struct rt_pool *pool, struct rt_str text, struct rt_str *out)
{
    struct rt_json *value;
    struct rt_error err;
    struct rt_buf t = { .pool = pool };
    return rt_json_parse(pool, text, false, &value, &err) == RT_OK && rt_json_dump(&t, value, &err) == RT_OK &&
           rt_buf_end(&t, out, &err) == RT_OK;
}

static void against_python(void)
{
    FILE *f = open_golden("json.jsonl");
    static char line[200000];
    int texts = 0, wrong = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        json_t *pair = json_loads(line, JSON_ALLOW_NUL, NULL);
        const json_t *in = json_array_get(pair, 0), *want = json_array_get(pair, 1);
        struct rt_pool pool = { 0 };
        struct rt_str out;
        const bool good = dumped(&pool, (struct rt_str){ json_string_value(in), json_string_length(in) }, &out);
        const bool same =
            json_is_null(want)
                ? !good
                : good && rt_str_is(out, (struct rt_str){ json_string_value(want), json_string_length(want) });
        if (!same)
            diag("%.200s gives %.200s", line, good ? out.p : "a refusal");
        wrong += !same;
        texts++;
        rt_pool_free(&pool);
        json_decref(pair);
    }
    fclose(f);
    ok(texts > 200 && wrong == 0, "as CPython reads and writes: %d of %d texts differ", wrong, texts);
}

static uint32_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Texts a few bytes away from good ones: both readers have to agree on which are JSON. */
static void against_jansson(void)
{
    static const char *const seeds[] = {
        "{\"a\": [1, 2.5, -3e2, null, true, false], \"b\": {\"c\": \"x\\n\\u00e9\\ud83d\\ude00\", \"d\": []}}",
        "[{\"from\": \"human\", \"value\": \"<image>\\\"q\\\\\"}, {\"value\": \"\xc3\xa9\xf0\x9f\x98\x80\"}]",
        "[0, -0.5e+7, \"\\/\\b\\f\\t\\r\", {\"\": {}}]",
    };
    static const char bytes[] =
        "{}[]\",:\\u0123456789dDeEabtrnfls-+. \n\t\x01\x7f\xc3\xa9\xf0\x9f\xed\xa0\x80\xff";
    uint64_t state = 7;
    int good = 0, wrong = 0;
    const int tries = 60000;
    for (int i = 0; i < tries; i++) {
        char text[160];
        size_t n = strlen(strcpy(text, seeds[draw(&state) % 3]));
        for (uint32_t k = draw(&state) % 3 + 1; k > 0; k--) {
            const size_t at = draw(&state) % n;
            if (draw(&state) % 3 == 0)
                memmove(text + at, text + at + 1, n-- - at);
            else
                text[at] = bytes[draw(&state) % (sizeof bytes - 1)];
        }
        struct rt_pool pool = { 0 };
        struct rt_json *value;
        struct rt_error err;
        json_error_t why;
        char *copy = malloc(n); /* of just this size, so that the sanitizer sees a read behind it */
        memcpy(copy, text, n);
        const bool ours = rt_json_parse(&pool, (struct rt_str){ copy, n }, false, &value, &err) == RT_OK;
        json_t *theirs = json_loadb(copy, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
        const bool limit =
            theirs == NULL && (strstr(why.text, "overflow") != NULL || strstr(why.text, "too big") != NULL ||
                               strstr(why.text, "NUL") != NULL);
        if (ours != (theirs != NULL) && !limit && wrong++ < 5)
            diag("%.*s: ours %d: %s; jansson: %s", (int)n, text, ours, ours ? "" : err.text,
                 theirs != NULL ? "" : why.text);
        good += ours;
        json_decref(theirs);
        rt_pool_free(&pool);
        free(copy);
    }
    ok(good > tries / 20 && wrong == 0, "same verdict as jansson: %d of %d texts differ, %d are JSON", wrong,
       tries, good);
}

static void bounds(void)
{
    struct rt_pool pool = { 0 };
    struct rt_json *value = NULL;
    struct rt_error err = { .text = "" };
    char deep[2000];
    memset(deep, '[', sizeof deep);
    ok(rt_json_parse(&pool, (struct rt_str){ deep, sizeof deep }, false, &value, &err) == RT_ERR_DATA &&
           strstr(err.text, "500 deep") != NULL,
       "2000 open brackets are refused: %s", err.text);
    ok(rt_json_parse(&pool, RT_STR("\"a\nb\tc\""), true, &value, &err) == RT_OK && value->text.n == 5,
       "rows may hold unescaped control characters");
    ok(rt_json_parse(&pool, RT_STR("{\"a\":\n[1,\n x]}"), false, &value, &err) == RT_ERR_DATA &&
           strcmp(err.text, "line 3, byte 12: no JSON value") == 0,
       "line and byte are named: %s", err.text);
    ok(rt_json_parse(&pool, RT_STR("{\"a\\u0000b\": 1, \"a\": 2}"), false, &value, &err) == RT_OK &&
           rt_json_get(value, RT_STR("a\0b")) != NULL &&
           rt_str_is(rt_json_get(value, RT_STR("a"))->text, RT_STR("2")),
       "a key may hold NUL");
    rt_pool_free(&pool);
}

int main(void)
{
    against_python();
    against_jansson();
    bounds();
    return tap_done();
}
