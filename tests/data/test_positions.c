/* tests/data/test_positions.c - position ids of text and stills against transformers (tests/golden/positions).
 */
#include "config.h"
#include "data/positions.h"
#include "tap.h"

#include <string.h>

enum { MOST = 256 };

/* "t3 p4x6 t2" to positions; returns the tokens. */
static int64_t build(char *sample, int32_t at[3][MOST])
{
    int64_t n = 0;
    int32_t next = 0;
    for (char *word = strtok(sample, " "); word != NULL; word = strtok(NULL, " ")) {
        int rows, columns;
        if (sscanf(word, "p%dx%d", &rows, &columns) == 2) {
            rt_positions_picture(at[0] + n, at[1] + n, at[2] + n, 1, rows / 2, columns / 2, &next);
            n += (int64_t)rows * columns / 4;
        } else {
            rt_positions_text(at[0] + n, at[1] + n, at[2] + n, atoi(word + 1), &next);
            n += atoi(word + 1);
        }
    }
    return n;
}

static void line(char *text)
{
    char name[256];
    int32_t at[3][MOST];
    char *want = strchr(text, ':');
    *want++ = '\0';
    snprintf(name, sizeof name, "%.200s", text);
    const int64_t n = build(text, at);
    int64_t wrong = 0;
    for (int axis = 0; axis < 3; axis++) {
        for (int64_t i = 0; i < n; i++)
            wrong += strtol(want, &want, 10) != at[axis][i];
        want += strspn(want, " |");
    }
    ok(wrong == 0 && want[strspn(want, "\n")] == '\0', "%s: %lld of %lld tokens differ", name, (long long)wrong,
       (long long)n);
}

int main(void)
{
    char path[4096], text[8192];
    const char *root = getenv("RT_SRCDIR");
    snprintf(path, sizeof path, "%s/tests/golden/positions/positions.txt", root != NULL ? root : ".");
    FILE *file = fopen(path, "r");
    if (!ok(file != NULL, "golden positions are there"))
        return tap_done();
    while (fgets(text, sizeof text, file) != NULL)
        if (text[0] != '#')
            line(text);
    fclose(file);
    /* two slots: time goes on, height and width repeat; the next token stands behind the longer side */
    int32_t t[8], h[8], w[8], next = 3;
    static const int32_t want[3][8] = { { 3, 3, 3, 3, 4, 4, 4, 4 },
                                        { 3, 4, 5, 6, 3, 4, 5, 6 },
                                        { 3, 3, 3, 3, 3, 3, 3, 3 } };
    rt_positions_picture(t, h, w, 2, 4, 1, &next);
    ok(memcmp(t, want[0], sizeof t) == 0 && memcmp(h, want[1], sizeof h) == 0 &&
           memcmp(w, want[2], sizeof w) == 0 && next == 7,
       "2 slots of 4 x 1 from 3 on: next is %d", next);
    return tap_done();
}
