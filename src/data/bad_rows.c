/* bad_rows.c - rows that cannot be used: how many the job bears, and the list of them. */
#include "config.h"
#include "base/file.h"
#include "data/bytes.h"
#include "data/shared_scan.h"
#include "data/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    rt_status st = text.failed ? rt_fail(err, RT_ERR_MEMORY, "%s: no memory to write it", path)
                               : rt_file_make_folder(data->opt.output_dir, err);
    if (st == RT_OK)
        st = rt_file_put(data->opt.output_dir, "bad_rows.jsonl", text.data, text.count, err);
    rt_bytes_free(&text);
    return st;
}
