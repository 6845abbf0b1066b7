/* fuzz.c - a folder, files and the check of an error's text for the fuzz targets; contracts in fuzz.h. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    char folder[4096], path[8192];
} fuzz;

static void remove_folder(void)
{
    DIR *dir = opendir(fuzz.folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    (void)rmdir(fuzz.folder);
}

const char *fuzz_folder(void)
{
    const char *where = getenv("TMPDIR");
    if (fuzz.folder[0] != '\0')
        return fuzz.folder;
    snprintf(fuzz.folder, sizeof fuzz.folder, "%s/checkpoint-XXXXXX", where != NULL ? where : "/tmp");
    if (mkdtemp(fuzz.folder) == NULL) {
        perror(fuzz.folder);
        abort();
    }
    atexit(remove_folder);
    return fuzz.folder;
}

const char *fuzz_file(const char *name, const void *data, size_t bytes)
{
    snprintf(fuzz.path, sizeof fuzz.path, "%s/%s", fuzz_folder(), name);
    const int fd = open(fuzz.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes || close(fd) != 0) {
        perror(fuzz.path);
        abort();
    }
    return fuzz.path;
}

char *fuzz_text_and_file(const char *name, const uint8_t *data, size_t bytes)
{
    const uint8_t *nul = memchr(data, 0, bytes);
    const size_t text_bytes = nul != NULL ? (size_t)(nul - data) : bytes;
    char *text = malloc(text_bytes + 1);
    if (text == NULL)
        abort();
    memcpy(text, data, text_bytes);
    text[text_bytes] = '\0';
    (void)fuzz_file(name, nul != NULL ? nul + 1 : data, nul != NULL ? bytes - text_bytes - 1 : 0);
    return text;
}

char *fuzz_source(const char *name, size_t *bytes)
{
    char path[4096];
    const char *srcdir = getenv("RT_SRCDIR");
    snprintf(path, sizeof path, "%s/%s", srcdir != NULL ? srcdir : ".", name);
    FILE *f = fopen(path, "rb");
    char *text = malloc(1 << 20);
    if (f == NULL || text == NULL || (*bytes = fread(text, 1, (1 << 20) - 1, f)) == 0) {
        fprintf(stderr, "%s cannot be read; set RT_SRCDIR\n", path);
        abort();
    }
    fclose(f);
    text[*bytes] = '\0';
    return text;
}

int fuzz_told(rt_status st, const struct rt_error *err)
{
    if (st != RT_OK && err->text[0] == '\0') {
        fprintf(stderr, "status %d without a text\n", st);
        abort();
    }
    return st == RT_OK;
}
