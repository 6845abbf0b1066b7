/* tests/data/test_image_header.c - files that are missing, cut, damaged or no pictures: what rt_image_header
 * and rt_image_load say of them, that nothing of it goes to stderr, and that no damage does more than fail. */
#include "config.h"
#include "data/image.h"
#include "tap.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[4096]; /* of the golden pictures */
static char scratch[4200];

static uint8_t *read_golden(const char *name, size_t *bytes)
{
    char path[8400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    uint8_t *data = calloc(1 << 16, 1);
    *bytes = f != NULL ? fread(data, 1, 1 << 16, f) : 0;
    if (f != NULL)
        fclose(f);
    return data;
}

static void write_scratch(const void *data, size_t bytes)
{
    FILE *f = fopen(scratch, "wb");
    if (f == NULL || fwrite(data, 1, bytes, f) != bytes)
        exit(99);
    fclose(f);
}

static rt_status header(struct rt_error *err)
{
    int32_t w = -1, h = -1;
    const rt_status st = rt_image_header(scratch, &w, &h, err);
    if (st != RT_OK && (w != -1 || h != -1))
        return RT_ERR_INTERNAL; /* outputs are set only on success */
    return st;
}

/* Header, size in the model, pixels; *rgb is freed. */
static rt_status load(struct rt_error *err)
{
    struct rt_image_rules rules;
    int32_t w, h, mw, mh;
    uint8_t *rgb = NULL;
    rt_image_rules_read(&rules, NULL, 0, true, 20000, 1024, NULL);
    RT_TRY(rt_image_header(scratch, &w, &h, err));
    RT_TRY(rt_image_model_size(&rules, w, h, &mw, &mh, err));
    const rt_status st = rt_image_load(&rules, scratch, mw, mh, &rgb, err);
    if ((st == RT_OK) != (rgb != NULL))
        return RT_ERR_INTERNAL;
    uint32_t sum = 0; /* touched, so that a checker of memory sees each byte */
    for (size_t i = 0; rgb != NULL && i < (size_t)mw * (size_t)mh * 3; i++)
        sum += rgb[i];
    free(rgb);
    return sum == UINT32_MAX ? RT_ERR_INTERNAL : st;
}

static void expect(rt_status got, rt_status want, const char *what, const struct rt_error *err,
                   const char *words)
{
    ok(got == want && (want == RT_OK || strstr(err->text, words) != NULL),
       "%s: status %d is %d, text has \"%s\": %s", what, got, want, words, got == RT_OK ? "" : err->text);
}

static void check_no_pictures(void)
{
    static const struct {
        const char *data, *words;
    } cases[] = {
        { "<!DOCTYPE html><html>", "starts with '<!DOCTYPE" },
        { "version https://git-lfs.github.com/spec/v1\n", "starts with 'version https:'" },
        { "x", "no picture" },
        { "\xff\xd8", "no picture" },
        { "\xff\xd8\xff", "JPEG" },
        { "\x89PNG\r\n\x1a\n", "PNG" },
        { "GIF89a", "GIF" },
        { "BM", "BMP" },
        { "RIFFxxxxWEBPVP8 ", "WebP" },
        { "II*", "no picture" },
    };
    struct rt_error err = { 0 };
    unlink(scratch);
    expect(header(&err), RT_ERR_FILE, "a missing file", &err, "No such file");
    mkdir(scratch, 0700);
    expect(header(&err), RT_ERR_FILE, "a folder", &err, "is not a file");
    rmdir(scratch);
    write_scratch("", 0);
    expect(header(&err), RT_ERR_FILE, "an empty file", &err, "is empty");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_scratch(cases[i].data, strlen(cases[i].data));
        expect(header(&err), RT_ERR_FILE, "no picture", &err, cases[i].words);
    }
}

/* keep: bytes from the start; below 0: cut from the end. both: what header and load must say. */
static void check_cut(const char *name, int keep, rt_status want_header, rt_status want_load, const char *words)
{
    struct rt_error err = { 0 };
    size_t bytes;
    uint8_t *data = read_golden(name, &bytes);
    write_scratch(data, keep >= 0 ? (size_t)keep : bytes - (size_t)-keep);
    expect(header(&err), want_header, name, &err, words);
    expect(load(&err), want_load, name, &err, words);
    free(data);
}

static void check_cuts(void)
{
    check_cut("baseline.jpg", -1, RT_ERR_FILE, RT_ERR_FILE, "truncated"); /* the last byte of EOI */
    check_cut("baseline.jpg", 1500, RT_ERR_FILE, RT_ERR_FILE, "truncated");
    check_cut("baseline.jpg", 300, RT_ERR_FILE, RT_ERR_FILE, "header");
    check_cut("progressive.jpg", -2, RT_ERR_FILE, RT_ERR_FILE, "truncated");
    check_cut("trailing.jpg", -299, RT_OK, RT_OK, "");
    check_cut("mode-RGB.png", -12, RT_OK, RT_OK,
              ""); /* Pillow does not need IEND, nor the checksum before it */
    check_cut("mode-RGB.png", -15, RT_OK, RT_OK, "");
    check_cut("mode-RGB.png", -40, RT_ERR_FILE, RT_ERR_FILE, "truncated");
    check_cut("mode-RGB.png", 33, RT_ERR_FILE, RT_ERR_FILE, "truncated");
    check_cut("lossy.webp", -1, RT_ERR_FILE, RT_ERR_FILE, "truncated");
    check_cut("rgb24.bmp", -4, RT_ERR_FILE, RT_ERR_FILE, "truncated");
    check_cut("index.gif", -1, RT_OK, RT_OK, "");
    check_cut("index.gif", -300, RT_OK, RT_ERR_FILE, "break off"); /* seen only when decoded */
    check_cut("animated.gif", 500, RT_OK, RT_ERR_FILE, "break off");
}

