/*
 * test_convert.c - rows that were damaged by a few bytes: converters and template take them or say why not, and
 * never read outside (which the sanitizers and valgrind see). What whole rows become is test_rows.c's matter.
 */
#include "config.h"
#include "data/template.h"
#include "tap.h"

#include <string.h>

static char *read_file(const char *name, size_t *bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/golden/rows/data/%s",
             getenv("RT_SRCDIR") != NULL ? getenv("RT_SRCDIR") : ".", name);
    FILE *f = fopen(path, "r");
    char *text = malloc(1 << 20);
    if (f == NULL || (*bytes = fread(text, 1, 1 << 20, f)) == 0) {
        printf("Bail out! %s cannot be read\n", path);
        exit(1);
    }
    fclose(f);
    return text;
}

static uint32_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Convert and render everything; how many bytes came out, -1 if the row is bad. */
static long long render(const struct rt_dataset_info *info, struct rt_str text, struct rt_error *err)
{
    struct rt_pool pool = { 0 };
    struct rt_row row;
    struct rt_str out;
    long long bytes = 0;
    rt_status st = rt_row_convert(&row, &pool, info, text, err);
    if (st == RT_OK)
        st = rt_template_system(&out, &pool, &row, NULL, err);
    for (int64_t i = 0; st == RT_OK && i < row.turns; i++) {
        bytes += (long long)out.n;
        st = rt_template_turn(&out, &pool, &row, i, RT_STR("<image>"), err);
    }
    rt_pool_free(&pool);
    if (st != RT_OK && st != RT_ERR_DATA) {
        printf("Bail out! status %d: %s\n", st, err->text);
        exit(1);
    }
    return st == RT_OK ? bytes : -1;
}

/* One to three bytes changed, taken out or doubled. */
static size_t damage(char *text, size_t n, uint64_t *state)
{
    static const char bytes[] = "{}[]\",:\\u0d8e9trnfl-+. \n\t\x01\xc3\xa9\xf0\xff<>|";
    for (uint32_t k = draw(state) % 3 + 1; k > 0 && n > 1; k--) {
        const size_t at = draw(state) % n, len = draw(state) % (n - at) % 12;
        switch (draw(state) % 3) {
        case 0: text[at] = bytes[draw(state) % (sizeof bytes - 1)]; break;
        case 1:
            memmove(text + at, text + at + len, n - at - len);
            n -= len;
            break;
        default:
            memmove(text + at + len, text + at, n - at);
            n += len;
            break;
        }
    }
    return n;
}

static void damaged(const char *set, const char *file)
{
    enum { TRIES = 60 };
    struct rt_pool pool = { 0 };
    struct rt_spans spans = { 0 };
    struct rt_dataset_info info;
    struct rt_error err;
    uint64_t state = 11;
    size_t json_bytes, bytes;
    char *json = read_file("dataset_info.json", &json_bytes), *text = read_file(file, &bytes);
    int good = 0, bad = 0, silent = 0;
    if (rt_dataset_info_read(&info, &pool, "dataset_info.json", (struct rt_str){ json, json_bytes }, set,
                             &err) != RT_OK ||
        rt_scan_rows(&spans, 0, file, text, bytes, &err) != RT_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
    for (int64_t i = 0; i < spans.count * TRIES; i++) {
        const struct rt_span *span = &spans.span[i / TRIES];
        char *copy = malloc((size_t)span->bytes + 40);
        memcpy(copy, text + span->offset, (size_t)span->bytes);
        const size_t n = damage(copy, (size_t)span->bytes, &state);
        copy = realloc(copy, n); /* of just this size, so that a read behind it is seen */
        err.text[0] = '\0';
        if (render(&info, (struct rt_str){ copy, n }, &err) >= 0)
            good++;
        else
            bad++, silent += err.text[0] == '\0';
        free(copy);
    }
    ok(good > 0 && bad > 0 && silent == 0, "%s: %d damaged rows taken, %d refused, %d of them without a reason",
       set, good, bad, silent);
    free(json);
    free(text);
    free(spans.span);
    rt_pool_free(&pool);
}

int main(void)
{
    damaged("alpaca", "alpaca.json");
    damaged("sharegpt", "sharegpt.jsonl");
    damaged("tags", "tags.json");
    damaged("openai", "openai.jsonl");
    return tap_done();
}
