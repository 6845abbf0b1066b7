/* tensorboard.c - TensorBoard event files: where they go, when a new one starts, what is written into it. */
#include "config.h"
#include "base/clock.h"
#include "base/file.h"
#include "report/file.h"
#include "report/tensorboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TAGS = 256, MAX_SCALARS = 64 };

struct rt_tensorboard {
    int fd;
    char *path;
    struct {
        char *tag;
        int64_t step;
    } last[MAX_TAGS]; /* the latest point of each tag */
    int tags;
};

/* Whole, or "unknown": the host's name goes into file names. */
static void host_name(char name[128])
{
    if (gethostname(name, 128) != 0 || memchr(name, '\0', 128) == NULL || name[0] == '\0')
        snprintf(name, 128, "unknown");
    for (char *c = name; *c != '\0'; c++)
        if (*c == '/')
            *c = '_';
}

char *rt_tensorboard_runs(void)
{
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    char host[128], name[256];
    const time_t now = (time_t)rt_wall_s();
    struct tm t = { 0 };
    localtime_r(&now, &t);
    host_name(host);
    snprintf(name, sizeof name, "runs/%s%02d_%02d-%02d-%02d_%s", months[t.tm_mon % 12], t.tm_mday, t.tm_hour,
             t.tm_min, t.tm_sec, host);
    return strdup(name);
}

rt_status rt_tensorboard_folder(char **folder, const char *output_dir, const char *logging_dir,
                                const char *runs, struct rt_error *err)
{
    const char *given = getenv("TENSORBOARD_LOGGING_DIR"), *home = getenv("HOME");
    if (given == NULL || given[0] == '\0')
        given = logging_dir;
    if (given == NULL || given[0] == '\0')
        return rt_file_path(folder, err, "%s/%s", output_dir, runs);
    if (given[0] == '~' && (given[1] == '/' || given[1] == '\0') && home != NULL)
        return rt_file_path(folder, err, "%s%s", home, given + 1);
    return rt_file_path(folder, err, "%s", given);
}

static rt_status append(struct rt_tensorboard *tb, struct rt_record *record, struct rt_error *err)
{
    const rt_status st = rt_report_file_append(tb->fd, tb->path, record->data, record->bytes, err);
    free(record->data);
    return st;
}

/* A file of a new name: seconds, host, process, and a number for those of the same second. */
static rt_status create(struct rt_tensorboard *tb, const char *folder, struct rt_error *err)
{
    char host[128], name[256];
    host_name(host);
    for (int n = 0; n < 1000; n++) {
        snprintf(name, sizeof name, "events.out.tfevents.%010lld.%s.%ld.%d", (long long)rt_wall_s(), host,
                 (long)getpid(), n);
        free(tb->path);
        tb->path = NULL;
        RT_TRY(rt_file_path(&tb->path, err, "%s/%s", folder, name));
        tb->fd = open(tb->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (tb->fd >= 0)
            return RT_OK;
        if (errno != EEXIST)
            break;
    }
    return rt_file_fail_out(err, errno, "write", tb->path);
}

rt_status rt_tensorboard_open(struct rt_tensorboard **tb, const char *folder, int64_t start_step,
                              struct rt_error *err)
{
    struct rt_tensorboard *new = calloc(1, sizeof *new);
    if (new == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for TensorBoard");
    new->fd = -1;
    struct rt_record record;
    rt_status st;
    RT_TRY_TO(st, rt_file_make_folder(folder, err), err_close);
    RT_TRY_TO(st, create(new, folder, err), err_close);
    RT_TRY_TO(st, rt_event_version(&record, rt_wall_s(), "ranktune", err), err_close);
    RT_TRY_TO(st, append(new, &record, err), err_close);
    if (start_step >= 0) {
        RT_TRY_TO(st, rt_event_start(&record, rt_wall_s(), start_step, err), err_close);
        RT_TRY_TO(st, append(new, &record, err), err_close);
    }
    *tb = new;
    return RT_OK;
err_close:
    rt_tensorboard_close(new);
    return st;
}

void rt_tensorboard_close(struct rt_tensorboard *tb)
{
    if (tb == NULL)
        return;
    if (tb->fd >= 0) {
        fsync(tb->fd);
        close(tb->fd);
    }
    for (int i = 0; i < tb->tags; i++)
        free(tb->last[i].tag);
    free(tb->path);
    free(tb);
}

/* Notes that the tag gets a point at this step; false if it has one there or later. */
static bool take(struct rt_tensorboard *tb, const char *tag, int64_t step)
{
    for (int i = 0; i < tb->tags; i++)
        if (strcmp(tb->last[i].tag, tag) == 0) {
            if (tb->last[i].step >= step)
                return false;
            tb->last[i].step = step;
            return true;
        }
    char *copy = tb->tags < MAX_TAGS ? strdup(tag) : NULL;
    if (copy != NULL) {
        tb->last[tb->tags].tag = copy;
        tb->last[tb->tags++].step = step;
    }
    return true;
}

rt_status rt_tensorboard_scalars(struct rt_tensorboard *tb, int64_t step, const struct rt_scalar *scalars,
                                 int64_t count, struct rt_error *err)
{
    struct rt_scalar fresh[MAX_SCALARS];
    int64_t n = 0;
    if (count > MAX_SCALARS)
        return rt_fail(err, RT_ERR_INTERNAL, "%lld scalars at once", (long long)count);
    for (int64_t i = 0; i < count; i++)
        if (take(tb, scalars[i].tag, step))
            fresh[n++] = scalars[i];
    return n > 0 ? rt_tensorboard_points(tb, step, fresh, n, err) : RT_OK;
}

rt_status rt_tensorboard_points(struct rt_tensorboard *tb, int64_t step, const struct rt_scalar *scalars,
                                int64_t count, struct rt_error *err)
{
    struct rt_record record;
    RT_TRY(rt_event_scalars(&record, rt_wall_s(), step, scalars, count, err));
    return append(tb, &record, err);
}

rt_status rt_tensorboard_text(struct rt_tensorboard *tb, int64_t step, const char *tag, const char *text,
                              struct rt_error *err)
{
    char full[256];
    snprintf(full, sizeof full, "%s/text_summary", tag);
    struct rt_record record;
    RT_TRY(rt_event_text(&record, rt_wall_s(), step, full, text, err));
    return append(tb, &record, err);
}

rt_status rt_tensorboard_sync(struct rt_tensorboard *tb, struct rt_error *err)
{
    if (fsync(tb->fd) != 0 && errno != EINVAL)
        return rt_file_fail_out(err, errno, "write", tb->path);
    return RT_OK;
}
