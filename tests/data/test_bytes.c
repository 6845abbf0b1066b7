/* tests/data/test_bytes.c - numbers and strings as Python's json writes them. */
#include "config.h"
#include "data/bytes.h"
#include "tap.h"

#include <string.h>

static void repr(double x, const char *want)
{
    struct rt_bytes b = { 0 };
    rt_bytes_repr(&b, x);
    rt_bytes_add(&b, "", 1);
    ok(strcmp(b.data, want) == 0, "repr(%a) = %s, wanted %s", x, b.data, want);
    rt_bytes_free(&b);
}

static void json(const char *text, const char *want)
{
    struct rt_bytes b = { 0 };
    rt_bytes_json(&b, text);
    rt_bytes_add(&b, "", 1);
    ok(strcmp(b.data, want) == 0, "a JSON string: %s", b.data);
    rt_bytes_free(&b);
}

int main(void)
{
    repr(0, "0.0");
    repr(-0.0, "-0.0");
    repr(14528, "14528.0");
    repr(0.1, "0.1");
    repr(0.1f, "0.10000000149011612");
    repr(1.0 / 3, "0.3333333333333333");
    repr(1e16, "1e+16");
    json("a\"b\\c\nd\x01\x7f", "\"a\\\"b\\\\c\\nd\\u0001\x7f\"");
    json("\xe5\x9b\xbe \xf0\x9f\x9a\x97", "\"\xe5\x9b\xbe \xf0\x9f\x9a\x97\"");
    json("x\xff\xe5\x9b", "\"x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    json("\xc0\x80\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    struct rt_bytes b = { 0 };
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    rt_bytes_format(&b, "%s%d", long_text, 7);
    ok(!b.failed && b.count == 2000 && b.data[1999] == '7', "a long format: %zu bytes", b.count);
    rt_bytes_free(&b);
    return tap_done();
}
