/* test_scan.c - where rows begin and end: layouts, line numbers, broken files, and how fast. */
#include "config.h"
#include "base/clock.h"
#include "data/scan.h"
#include "tap.h"

#include <stdbool.h>
#include <string.h>

/* Rows joined by '|', each with its line in front: "1:{}|2:{}"; or "!" and the message. */
static const char *scanned(const char *text, size_t bytes, char *out, size_t room)
{
    struct rt_spans spans = { 0 };
    struct rt_error err = { .text = "" };
    char *copy = malloc(bytes + 1); /* of just this size, so that the sanitizer sees a read behind it */
    memcpy(copy, text, bytes);
    copy = realloc(copy, bytes > 0 ? bytes : 1);
    const rt_status st = rt_scan_rows(&spans, 0, "f", copy, bytes, &err);
    size_t used = 0;
    out[0] = '\0';
    for (int64_t i = 0; i < spans.count && st == RT_OK; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%lld:%.*s", i > 0 ? "|" : "",
                                 (long long)spans.span[i].line, (int)spans.span[i].bytes,
                                 copy + spans.span[i].offset);
    if (st != RT_OK)
        snprintf(out, room, "!%s", st == RT_ERR_FILE ? err.text : "wrong code");
    free(spans.span);
    free(copy);
    return out;
}

static void layouts(void)
{
    static const struct {
        const char *name, *text, *want;
    } cases[] = {
        { "a list", "[{\"a\":1},{\"b\":[2,{}]}]", "1:{\"a\":1}|1:{\"b\":[2,{}]}" },
        { "a list over lines", "\n[\n {\"a\":\n1} ,\r\n\n{}\n]\n ", "3:{\"a\":\n1}|6:{}" },
        { "brackets and quotes in strings", "[{\"a\":\"]}\\\"[{\\\\\"},{}]",
          "1:{\"a\":\"]}\\\"[{\\\\\"}|1:{}" },
        { "newline in a string of a list", "[{\"a\":\"x\ny\"},\n{}]", "1:{\"a\":\"x\ny\"}|3:{}" },
        { "a list of other things", "[1, \"a,b\" ,null,[2]]", "1:1|1:\"a,b\"|1:null|1:[2]" },
        { "byte order mark", "\xef\xbb\xbf[{}]", "1:{}" },
        { "a row a line", "{\"a\":1}\n\n  {\"b\":2} \r\n{}", "1:{\"a\":1}|3:{\"b\":2}|4:{}" },
        { "a broken line is a row of its own", "{}\n{\"a\":\n{\"b\":\"x\n{}\n",
          "1:{}|2:{\"a\":|3:{\"b\":\"x|4:{}" },
        { "broken in the first line's string", "{\"a\":\"x\n{}\n", "1:{\"a\":\"x|2:{}" },
        { "rows over lines", "{\n \"a\": \"}\"\n}\n{\n}\n{}", "1:{\n \"a\": \"}\"\n}|4:{\n}|6:{}" },
        { "one row", "{\"a\":1}", "1:{\"a\":1}" },
        { "empty file", "", "!f: there is no row in this file" },
        { "blank file", "\xef\xbb\xbf \n\n", "!f: there is no row in this file" },
        { "empty list", " [ ] ", "!f: there is no row in this file" },
        { "list without end", "[{},\n{}",
          "!f:1: byte 1: the list that begins here does not end; is the file cut short?" },
        { "list without end after a comma", "[{},\n",
          "!f:1: byte 1: the list that begins here does not end; is the file cut short?" },
        { "row without end", "[{},\n {\"a\":{}, {}]",
          "!f:2: byte 18: ']' closes a bracket of the other kind, in the row "
          "that begins in line 2" },
        { "braces without end", "[{},\n {\"a\":{}, {}",
          "!f:2: byte 7: the row that begins here does not end; a quote or "
          "bracket is missing, or the file is cut short" },
        { "string without end", "[{},\n {\"a\":\"]",
          "!f:2: byte 7: the row that begins here does not end; a quote or "
          "bracket is missing, or the file is cut short" },
        { "comma too many", "[{},\n,{}]", "!f:2: byte 6: a row was expected; is there a comma too many?" },
        { "comma at the end", "[{},]", "!f:1: byte 5: a row was expected; is there a comma too many?" },
        { "no comma", "[{}\n{}]", "!f:2: byte 5: ',' or ']' was expected after a row" },
        { "text after the list", "[{}]\n[{}]", "!f:2: byte 6: more text after the list of rows" },
        { "rows over lines, no end", "{\n}\n{\n",
          "!f:3: byte 5: the row that begins here does not end; a quote or bracket "
          "is missing, or the file is cut short" },
        { "rows over lines, other text", "{\n}\nx\n", "!f:3: byte 5: a row in braces was expected" },
        { "backslash at the end", "[{\"a\":\"\\",
          "!f:1: byte 2: the row that begins here does not end; a quote or bracket is "
          "missing, or the file is cut short" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[4096];
        scanned(cases[i].text, strlen(cases[i].text), out, sizeof out);
        ok(strcmp(out, cases[i].want) == 0, "%s: %s", cases[i].name,
           strchr(out, '\n') == NULL ? out : "rows with newlines");
    }
}

/* A list of many rows, and the same a row a line. */
static void many(bool lines)
{
    enum { ROWS = 200000 };
    static const char row[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"<image>what [is] \\\"this\\\"?\"}]}";
    const size_t each = sizeof row + 1, bytes = ROWS * each + 1;
    char *text = malloc(bytes);
    for (int64_t i = 0; i < ROWS; i++) {
        char *at = text + 1 + (size_t)i * each;
        memcpy(at, row, sizeof row - 1);
        at[sizeof row - 1] = lines || i == ROWS - 1 ? ' ' : ',';
        at[sizeof row] = '\n';
    }
    text[0] = lines ? ' ' : '[';
    text[bytes - 1] = lines ? '\n' : ']';
    struct rt_spans spans = { 0 };
    struct rt_error err = { .text = "" };
    const double start = rt_now_s();
    const rt_status st = rt_scan_rows(&spans, 3, "f", text, bytes, &err);
    const double rate = 1e-6 * (double)bytes / (rt_now_s() - start);
    bool same = st == RT_OK && spans.count == ROWS;
    for (int64_t i = 0; i < ROWS && same; i++)
        same = spans.span[i].line == i + 1 && spans.span[i].bytes == (int32_t)sizeof row - 1 &&
               spans.span[i].file == 3 && spans.span[i].offset == 1 + i * (int64_t)each;
    ok(same, "%d rows %s: %lld found, in their places (%.0f MB/s)", ROWS, lines ? "a row a line" : "in a list",
       (long long)spans.count, rate);
    free(spans.span);
    free(text);
}

int main(void)
{
    layouts();
    many(false);
    many(true);
    return tap_done();
}
