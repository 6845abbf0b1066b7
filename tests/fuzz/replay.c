/* replay.c - a fuzz target as a test: the inputs in tests/fuzz/corpus/NAME, and each of them cut short at some
 * places. Any other argument is a file to feed. */
#include "config.h"
#include "tap.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>

/* A copy of exactly these bytes, so that the sanitizers see a read behind them. */
static void feed(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, data, bytes);
    (void)LLVMFuzzerTestOneInput(copy, bytes);
    free(copy);
}

static bool feed_file(const char *path, uint8_t *data, size_t room, bool cut)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    const size_t bytes = fread(data, 1, room, f);
    fclose(f);
    feed(data, bytes);
    for (size_t n = 0; cut && n < bytes; n += bytes / 8 + 1)
        feed(data, n);
    return true;
}

/* NAME of .../fuzz_NAME.t */
static void corpus_of(const char *program, char *path, size_t bytes)
{
    const char *base = strrchr(program, '/'), *srcdir = getenv("RT_SRCDIR");
    base = base != NULL ? base + 1 : program;
    base += strncmp(base, "fuzz_", 5) == 0 ? 5 : 0;
    snprintf(path, bytes, "%s/tests/fuzz/corpus/%.*s", srcdir != NULL ? srcdir : ".", (int)strcspn(base, "."),
             base);
}

int main(int argc, char **argv)
{
    enum { ROOM = 1 << 20 };
    static uint8_t data[ROOM];
    char folder[4096], path[8192];
    int files = 0;
    for (int i = 1; i < argc; i++)
        ok(feed_file(argv[i], data, ROOM, false), "%s", argv[i]);
    if (argc > 1)
        return tap_done();
    corpus_of(argv[0], folder, sizeof folder);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            files += feed_file(path, data, ROOM, true);
    }
    if (dir != NULL)
        closedir(dir);
    ok(files > 0, "%d inputs > 0 of %s, whole and cut: no crash, no error without a text", files, folder);
    return tap_done();
}
