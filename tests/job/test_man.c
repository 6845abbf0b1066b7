/* test_man.c - the man page says of every key what the table says, and names every exit code. With
 * RT_WRITE_KEYS=FILE it also writes the part of the page that the table decides, to be put between KEYS BEGIN
 * and KEYS END. */
#include "config.h"

#include "job_test.h"

#include "job/keys.h"

#include <ctype.h>

/* Text as roff: dashes that stay dashes, backslashes, no control line by accident. */
static void put_roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text != '\0'; text++) {
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
    }
}

static void put_done(FILE *out, const struct rt_key *key)
{
    char wants[900];
    rt_key_wants(key, wants, sizeof wants);
    wants[0] = (char)toupper((unsigned char)wants[0]);
    fprintf(out, ".TP\n.B %s\n", key->name);
    put_roff(out, key->text);
    fputs(".\n", out);
    put_roff(out, wants);
    fputs("; default ", out);
    put_roff(out, key->def[0] != '\0' ? key->def : "\"\"");
    fputs(".\n", out);
}

/* Keys of a class that share a reason stand together, in front of it. */
static void put_others(FILE *out, const struct rt_key_class *class, enum rt_key_use use)
{
    for (size_t k = 0; k < class->count; k++) {
        const struct rt_key *key = &class->keys[k];
        bool told = key->use != use;
        for (size_t i = 0; i < k && !told; i++)
            told = class->keys[i].use == use && strcmp(class->keys[i].text, key->text) == 0;
        if (told)
            continue;
        fputs(".TP\n.B ", out);
        const char *gap = "";
        for (size_t i = k; i < class->count; i++) {
            if (class->keys[i].use != use || strcmp(class->keys[i].text, key->text) != 0)
                continue;
            fprintf(out, "%s%s", gap, class->keys[i].name);
            gap = ", ";
        }
        fputc('\n', out);
        put_roff(out, key->text);
        fputs(".\n", out);
    }
}

static char *expected(size_t *bytes)
{
    static const char *const heads[] = { "KEYS", "KEYS TAKEN WITHOUT EFFECT", "KEYS THAT ARE NOT SUPPORTED" };
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    for (int use = RT_KEY_DONE; use <= RT_KEY_REFUSED; use++) {
        fprintf(out, ".SH %s\n", heads[use]);
        for (size_t c = 0; c < RT_KEY_CLASSES; c++) {
            const struct rt_key_class *class = rt_key_class(c);
            size_t n = 0;
            for (size_t k = 0; k < class->count; k++)
                n += (int)class->keys[k].use == use;
            if (n == 0)
                continue;
            fprintf(out, ".SS Of %s keys\n", class->title);
            for (size_t k = 0; k < class->count && use == RT_KEY_DONE; k++)
                if (class->keys[k].use == RT_KEY_DONE)
                    put_done(out, &class->keys[k]);
            if (use != RT_KEY_DONE)
                put_others(out, class, (enum rt_key_use)use);
        }
    }
    fclose(out);
    return text;
}

static void check_help(void)
{
    char *text = NULL;
    size_t bytes, missing = 0;
    FILE *out = open_memstream(&text, &bytes);
    rt_job_help(out);
    fclose(out);
    for (size_t i = 0; i < rt_key_count(); i++) {
        char line[128];
        snprintf(line, sizeof line, "  --%s\n", rt_key_at(i)->name);
        missing += strstr(text, line) == NULL;
    }
    ok(missing == 0, "--help names every key: %zu missing == 0", missing);
    free(text);
}

int main(void)
{
    static const char begin[] = ".\\\" KEYS BEGIN\n", end[] = ".\\\" KEYS END\n";
    size_t bytes;
    char *want = expected(&bytes), *page = source_file("src/ranktune.1", NULL);
    const char *write = getenv("RT_WRITE_KEYS");
    FILE *out = write != NULL ? fopen(write, "w") : NULL;
    if (out != NULL) {
        fwrite(want, 1, bytes, out);
        fclose(out);
    }
    const char *from = strstr(page, begin), *to = strstr(page, end);
    ok(from != NULL && to > from, "the page has its marks");
    if (from != NULL && to > from) {
        from += sizeof begin - 1;
        const size_t n = (size_t)(to - from);
        size_t same = 0;
        while (same < n && same < bytes && from[same] == want[same])
            same++;
        ok(n == bytes && same == n, "its keys are the table's: %zu bytes == %zu, the same up to %zu (%.40s)", n,
           bytes, same, n == bytes && same == n ? "" : want + same);
    }
    const char *status = strstr(page, ".SH EXIT STATUS\n");
    for (int st = RT_OK; status != NULL && st <= RT_STOPPED; st++) {
        char line[32];
        snprintf(line, sizeof line, ".TP\n.B %d\n", rt_exit_code((rt_status)st));
        ok(strstr(status, line) != NULL, "exit code %d is on the page", rt_exit_code((rt_status)st));
    }
    check_help();
    free(want);
    free(page);
    return tap_done();
}