static void check_poke(const char *name, size_t at, const char *bytes, size_t count, rt_status want,
                       const char *words)
{
    struct rt_error err = { 0 };
    size_t size;
    uint8_t *data = read_golden(name, &size);
    memcpy(data + at, bytes, count);
    write_scratch(data, size);
    expect(header(&err), want, name, &err, words);
    free(data);
}

static size_t find(const uint8_t *data, size_t bytes, const char *what, size_t count)
{
    for (size_t i = 0; i + count <= bytes; i++)
        if (memcmp(data + i, what, count) == 0)
            return i;
    return 0;
}

static void check_sizes(void)
{
    size_t bytes;
    uint8_t *jpeg = read_golden("baseline.jpg", &bytes);
    const size_t frame = find(jpeg, bytes, "\xff\xc0", 2);
    check_poke("mode-RGB.png", 16, "\0\0\0\0", 4, RT_ERR_FILE, "has 0 x 29");
    check_poke("mode-RGB.png", 16, "\0\1\x86\xa0", 4, RT_ERR_FILE, "has 100000 x 29");
    check_poke("mode-RGB.png", 16, "\0\0\xff\0\0\0\xff\0", 8, RT_ERR_FILE, "has 65280 x 65280");
    check_poke("mode-RGB.png", 16, "\xff\xff\xff\xff", 4, RT_ERR_FILE, "has 4294967295 x 29");
    check_poke("rgb24.bmp", 18, "\xff\xff\xff\x7f", 4, RT_ERR_FILE, "has 2147483647 x");
    check_poke("index.gif", 6, "\0\0\0\0", 4, RT_OK, ""); /* the frame sets the size */
    check_poke("baseline.jpg", frame + 5, "\0\0", 2, RT_ERR_FILE, "has 90 x 0");
    check_poke("baseline.jpg", frame + 7, "\xff\xff", 2, RT_ERR_FILE, "has 65535 x 67");
    check_poke("baseline.jpg", frame + 4, "\x0c", 1, RT_ERR_FILE, "12 bits a sample");
    check_poke("baseline.jpg", frame + 9, "\2", 1, RT_ERR_FILE, "2 components");
    free(jpeg);
}

static void check_changed(void)
{
    struct rt_image_rules rules;
    struct rt_error err = { 0 };
    size_t bytes;
    uint8_t *data = read_golden("baseline.jpg", &bytes), *rgb = NULL;
    write_scratch(data, bytes);
    rt_image_rules_read(&rules, NULL, 0, true, 589824, 1024, NULL);
    const rt_status st = rt_image_load(&rules, scratch, 28, 28, &rgb, &err);
    expect(st, RT_ERR_DATA, "another size than expected", &err, "the file changed");
    ok(rgb == NULL, "and no pixels");
    free(data);
}

/* Some of a golden picture's bytes drawn anew; every fourth time it is cut as well. */
static size_t damage(uint8_t *data, size_t bytes, uint32_t seed)
{
    uint32_t x = seed;
    for (uint32_t i = 0; i <= seed % 7; i++) {
        x = x * 1664525u + 1013904223u;
        const size_t at = (x >> 4) % (seed % 2 == 0 ? bytes : bytes < 120 ? bytes : 120);
        data[at] = (uint8_t)(x >> 24);
    }
    return seed % 4 == 0 ? 1 + (x >> 8) % bytes : bytes;
}

static void check_damage(void)
{
    DIR *d = opendir(dir);
    int files = 0, passed = 0, refused = 0, odd = 0;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot == NULL || e->d_name[0] == '.' || strcmp(dot, ".txt") == 0 || strcmp(dot, ".py") == 0)
            continue;
        files++;
        for (uint32_t seed = 1; seed <= 24; seed++) {
            struct rt_error err = { 0 };
            size_t bytes;
            uint8_t *data = read_golden(e->d_name, &bytes);
            write_scratch(data, damage(data, bytes, seed));
            const rt_status st = load(&err);
            passed += st == RT_OK;
            refused += st != RT_OK;
            odd += st != RT_OK && st != RT_ERR_FILE && st != RT_ERR_DATA;
            free(data);
        }
    }
    if (d != NULL)
        closedir(d);
    ok(files > 50 && odd == 0 && passed > 0 && refused > 0,
       "%d pictures damaged 24 times each: %d loaded, %d refused, %d failed in another way", files, passed,
       refused, odd);
}

int main(void)
{
    snprintf(dir, sizeof dir, "%s/tests/golden/image", getenv("RT_SRCDIR"));
    snprintf(scratch, sizeof scratch, "%s/tests/data/test_image_header.%ld", getenv("RT_BUILDDIR"),
             (long)getpid());
    FILE *quiet = tmpfile();
    const int was = dup(2);
    if (quiet == NULL || was < 0 || dup2(fileno(quiet), 2) < 0)
        return 99;
    check_no_pictures();
    check_cuts();
    check_sizes();
    check_changed();
    check_damage();
    dup2(was, 2);
    fseek(quiet, 0, SEEK_END);
    ok(ftell(quiet) == 0, "the libraries wrote %ld bytes to stderr", ftell(quiet));
    char line[512];
    for (rewind(quiet); fgets(line, sizeof line, quiet) != NULL;)
        fputs(line, stderr);
    unlink(scratch);
    return tap_done();
}
