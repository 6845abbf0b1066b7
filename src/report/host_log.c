/* host_log.c - the TensorBoard run of one host. */
#include "config.h"
#include "base/clock.h"
#include "base/file.h"
#include "report/private.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rt_host_log {
    struct rt_tensorboard *tb;
    double began_s; /* wall clock when the first file of this host began */
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

rt_status rt_host_log_open(struct rt_host_log **log, const char *folder, const char *host, struct rt_error *err)
{
    struct rt_host_log *new = calloc(1, sizeof *new);
    char *path = NULL;
    rt_status st = new != NULL ? rt_file_path(&path, err, "%s/%s", folder, host)
                               : rt_fail(err, RT_ERR_MEMORY, "no memory for the log of %s", host);
    if (st == RT_OK) {
        new->began_s = first_second(path);
        st = rt_tensorboard_open(&new->tb, path, -1, err);
    }
    free(path);
    if (st != RT_OK)
        free(new);
    else
        *log = new;
    return st;
}

void rt_host_log_close(struct rt_host_log *log)
{
    if (log == NULL)
        return;
    rt_tensorboard_close(log->tb);
    free(log);
}

static void full_tag(char tag[96], const struct rt_host_value *v)
{
    const char *slash = strchr(v->tag, '/'), *rest = slash != NULL ? slash + 1 : v->tag;
    if (v->gpu < 0 || strncmp(rest, "gpu_", 4) != 0)
        snprintf(tag, 96, "%s", v->tag);
    else
        snprintf(tag, 96, "%.*sgpu%d_%s", (int)(rest - v->tag), v->tag, v->gpu, rest + 4);
}

rt_status rt_host_log_put(struct rt_host_log *log, const struct rt_host_value *values, int count,
                          struct rt_error *err)
{
    enum { AT_ONCE = 32 };
    struct rt_scalar scalars[AT_ONCE];
    char tags[AT_ONCE][96];
    const int64_t step = (int64_t)(rt_wall_s() - log->began_s);
    int64_t n = 0;
    rt_status st = RT_OK;
    for (int i = 0; i < count && !log->failed; i++) {
        if (!isnan(values[i].value)) {
            full_tag(tags[n], &values[i]);
            scalars[n] = (struct rt_scalar){ tags[n], (float)values[i].value };
            n++;
        }
        if (n < AT_ONCE && i + 1 < count)
            continue;
        st = rt_tensorboard_scalars(log->tb, step, scalars, n, err);
        log->failed = st != RT_OK;
        n = 0;
    }
    return st;
}
