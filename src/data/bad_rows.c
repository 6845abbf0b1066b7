/* bad_rows.c - rows that cannot be used: how many the job bears, and the list of them. */
#include "config.h"
#include "data/bytes.h"
#include "data/shared_scan.h"
#include "data/state.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void rt_data_where(const struct rt_data *data, int64_t raw, char *text, size_t bytes)
{
    const struct rt_rows *const rows[2] = { data->rows[0], data->rows[1] };
    rt_shared_scan_where(rows, raw, text, bytes);
}

void rt_data_sample(const struct rt_data *data, int64_t sample, char *text, size_t bytes)
{
    text[0] = '\0';
    if (sample >= 0 && sample < data->raw_rows)
        rt_data_where(data, sample, text, bytes);
}

rt_status rt_data_check_bad(const struct rt_data *data, struct rt_error *err)
{
    const double max = data->opt.max_bad_rows;
    const double bound = max >= 1 ? max : max * (double)data->raw_rows;
    if (!((double)data->bad_rows > bound))
        return RT_OK;
    const struct rt_store *store = &data->store;
    char first[1300] = "", list[400] = "", at[600];
    size_t used = 0;
    for (int64_t i = 0; i < store->bads && i < 3 && used < sizeof first; i++) {
        rt_data_where(data, store->bad[i].raw, at, sizeof at);
        used += (size_t)snprintf(first + used, sizeof first - used, "%s%.200s: %.200s",
                                 i > 0 ? "; " : ". The first: ", at, store->reasons + store->bad[i].reason);
    }
    if (data->opt.output_dir != NULL)
        snprintf(list, sizeof list, ". All that were found: %.300s/bad_rows.jsonl", data->opt.output_dir);
    return rt_fail(
        err, RT_ERR_DATA,
        "%lld of %lld rows cannot be used, and max_bad_rows: %g bears %.0f; repair them, or write a larger "
        "max_bad_rows (a count, or a share below 1)%s%s",
        (long long)data->bad_rows, (long long)data->raw_rows, max, floor(bound), list, first);
}

/* "data/x.json row 17 (line 203)" as members of an object. */
static void add_place(struct rt_bytes *out, char *text)
{
    long long row = 0, line = 0;
    char *cut = NULL;
    for (char *p = strstr(text, " row "); p != NULL; p = strstr(p + 1, " row "))
        cut = p;
    if (cut != NULL && sscanf(cut, " row %lld (line %lld)", &row, &line) == 2)
        *cut = '\0';
    rt_bytes_text(out, "{\"file\": ");
    rt_bytes_json(out, text);
    rt_bytes_format(out, ", \"row\": %lld, \"line\": %lld, \"reason\": ", row, line);
}

void rt_data_bad_line(const struct rt_data *data, int64_t raw, const char *reason, struct rt_bytes *line)
{
    char at[1024];
    rt_data_where(data, raw, at, sizeof at);
    add_place(line, at);
    rt_bytes_json(line, reason);
    rt_bytes_text(line, "}\n");
}

/* mkdir -p; what is wrong shows when the file is opened. */
static void make_folders(const char *folder)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s", folder) >= sizeof path)
        return;
    for (char *p = path + 1; *p != '\0'; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(path, 0777);
            *p = '/';
        }
    mkdir(path, 0777);
}

static rt_status write_file(const char *path, const struct rt_bytes *text, struct rt_error *err)
{
    char aside[4200];
    snprintf(aside, sizeof aside, "%s.tmp", path);
    FILE *file = fopen(aside, "w");
    if (file == NULL)
        return rt_fail(err, RT_ERR_OUTPUT, "%s: cannot be written: %s", aside, strerror(errno));
    int failed = fwrite(text->data, 1, text->count, file) != text->count || fflush(file) != 0 ||
                 fsync(fileno(file)) != 0;
    failed |= fclose(file) != 0;
    if (failed || rename(aside, path) != 0) {
        const int why = errno;
        unlink(aside);
        return rt_fail(err, RT_ERR_OUTPUT, "%s: cannot be written: %s", path, strerror(why));
    }
    return RT_OK;
}

rt_status rt_data_list_bad(const struct rt_data *data, struct rt_error *err)
{
    const struct rt_store *store = &data->store;
    char path[4100];
    if (data->opt.output_dir == NULL)
        return RT_OK;
    if ((size_t)snprintf(path, sizeof path, "%s/bad_rows.jsonl", data->opt.output_dir) >= sizeof path)
        return rt_fail(err, RT_ERR_OUTPUT, "output_dir: %.200s...: the name is too long", data->opt.output_dir);
    if (store->bads == 0) {
        unlink(path);
        return RT_OK;
    }
    struct rt_bytes text = { 0 };
    for (int64_t i = 0; i < store->bads; i++) {
        rt_data_bad_line(data, store->bad[i].raw, store->reasons + store->bad[i].reason, &text);
    }
    make_folders(data->opt.output_dir);
    const rt_status st = text.failed ? rt_fail(err, RT_ERR_MEMORY, "%s: no memory to write it", path)
                                     : write_file(path, &text, err);
    rt_bytes_free(&text);
    return st;
}
