/* host_log.c - the TensorBoard run of one host. */
#include "config.h"
#include "base/clock.h"
#include "base/file.h"
#include "report/host_window.h"
#include "report/private.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 32, TAG_BYTES = 128 };

struct rt_host_log {
    char *folder;
    struct rt_tensorboard *seconds, *steps; /* steps: NULL before its first point */
    double began_s;                         /* wall clock when the first file of this host began */
    int64_t first_step, last_step, last_second;
    bool failed;
};

char *rt_report_runs(const struct rt_report *r)
{
    char *folder = NULL;
    if (rt_report_idle(r) || !r->opt.tensorboard ||
        rt_tensorboard_folder(&folder, r->opt.output_dir, r->opt.logging_dir, r->runs, NULL) != RT_OK)
        return NULL;
    return folder;
}

/* The seconds in the name of the oldest event file there, or of now. */
static double first_second(const char *folder)
{
    double first = floor(rt_wall_s());
    DIR *d = opendir(folder);
    if (d == NULL)
        return first;
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        long long second;
        if (sscanf(e->d_name, "events.out.tfevents.%10lld.", &second) == 1 && (double)second < first)
            first = (double)second;
    }
    closedir(d);
    return first;
}

rt_status rt_host_log_open(struct rt_host_log **log, const char *folder, const char *host, int64_t first_step,
                           struct rt_error *err)
{
    struct rt_host_log *new = calloc(1, sizeof *new);
    rt_status st = RT_OK;
    if (new == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the log of %s", host);
    new->first_step = new->last_step = first_step;
    new->last_second = -1;
    RT_TRY_TO(st, rt_file_path(&new->folder, err, "%s/%s", folder, host), err_close);
    new->began_s = first_second(new->folder);
    RT_TRY_TO(st, rt_tensorboard_open(&new->seconds, new->folder, -1, err), err_close);
    *log = new;
    return RT_OK;
err_close:
    rt_host_log_close(new);
    return st;
}

void rt_host_log_close(struct rt_host_log *log)
{
    if (log == NULL)
        return;
    rt_tensorboard_close(log->seconds);
    rt_tensorboard_close(log->steps);
    free(log->folder);
    free(log);
}

/* "system/gpu3_percent/min" of "system/gpu_percent", 3 and "min"; by step "system_by_step/gpu3_percent/min". */
static void full_tag(char tag[TAG_BYTES], const struct rt_host_value *v, bool by_step, const char *part)
{
    const size_t group = strcspn(v->tag, "/");
    const char *rest = v->tag[group] == '/' ? v->tag + group + 1 : "";
    const size_t word = v->number >= 0 ? strcspn(rest, "_") : 0;
    char number[16] = "";
    if (word > 0)
        snprintf(number, sizeof number, "%d", v->number);
    snprintf(tag, TAG_BYTES, "%.*s%s/%.*s%s%s%s%s", (int)group, v->tag, by_step ? "_by_step" : "", (int)word,
             rest, number, rest + word, part[0] != '\0' ? "/" : "", part);
}

/* Points on their way into one file, some at a time. */
struct batch {
    struct rt_tensorboard *tb;
    int64_t step, count;
    bool by_step;
    struct rt_scalar scalars[AT_ONCE];
    char tags[AT_ONCE][TAG_BYTES];
};

static rt_status flush(struct batch *b, struct rt_error *err)
{
    const int64_t count = b->count;
    b->count = 0;
    return count > 0 ? rt_tensorboard_points(b->tb, b->step, b->scalars, count, err) : RT_OK;
}

static rt_status point(struct batch *b, const struct rt_host_value *v, const char *part, double x,
                       struct rt_error *err)
{
    full_tag(b->tags[b->count], v, b->by_step, part);
    b->scalars[b->count] = (struct rt_scalar){ b->tags[b->count], (float)x };
    return ++b->count == AT_ONCE ? flush(b, err) : RT_OK;
}

static rt_status put_window(struct batch *b, const struct rt_host_window *w, bool last, struct rt_error *err)
{
    for (int i = 0; i < w->count; i++) {
        const struct rt_host_series *s = &w->series[i];
        const enum rt_host_kind kind = s->now.kind;
        if (s->looks == 0)
            continue;
        if (kind == RT_HOST_LAST || kind == RT_HOST_BITS) {
            const double x = kind == RT_HOST_LAST ? s->now.value : (double)s->bits;
            if (last || x != s->written)
                RT_TRY(point(b, &s->now, "", x, err));
            continue;
        }
        RT_TRY(point(b, &s->now, "", s->sum / s->looks, err));
        if (kind == RT_HOST_SHARE)
            continue;
        RT_TRY(point(b, &s->now, "min", s->min, err));
        RT_TRY(point(b, &s->now, "max", s->max, err));
    }
    return flush(b, err);
}

/* Writes a window as the points of `at`, which *before gives way to. */
static rt_status put_at(struct rt_host_log *log, struct batch *b, int64_t at, int64_t *before,
                        struct rt_host_window *window, bool last, struct rt_error *err)
{
    if (log->failed || at <= *before || rt_host_window_looks(window) == 0)
        return RT_OK;
    b->step = *before = at;
    const rt_status st = put_window(b, window, last, err);
    log->failed = st != RT_OK;
    rt_host_window_written(window);
    return st;
}

rt_status rt_host_log_put(struct rt_host_log *log, struct rt_host_window *window, bool last,
                          struct rt_error *err)
{
    struct batch b = { .tb = log->seconds };
    return put_at(log, &b, (int64_t)(rt_wall_s() - log->began_s), &log->last_second, window, last, err);
}

/* The second file begins with the first log: a run that ends before it leaves none. */
static rt_status open_steps(struct rt_host_log *log, struct rt_error *err)
{
    char *path = NULL;
    RT_TRY(rt_file_path(&path, err, "%s/steps", log->folder));
    const rt_status st =
        rt_tensorboard_open(&log->steps, path, log->first_step > 0 ? log->first_step + 1 : -1, err);
    free(path);
    return st;
}

rt_status rt_host_log_put_step(struct rt_host_log *log, int64_t step, struct rt_host_window *window, bool last,
                               struct rt_error *err)
{
    if (log->steps == NULL && !log->failed && step > log->last_step) {
        const rt_status st = open_steps(log, err);
        log->failed = st != RT_OK;
        RT_TRY(st);
    }
    struct batch b = { .tb = log->steps, .by_step = true };
    return put_at(log, &b, step, &log->last_step, window, last, err);
}
