/* curves.c - which quantities of log_history are plotted, and into which files. */
#include "config.h"
#include "base/pyjson.h"
#include "report/file.h"
#include "report/plot.h"
#include "report/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Steps and values of one key, in arrays of at least json_array_size(history); returns how many. */
static int64_t collect(const json_t *history, const char *key, double *steps, double *values)
{
    int64_t n = 0;
    size_t i;
    json_t *entry;
    json_array_foreach (history, i, entry) {
        double step, value;
        if (rt_pyjson_get(json_object_get(entry, key), &value) &&
            rt_pyjson_get(json_object_get(entry, "step"), &step)) {
            steps[n] = step;
            values[n++] = value;
        }
    }
    return n;
}

static rt_status plot_key(const struct rt_report *r, const char *key, double *steps, double *values,
                          struct rt_error *err)
{
    char name[256], title[4400];
    const int64_t count = collect(r->history, key, steps, values);
    if (count == 0)
        return RT_OK;
    snprintf(name, sizeof name, "training_%s.png", key);
    for (char *c = name; *c != '\0'; c++)
        if (*c == '/')
            *c = '_';
    snprintf(title, sizeof title, "training %s of %s", key, r->opt.output_dir);
    const struct rt_curve curve = { rt_utf8_only(title), "step", key, steps, values, count };
    return rt_plot_write(r->opt.output_dir, name, &curve, err);
}

static bool is_evaluation(const char *key)
{
    const size_t length = strlen(key);
    return strncmp(key, "eval_", 5) == 0 && (strcmp(key + length - 5, "_loss") == 0 ||
                                             (length > 9 && strcmp(key + length - 9, "_accuracy") == 0));
}

/* Every evaluation's loss and accuracy, each once. */
static rt_status plot_evaluations(const struct rt_report *r, double *steps, double *values,
                                  struct rt_error *err)
{
    rt_status st = RT_OK;
    json_t *done = json_object(), *entry;
    if (done == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to plot");
    size_t i;
    json_array_foreach (r->history, i, entry) {
        const char *key;
        json_t *value;
        json_object_foreach (entry, key, value) {
            if (st != RT_OK || !is_evaluation(key) || json_object_get(done, key) != NULL)
                continue;
            if (json_object_set_new(done, key, json_true()) != 0)
                st = rt_fail(err, RT_ERR_MEMORY, "no memory to plot");
            else
                st = plot_key(r, key, steps, values, err);
        }
    }
    json_decref(done);
    return st;
}

rt_status rt_curves_write(struct rt_report *r, struct rt_error *err)
{
    const size_t room = json_array_size(r->history) + 1;
    double *points = calloc(2 * room, sizeof *points);
    if (points == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory to plot %zu logs", room - 1);
    if (collect(r->history, "loss", points, points + room) == 0)
        rt_report_warn(r, "plot_loss: no loss was logged, so there is nothing to plot; lower logging_steps");
    rt_status st = plot_key(r, "loss", points, points + room, err);
    if (st == RT_OK)
        st = plot_evaluations(r, points, points + room, err);
    rt_plot_end();
    free(points);
    return st;
}
