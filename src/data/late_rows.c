/* late_rows.c - rows whose pictures turn out to be broken when they are decoded: told, listed and counted by
 * all ranks. */
#include "config.h"
#include "data/state.h"
#include "dist/dist.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOUND = 1, SHARED = 2 };

static void describe(const struct rt_data *data, int64_t row, const char *why, char *text, size_t bytes)
{
    char at[400];
    rt_data_where(data, data->store.raw[row], at, sizeof at);
    snprintf(text, bytes, "%s is left out: %s", at, why);
}

rt_status rt_data_late_bad(struct rt_data *data, int64_t row, struct rt_error *err)
{
    const struct rt_store *store = &data->store;
    char why[500] = "", text[1000];
    data->late[row] = FOUND;
    data->bad_rows++;
    for (int64_t k = store->picture_at[row]; k < store->picture_at[row + 1]; k++)
        if (rt_pictures_broken(data->pictures, store->picture_of[k], why, sizeof why))
            break;
    describe(data, row, why, text, sizeof text);
    rt_tell(&data->notes, text);
    rt_bytes_add(&data->news, &row, sizeof row);
    rt_bytes_add(&data->news, why, strlen(why) + 1);
    return data->news.failed ? rt_fail(err, RT_ERR_MEMORY, "no memory to keep that %s", text) : RT_OK;
}

bool rt_data_late_news(const struct rt_data *data)
{
    return data->news.count > 0;
}

/* One write, behind what the scan listed. A list that cannot grow is no reason to end the run: each row has
 * been told. */
static void list(const struct rt_data *data, const struct rt_bytes *lines)
{
    char path[4100];
    if (data->opt.output_dir == NULL || lines->count == 0)
        return;
    snprintf(path, sizeof path, "%s/bad_rows.jsonl", data->opt.output_dir);
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    const bool whole =
        fd >= 0 && !lines->failed && write(fd, lines->data, lines->count) == (ssize_t)lines->count;
    if (fd >= 0)
        close(fd);
    if (!whole)
        rt_tell(&data->notes, "bad_rows.jsonl cannot be written; the rows above are missing in it");
}

rt_status rt_data_late_share(struct rt_data *data, struct rt_dist *dist, struct rt_error *err)
{
    void *all = NULL;
    size_t bytes = 0;
    char text[1000] = "";
    struct rt_bytes lines = { 0 };
    RT_TRY(rt_dist_allgather(dist, data->news.data, data->news.count, &all, &bytes, NULL, err));
    rt_bytes_free(&data->news);
    data->news = (struct rt_bytes){ 0 };
    for (const char *p = all; p < (const char *)all + bytes;) {
        int64_t row;
        memcpy(&row, p, sizeof row);
        const char *why = p + sizeof row;
        p = why + strlen(why) + 1;
        if (data->late[row] == SHARED) /* two ranks met it */
            continue;
        describe(data, row, why, text, sizeof text);
        if (data->late[row] != FOUND) {
            data->bad_rows++;
            rt_tell(&data->notes, text);
        }
        data->late[row] = SHARED;
        rt_data_bad_line(data, data->store.raw[row], why, &lines);
    }
    if (data->rank == 0)
        list(data, &lines);
    rt_bytes_free(&lines);
    free(all);
    const rt_status st = rt_data_check_bad(data, err);
    return st == RT_OK ? st : rt_fail_in(err, "%s. ", text);
}
