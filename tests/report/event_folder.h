/* event_folder.h - the event files of a TensorBoard run, read back, and the points of a tag in them. */
#ifndef RT_TESTS_EVENT_FOLDER_H
#define RT_TESTS_EVENT_FOLDER_H

#include "report/event_test.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A file's bytes, malloc'ed. */
__attribute__((unused)) static char *load(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1 << 20, 1);
    *bytes = f != NULL ? fread(text, 1, (1 << 20) - 1, f) : 0;
    if (f != NULL)
        fclose(f);
    return text;
}

__attribute__((unused)) static void read_folder(struct seen *seen, const char *folder, int *files, bool *whole)
{
    char path[512];
    DIR *d = opendir(folder);
    *files = 0;
    *whole = true;
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        size_t bytes;
        if (strstr(e->d_name, "tfevents") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        char *data = load(path, &bytes);
        *whole = read_events(seen, data, bytes) && *whole;
        free(data);
        ++*files;
    }
    if (d != NULL)
        closedir(d);
}

/* How many points a tag has, those of this value (NaN: of any); the step of the first one, and whether steps
 * grow. */
__attribute__((unused)) static int points(const struct seen *seen, const char *tag, double value,
                                          int64_t *first, bool *grows)
{
    int n = 0;
    int64_t last = -1;
    *grows = true;
    for (int i = 0; i < seen->points; i++) {
        if (strcmp(seen->point[i].tag, tag) != 0 || (!isnan(value) && seen->point[i].value != (float)value))
            continue;
        *grows = *grows && seen->point[i].step > last;
        last = seen->point[i].step;
        *first = n == 0 ? last : *first;
        n++;
    }
    return n;
}

/* The value of a tag's point at its n-th step, from 0 on; NaN: there is none. */
__attribute__((unused)) static double nth(const struct seen *seen, const char *tag, int n, int64_t *step)
{
    for (int i = 0; i < seen->points; i++)
        if (strcmp(seen->point[i].tag, tag) == 0 && n-- == 0) {
            *step = seen->point[i].step;
            return seen->point[i].value;
        }
    return NAN;
}

#endif
